"""What all requests and results have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

VERSION = 1
Fault = dict[str, Any]
"""A StudioError as its `as_dict` gives it: {"problem", "remedy", "values"}."""


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Request(Message):
    version: int = VERSION
