"""Text that is written in parts, as the formats of OpenAI, Anthropic, Gemini and ChatGPT's own export have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEYS = ("text", "value", "content", "parts")  # of an object that holds a text, or parts of it
_MEDIA_TYPES = ("image", "audio", "video")
_MEDIA_KEYS = ("inlinedata", "inline_data", "filedata", "file_data", "image", "image_url", "audio", "video")
_MEDIA_COLUMNS = {
    name + ending
    for name in ("image", "img", "picture", "photo", "video", "audio")
    for ending in ("", "s", "_path", "_paths", "_url", "_urls", "_file", "_files", "_bytes")
}


class NotText(ValueError):
    """A part is something else; `media` says that it is a picture, a sound or a video."""

    def __init__(self, *, media: bool) -> None:
        self.media = media


def text_of_parts(value: Any) -> str | None:
    """The text of a list of parts, or of one object that holds some; None where it is neither.

    Raises:
        NotText: one of the parts has no text.
    """
    if isinstance(value, Mapping):
        if is_media(value):
            raise NotText(media=True)
        key = next((key for key in _KEYS if key in value), None)
        inner = value[key] if key is not None else None
        if isinstance(inner, list) and key == "parts":
            return "".join(part if isinstance(part, str) else _part(part) for part in inner)
        return inner if isinstance(inner, str) else None if inner is None else text_of_parts(inner)
    if isinstance(value, list) and (not value or any(isinstance(part, Mapping) for part in value)):
        return "".join(part if isinstance(part, str) else _part(part) for part in value)
    return None


def is_parts(value: Any) -> bool:
    """Whether it is the list of the parts of one text, and not one of turns."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(part, Mapping) and ("type" in part or len(part) == 1) and "role" not in part for part in value
        )
    )


def is_plain_part(value: Any) -> bool:
    """Whether it is an object that holds a text, and does not say of which type it is."""
    return isinstance(value, Mapping) and "type" not in value and any(isinstance(value.get(key), str) for key in _KEYS)


def _part(part: Any) -> str:
    if isinstance(part, Mapping) and "text" not in str(part.get("type", "text")):
        raise NotText(media=is_media(part))
    text = text_of_parts(part)
    if text is None:
        raise NotText(media=False)
    return text


def is_media(part: Mapping[str, Any]) -> bool:
    kind = str(part.get("type", "")).lower()
    return any(word in kind for word in _MEDIA_TYPES) or any(
        str(key).lower() in _MEDIA_KEYS and part[key] is not None for key in part
    )


def is_media_column(name: str) -> bool:
    """Whether pictures, sounds or videos stand in a column of that name."""
    return str(name).strip().lower() in _MEDIA_COLUMNS
