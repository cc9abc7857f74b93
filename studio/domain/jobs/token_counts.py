"""The task `count-tokens`."""

from __future__ import annotations

from pydantic import Field

from studio.domain.chat.templates import TemplateChoice
from studio.domain.jobs.message import Message, Request
from studio.domain.jobs.models import ModelReference
from studio.domain.spec.objectives import SftSpec


class SplitRequest(Message):
    share: float
    seed: int


class ValidationRows(Message):
    name: str = ""
    rows_path: str
    unit: str = "row"


class CountTokensRequest(Request):
    """`looks_for` counts up with what the worker looks for, so that what an older one found is not taken for all."""

    looks_for: int = 0
    rows_path: str
    model: ModelReference
    chat_template: TemplateChoice = "auto"
    max_length: int
    answers_only: bool = True
    objective: str = SftSpec.kind
    split: SplitRequest | None = None
    validation: ValidationRows | None = None


class Histogram(Message):
    """`counts[i]` rows are at least `edges[i]` and less than `edges[i + 1]` tokens long."""

    edges: list[int]
    counts: list[int]


class TokenSummary(Message):
    """Sums over all rows, and their lengths in tokens. `trained` are tokens with a loss, `lost` those beyond max
    length; `roles` counts each role's own words, `problems` by code."""

    rows: int = 0
    tokens: int = 0
    trained: int = 0
    lost: int = 0
    lost_trained: int = 0
    longest: int = 0
    median: int = 0
    p95: int = 0
    histogram: Histogram = Histogram(edges=[0, 1], counts=[0])
    roles: dict[str, int] = Field(default_factory=dict)
    problems: dict[str, int] = Field(default_factory=dict)
    train_rows: int = 0
    eval_rows: int = 0
    seconds: float = 0.0
