"""Marks texts that are translated elsewhere."""

from __future__ import annotations


def N_(text: str) -> str:  # noqa: N802 - the name that gettext's tools know
    """The text itself: marks a text for translation where no error and no `translate` shows that it is one."""
    return text
