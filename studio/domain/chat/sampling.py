"""A chat request: messages and sampling settings."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_SEED = 2**63 - 1
COMPARISON = "Studio-Comparison"  # HTTP header of a question: `id/size` of those that are asked together


class Message(BaseModel):
    """One turn."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    role: Literal["system", "user", "assistant"]
    content: str


class Sampling(BaseModel):
    """How an answer is drawn. Temperature 0 always takes the likeliest token; `seed` None draws a new one."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    temperature: float = Field(0.7, ge=0, le=2)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(256, ge=1, le=1 << 20)
    seed: int | None = Field(42, ge=0, le=MAX_SEED)
    stop: tuple[str, ...] = Field((), max_length=8)
