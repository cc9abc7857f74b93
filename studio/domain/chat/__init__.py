"""Chats and chat templates."""
