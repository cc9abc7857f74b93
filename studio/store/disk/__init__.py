"""Folders and files with their owner's permissions, deleted atomically, and room kept free."""
