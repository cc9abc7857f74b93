"""The task `train`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from studio.domain.events import Started, TrainedDataset
from studio.domain.jobs.ingest import DatasetReference
from studio.domain.jobs.message import Fault, Message, Request
from studio.domain.jobs.models import ModelReference
from studio.domain.spec.run_spec import RunSpec


class MixedReference(DatasetReference):
    """A dataset that is trained on beside the first one."""

    weight: float = 1.0


class TrainRequest(Request):
    """`adapter` is the folder that the adapter is to be saved in, `halvings` how often the micro-batch is halved for
    want of memory, `continue_from` a checkpoint of another run, `estimate` the bytes that training is expected to take.
    """

    run: int
    name: str
    spec: RunSpec
    model: ModelReference
    dataset: DatasetReference
    mixture: list[MixedReference] = Field(default_factory=list)
    validation: DatasetReference | None = None
    adapter: str
    device: str = ""
    halvings: int = 0
    continue_from: str | None = None
    attempt: int = 1
    estimate: int | None = None

    def provenance(self) -> dict[str, Any]:
        """What the adapter keeps of it, as plain data."""
        kept = {"run", "name", "spec", "model", "dataset"} | ({"mixture"} if self.mixture else set())
        fields: dict[str, Any] = self.model_dump(mode="json", include=kept)
        return fields

    @property
    def datasets(self) -> list[DatasetReference]:
        """All that are trained on."""
        return [self.dataset, *self.mixture]


class SplitSummary(Message):
    """Which rows were trained on and which were not, so that it can be told, and done again. `share` is that of the
    rows held out, `sha256` of their numbers, `validation` the set that was given instead."""

    seed: int
    share: float
    stratified: bool
    train_rows: int
    eval_rows: int
    kept_together: int
    validation: DatasetReference | None = None
    sha256: str

    @model_validator(mode="before")
    @classmethod
    def _of_version_0(cls, value: Any) -> Any:
        """A validation set was told without the number of its rows."""
        if isinstance(value, Mapping) and isinstance(validation := value.get("validation"), Mapping):
            return {**value, "validation": {"rows": value.get("eval_rows", 0), **validation}}
        return value


class AdapterSummary(Message):
    """The adapter has the weights after `from_step`; `left_out` says which layers have none, and why. `datasets` are
    all, where an epoch is anything else than each row of one once."""

    trained_tokens: int = 0
    learned_tokens_per_epoch: int = 0
    dropped_rows: int = 0
    split: SplitSummary | None = None
    datasets: list[TrainedDataset] = Field(default_factory=list)
    seconds: float = 0.0
    best_step: int | None = None
    from_step: int | None = None
    early_stopped: bool = False
    left_out: list[Fault] = Field(default_factory=list)


class AdapterDetails(AdapterSummary):
    """What the catalogue keeps of how an adapter was trained: what the worker found, at its start and at its end. An
    older studio may have kept less, and what one kept besides stays."""

    model_config = ConfigDict(extra="allow", frozen=True)
    trainable: int | None = None
    parameters: int | None = None
    device: str | None = None
    precision: str | None = None
    format: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_version_0(cls, value: Any) -> Any:
        """Of a run that had not counted them, the rows that were left out were null."""
        is_null = isinstance(value, Mapping) and value.get("dropped_rows", 0) is None
        return {k: v for k, v in value.items() if k != "dropped_rows"} if is_null else value

    @classmethod
    def of_run(cls, summary: AdapterSummary, start_event: Started | None) -> AdapterDetails:
        """Of an adapter that a run ended with, or of a checkpoint of its."""
        at_start = start_event.model_dump(include=set(_OF_START)) if start_event else {}
        return cls.model_validate(summary.model_dump(exclude_unset=True) | at_start)


_OF_START = ("trainable", "parameters", "device", "precision", "dropped_rows", "format", "datasets")
