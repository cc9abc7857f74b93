"""What a worker reports, one JSON object per line of `events.jsonl`."""

from __future__ import annotations

import json
import math
import time
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_serializer, field_validator

from studio.domain.secrecy import holds_secret, mask_value

Result = TypeVar("Result", bound=BaseModel)


class Event(BaseModel):
    """A fact with the time it became one (`at`, seconds since the epoch)."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    at: float = Field(default_factory=time.time)


def _in_json(value: float) -> float | str:
    """JSON has no NaN; pydantic reads the words for it back as floats."""
    return value if math.isfinite(value) else str(value)


class Progress(Event):
    """`done` of `total` in the stage that is under way, e.g. bytes while downloading. total 0: not known. A run whose
    stage is empty does its steps."""

    kind: Literal["progress"] = "progress"
    stage: str
    done: int = 0
    total: int = 0


class TrainedDataset(BaseModel):
    """What a run trains on of a dataset of its mixture: `rows` are all that it has, `train_rows` those that are trained
    on, `eval_rows` those held out, and `epoch_rows` how many an epoch has of it."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    name: str
    version: int = 1
    format: str = ""
    sha256: str
    weight: float = 1.0
    rows: int = 0
    train_rows: int = 0
    eval_rows: int = 0
    epoch_rows: int = 0
    tokens_per_epoch: int = 0
    dropped_rows: int = 0

    @property
    def reference(self) -> str:
        """By which this very version is found."""
        return f"{self.name}@{self.version}"


class Started(Event):
    """Training begins: all that is known only once model and data are loaded.

    `left_out` says of layers that are meant, but get no adapter, why: each a problem as StudioError.as_dict gives it.
    """

    kind: Literal["started"] = "started"
    total_steps: int
    trainable: int
    parameters: int
    device: str
    precision: str
    train_rows: int
    eval_rows: int
    tokens_per_epoch: int
    dropped_rows: int = 0  # that have nothing to learn within max length
    format: str = ""  # of the dataset
    versions: dict[str, str]
    computed: list[str] = Field(default_factory=list)
    """How, in this order: "packed", "padded" or "one row at a time"; where they are in use, "document attention" and
    "fused LoRA"; "learned positions only" or "whole logits"."""
    left_out: list[dict[str, Any]] = Field(default_factory=list)
    datasets: list[TrainedDataset] = Field(default_factory=list)
    """All that it trains on, where an epoch is anything else than each row of one once."""

    @property
    def epoch_rows(self) -> int:
        return sum(each.epoch_rows for each in self.datasets) if self.datasets else self.train_rows


class Resumed(Event):
    """An earlier attempt had begun; this one goes on after `step`, with the checkpoint at `path`, or from the beginning
    (step 0). `skipped` says which newer checkpoints were damaged, and how."""

    kind: Literal["resumed"] = "resumed"
    step: int
    path: str = ""
    skipped: list[str] = Field(default_factory=list)


class Halved(Event):
    """Memory ran out after `step`; it goes on with smaller micro-batches, more of them to a step.

    `where` is the memory that ran out; `halvings` counts all there were in this run.
    """

    kind: Literal["halved"] = "halved"
    step: int
    batch: int
    accumulation: int
    halvings: int
    where: Literal["device", "host"]


class Step(Event):
    """One optimizer step. `memory` is the worker's (or the device's) memory in bytes, `recent_loss` the mean loss of
    the last ten steps, or of as many as there are; `figures` are the objective's."""

    kind: Literal["step"] = "step"
    step: int
    epoch: float
    loss: float
    recent_loss: float | None = None
    learning_rate: float
    grad_norm: float | None = None
    tokens: int = 0
    tokens_per_second: float = 0.0
    memory: int = 0
    figures: dict[str, float] = Field(default_factory=dict)

    @field_serializer("loss", "recent_loss", "learning_rate", "grad_norm", "tokens_per_second")
    def _finite(self, value: float | None) -> float | str | None:
        return None if value is None else _in_json(value)

    @field_serializer("figures")
    def _all_finite(self, figures: dict[str, float]) -> dict[str, float | str]:
        return {name: _in_json(value) for name, value in figures.items()}


class Evaluated(Event):
    """The loss over the validation rows after `step` steps; `best` where it is the lowest so far. `figures` are the
    objective's."""

    kind: Literal["evaluated"] = "evaluated"
    step: int
    loss: float
    best: bool = False
    figures: dict[str, float] = Field(default_factory=dict)

    @field_serializer("loss")
    def _finite(self, value: float) -> float | str:
        return _in_json(value)

    @field_serializer("figures")
    def _all_finite(self, figures: dict[str, float]) -> dict[str, float | str]:
        return {name: _in_json(value) for name, value in figures.items()}


class Sampled(Event):
    """What the model answered after `step` steps to the fixed prompt at `place`, counted from 0."""

    kind: Literal["sampled"] = "sampled"
    step: int
    place: int
    prompt: str
    text: str


class Saved(Event):
    """A whole checkpoint stands at `path`; `best` where its evaluation is the best so far."""

    kind: Literal["saved"] = "saved"
    step: int
    path: str
    best: bool = False


class Finished(Event):
    """The last word of a worker whose work is whole at `path`. `stopped`: it was asked to end early. `details` are a
    type of domain.jobs: which one, the task decides."""

    kind: Literal["finished"] = "finished"
    path: str
    size: int = 0
    stopped: bool = False
    step: int = 0
    train_loss: float | None = None
    eval_loss: float | None = None
    best_eval_loss: float | None = None
    details: dict[str, Any] = Field(default_factory=dict)

    @field_validator("details", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return value.model_dump(mode="json", exclude_unset=True) if isinstance(value, BaseModel) else value

    def result(self, kind: type[Result]) -> Result:
        """The details as what they are. Raises ValueError where they are something else."""
        return kind.model_validate(self.details)


class Failed(Event):
    """The last word of a worker that could not do its work.

    `fault` has the same with the values apart, so that a page can translate it: {"problem", "remedy", "values"}.
    """

    kind: Literal["failed"] = "failed"
    problem: str
    remedy: str = ""
    fault: dict[str, Any] = Field(default_factory=dict)

    @property
    def fault_payload(self) -> dict[str, Any]:
        """As `StudioError.from_dict` reads it, with its values apart where the worker told them so."""
        return self.fault or {"problem": self.problem, "remedy": self.remedy, "values": {}}


RunEvent = Annotated[
    Progress | Started | Resumed | Halved | Step | Evaluated | Sampled | Saved | Finished | Failed,
    Field(discriminator="kind"),
]
_ADAPTER: TypeAdapter[RunEvent] = TypeAdapter(RunEvent)


def parse_event(line: str | bytes) -> RunEvent | None:
    """The event on a line, or None where the line is damaged or of a kind this version does not know."""
    try:
        if holds_secret(line if isinstance(line, str) else line.decode("utf-8", "replace")):
            return _ADAPTER.validate_python(mask_value(json.loads(line)))
        return _ADAPTER.validate_json(line)
    except ValueError:  # pydantic's own is one
        return None


def format_event(event: Event) -> str:
    """One line of JSON without its newline."""
    return json.dumps(mask_value(event.model_dump(mode="json")), ensure_ascii=False, allow_nan=False)
