"""The OpenAI chat protocol with extensions: requests and responses."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from studio.domain.chat.sampling import MAX_SEED, Message, Sampling
from studio.domain.chat.template_faults import TemplateExceeds
from studio.domain.columns import BASE, STRONGEST
from studio.domain.errors import InvalidInput, NotFound, StudioError
from studio.worker.decoding.sequence import AdapterSet, Comparison, Delta, GeneratedSequence

_NEUTRAL: tuple[Any, ...] = (None, False, 0, "", [], {}, "auto", {"type": "text"})  # ask for nothing
_IGNORED = {"user", "metadata", "store", "safety_identifier", "service_tier", "parallel_tool_calls"}


class Acting(BaseModel):
    """An adapter and how strongly it acts."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    name: str
    strength: float = Field(1.0, ge=0, le=STRONGEST)


class Subject(BaseModel):
    """Who answers: the base or an adapter by the name `model`, or (beyond the protocol) the `adapters` together."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    model: str
    adapters: list[Acting] | None = Field(None, max_length=8)
    messages: list[Message] = Field(min_length=1)

    @property
    def adapter_set(self) -> AdapterSet:
        if self.adapters is None:
            return () if self.model == BASE else ((self.model, 1.0),)
        return tuple((a.name, a.strength) for a in self.adapters if a.strength)

    @field_validator("messages", mode="before")
    @classmethod
    def _plain_messages(cls, value: Any) -> Any:
        return [_plain(m) if isinstance(m, Mapping) else m for m in value] if isinstance(value, list) else value


class ReadingRequest(Subject):
    """How likely is this answer? In words, or as the token ids of an answer that was written here."""

    answer: str = ""
    tokens: list[int] | None = None


class ReadingsRequest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    readings: list[ReadingRequest] = Field(min_length=1, max_length=64)


class ChatRequest(Subject):
    """What a client may ask. What is unknown here and would change the answer is refused, not passed over."""

    stream: bool = False
    stream_options: dict[str, Any] | None = None
    temperature: float = Field(1.0, ge=0, le=2)
    top_p: float = Field(1.0, gt=0, le=1)
    max_tokens: int | None = Field(None, ge=1)
    seed: int | None = Field(None, ge=0, le=MAX_SEED)
    stop: list[str] = Field([], max_length=8)
    n: Literal[1] = 1
    logprobs: bool = False

    @model_validator(mode="before")
    @classmethod
    def _drop_what_asks_for_nothing(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        fields = {k: v for k, v in values.items() if k not in _IGNORED and v is not None}
        if "max_completion_tokens" in fields:
            fields["max_tokens"] = fields.pop("max_completion_tokens")
        return {k: v for k, v in fields.items() if k in cls.model_fields or v not in _NEUTRAL}

    @field_validator("stop", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    def sampling(self, room: int) -> Sampling:
        """`room` is how many tokens the context still holds."""
        limit = room if self.max_tokens is None else min(self.max_tokens, room)
        return Sampling(
            temperature=self.temperature, top_p=self.top_p, max_tokens=limit, seed=self.seed, stop=tuple(self.stop)
        )


def _plain(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message whose content may be a list of text parts, and whose system may be called developer."""
    fields = {k: v for k, v in message.items() if v not in _NEUTRAL and k != "name"}
    content = fields.get("content", "")
    if isinstance(content, list) and all(isinstance(p, Mapping) and p.get("type") == "text" for p in content):
        content = "".join(str(p.get("text", "")) for p in content)
    return fields | {"content": content, "role": "system" if fields.get("role") == "developer" else fields.get("role")}


Request = TypeVar("Request", bound=BaseModel)


def read_request(kind: type[Request], body: Any) -> Request:
    """Raises InvalidInput that names the field at fault."""
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidInput(
            "{field}: {reason}.",
            "Fix the request.",
            field=".".join(map(str, first["loc"])) or "body",
            reason=first["msg"].rstrip("."),
        ) from error


def comparison_in(header: str) -> Comparison | None:
    """What the header COMPARISON says; a client that says something else is answered all the same."""
    id, _, size = header.rpartition("/")
    return Comparison(id, int(size)) if id and size.isascii() and size.isdecimal() and len(size) < 3 else None


def status_of(error: StudioError) -> int:
    """HTTP's word for an error."""
    if isinstance(error, NotFound):
        return 404
    return 400 if isinstance(error, InvalidInput | TemplateExceeds) else 500


def error_body(error: StudioError, status: int) -> dict[str, Any]:
    """In OpenAI's form. `studio` is beyond it: the parts of the message, for a page that translates them."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": str(error), "type": kind, "param": None, "code": None, "studio": error.as_dict()}}


class Reply:
    """One answer in the protocol's words. Every object carries the timings so far, beyond the protocol."""

    def __init__(self, id: str, request: ChatRequest, answer: GeneratedSequence) -> None:
        self._head = {"id": f"chatcmpl-{id}", "created": int(time.time()), "model": request.model}
        self._answer = answer
        self._tells_tokens = request.logprobs

    def chunk(self, piece: Delta, *, first: bool) -> dict[str, Any]:
        """A piece of a streamed answer; the last one has the finish reason and the usage."""
        delta = ({"role": "assistant"} if first else {}) | ({"content": piece.text} if piece.text or first else {})
        end = {"usage": self._usage()} if piece.finish else {}
        choice = {"index": 0, "delta": delta, **self._ending(piece)}
        return {**self._head, "object": "chat.completion.chunk", "choices": [choice], **end, **self._extra()}

    def whole(self, answer: Delta) -> dict[str, Any]:
        choice = {"index": 0, "message": {"role": "assistant", "content": answer.text}, **self._ending(answer)}
        return {
            **self._head, "object": "chat.completion", "choices": [choice], "usage": self._usage(), **self._extra(),
        }  # fmt: skip

    def _ending(self, piece: Delta) -> dict[str, Any]:
        """`id` of a token is beyond the protocol: a text can be cut into tokens in more than one way."""
        token_entries = [
            {
                "token": t.text,
                "logprob": t.log_probability,
                "bytes": list(t.text.encode()),
                "top_logprobs": [],
                "id": t.id,
            }
            for t in piece.tokens
        ]
        logprobs = {"content": token_entries} if self._tells_tokens else None
        return {"finish_reason": _REASONS.get(piece.finish), "logprobs": logprobs}

    def _usage(self) -> dict[str, int]:
        read, completion = len(self._answer.prompt), self._answer.timings.tokens
        return {"prompt_tokens": read, "completion_tokens": completion, "total_tokens": read + completion}

    def _extra(self) -> dict[str, Any]:
        return {
            "timings": self._answer.timings.as_dict(),
            "seed": self._answer.sampler.seed,
            "alone": self._answer.alone_reason,
        }


_REASONS = {"stop": "stop", "length": "length", "cancelled": "stop"}
