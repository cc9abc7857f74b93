"""Turns of conversations, in the spellings that datasets have."""
