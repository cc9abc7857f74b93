"""The OpenAI chat protocol, as far as it is spoken here: what is asked, and what is answered."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from studio.domain.chat import LARGEST_SEED, Message, Sampling
from studio.domain.errors import InvalidInput, NotFound, StudioError
from studio.worker.answer import Answer

_NEUTRAL: tuple[Any, ...] = (None, False, 0, "", [], {}, "auto", {"type": "text"})  # ask for nothing
_IGNORED = {"user", "metadata", "store", "safety_identifier", "service_tier", "parallel_tool_calls"}


class ChatRequest(BaseModel):
    """What a client may ask. What is unknown here and would change the answer is refused, not passed over."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    model: str
    messages: list[Message] = Field(min_length=1)
    stream: bool = False
    stream_options: dict[str, Any] | None = None
    temperature: float = Field(1.0, ge=0, le=2)
    top_p: float = Field(1.0, gt=0, le=1)
    max_tokens: int | None = Field(None, ge=1)
    seed: int | None = Field(None, ge=0, le=LARGEST_SEED)
    stop: list[str] = Field([], max_length=8)
    n: Literal[1] = 1

    @model_validator(mode="before")
    @classmethod
    def _drop_what_asks_for_nothing(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        kept = {k: v for k, v in values.items() if k not in _IGNORED and v is not None}
        if "max_completion_tokens" in kept:
            kept["max_tokens"] = kept.pop("max_completion_tokens")
        return {k: v for k, v in kept.items() if k in cls.model_fields or v not in _NEUTRAL}

    @field_validator("stop", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("messages", mode="before")
    @classmethod
    def _plain_messages(cls, value: Any) -> Any:
        return [_plain(m) if isinstance(m, Mapping) else m for m in value] if isinstance(value, list) else value

    def sampling(self, room: int) -> Sampling:
        """`room` is how many tokens the context still holds."""
        wanted = room if self.max_tokens is None else min(self.max_tokens, room)
        return Sampling(
            temperature=self.temperature, top_p=self.top_p, max_tokens=wanted, seed=self.seed, stop=tuple(self.stop)
        )


def _plain(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message whose content may be a list of text parts, and whose system may be called developer."""
    kept = {k: v for k, v in message.items() if v not in _NEUTRAL and k != "name"}
    content = kept.get("content", "")
    if isinstance(content, list) and all(isinstance(p, Mapping) and p.get("type") == "text" for p in content):
        content = "".join(str(p.get("text", "")) for p in content)
    return kept | {"content": content, "role": "system" if kept.get("role") == "developer" else kept.get("role")}


def read_request(body: Any) -> ChatRequest:
    """Raises InvalidInput that names the field at fault."""
    try:
        return ChatRequest.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidInput(
            "{field}: {reason}.",
            "Mend the request.",
            field=".".join(map(str, first["loc"])) or "body",
            reason=first["msg"].rstrip("."),
        ) from error


def status_of(error: StudioError) -> int:
    """HTTP's word for an error."""
    if isinstance(error, NotFound):
        return 404
    return 400 if isinstance(error, InvalidInput) else 500


def error_body(error: StudioError, status: int) -> dict[str, Any]:
    """In OpenAI's form. `studio` is beyond it: the parts of the message, for a page that translates them."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": str(error), "type": kind, "param": None, "code": None, "studio": error.as_dict()}}


class Reply:
    """One answer in the protocol's words. Every object carries the timings so far, beyond the protocol."""

    def __init__(self, id: str, model: str, answer: Answer) -> None:
        self._head = {"id": f"chatcmpl-{id}", "created": int(time.time()), "model": model}
        self._answer = answer

    def chunk(self, text: str, finish: str, *, first: bool) -> dict[str, Any]:
        """A piece of a streamed answer; the last one has the finish reason and the usage."""
        delta = ({"role": "assistant"} if first else {}) | ({"content": text} if text or first else {})
        choice = {"index": 0, "delta": delta, "finish_reason": _REASONS.get(finish), "logprobs": None}
        end = {"usage": self._usage()} if finish else {}
        return {**self._head, "object": "chat.completion.chunk", "choices": [choice], **end, **self._extra()}

    def whole(self, text: str, finish: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": _REASONS.get(finish), "logprobs": None}
        return {
            **self._head, "object": "chat.completion", "choices": [choice], "usage": self._usage(), **self._extra(),
        }  # fmt: skip

    def _usage(self) -> dict[str, int]:
        read, written = len(self._answer.prompt), self._answer.timings.tokens
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}

    def _extra(self) -> dict[str, Any]:
        return {
            "timings": self._answer.timings.as_dict(),
            "seed": self._answer.sampler.seed,
            "alone": self._answer.alone,
        }


_REASONS = {"stop": "stop", "length": "length", "cancelled": "stop"}
