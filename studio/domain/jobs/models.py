"""The tasks `fetch` and `check`: download a base model, or only try one out."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from studio.domain.jobs.message import Message, Request


class ModelReference(Message):
    """A base model as the catalogue has it; `path` is its folder."""

    name: str
    reference: str = ""
    revision: str = ""
    source: str = ""
    path: str = ""


class FetchRequest(Request):
    source: Literal["starter", "hub", "folder"]
    reference: str
    revision: str | None = None


class ModelSummary(Message):
    """What the catalogue keeps of a model that was fetched. `context` is tokens, 0 where it is not known;
    `chat_template` whether it has one, `origin` where the bytes came from, in words."""

    revision: str = ""
    origin: str = ""
    license: str = ""
    parameters: int = 0
    architecture: str = ""
    context: int = 0
    chat_template: bool = False
    report: dict[str, Any] = Field(default_factory=dict)


class CheckRequest(Request):
    """`path` is the folder of a model."""

    path: str


class CheckSummary(Message):
    """`report` is what the check found (see worker.model_check.check)."""

    report: dict[str, Any]
