"""Base models: added, checked, removed, and what is known of their layers and chat templates."""
