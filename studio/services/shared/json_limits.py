"""Limits for JSON that pages send to be stored: complete, finite and not too large."""

from __future__ import annotations

import json
from typing import Any

from studio.domain.errors import InvalidInput

MAX_BYTES = 2_000_000


def kept_text(text: str) -> str:
    """The text as any database takes it: without half characters and zero bytes."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def kept_json(value: Any, field: str) -> Any:
    """The value as JSON has it.

    Raises:
        InvalidInput: it is no JSON, or larger than 2 MB; `fields` has it at `field`.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        fault = InvalidInput(
            "“{field}” cannot be kept: {reason}.", "Reload the page and try again.", field=field, reason=error
        )
        raise InvalidInput.at(field, fault) from error
    data = text.encode("utf-8", "replace")
    if len(data) > MAX_BYTES:
        fault = InvalidInput(
            "“{field}” has {size:.1f} MB; at most {most:.0f} MB are kept.",
            "Start a new conversation, or ask for shorter answers.",
            field=field, size=len(data) / 1e6, most=MAX_BYTES / 1e6,
        )  # fmt: skip
        raise InvalidInput.at(field, fault)
    return json.loads(data)
