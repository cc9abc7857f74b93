"""This machine: its hardware, its memory, and time limits."""
