"""Training runs with their history, curves and sample answers, and sweeps of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from studio.domain.events import Started
from studio.domain.spec.data import MixedDataset
from studio.store.tables.base import NEVER_TWICE, Large, Table, Typed


class Sweep(Table):
    """Runs that were submitted together: one for each combination of the values in `axes`."""

    __tablename__ = "sweeps"
    __table_args__ = NEVER_TWICE
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    key: Mapped[str | None] = mapped_column(unique=True)  # the same key submits once
    axes: Mapped[dict[str, Any]]
    owner: Mapped[str] = mapped_column(default="")
    created_at: Mapped[float]


class Run(Table):
    """One training run: what was asked, its place in the queue, where its worker is, and the newest word from it.

    An attempt is one worker's time with it. `fault` and `waiting` are {"problem", "remedy", "values"}, words with
    their values apart so that a page can translate them, or empty.
    """

    __tablename__ = "runs"
    __table_args__ = NEVER_TWICE
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    key: Mapped[str | None] = mapped_column(unique=True)  # the same key submits once
    status: Mapped[str] = mapped_column(index=True)
    spec: Mapped[dict[str, Any]]
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"))
    dataset_id: Mapped[int | None] = mapped_column(ForeignKey("datasets.id", ondelete="SET NULL"))
    model_name: Mapped[str]
    dataset_name: Mapped[str]
    dataset_version: Mapped[int] = mapped_column(default=1, server_default="1")
    mixture: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")  # what else: NAME@VERSION=WEIGHT
    sweep_id: Mapped[int | None] = mapped_column(ForeignKey("sweeps.id", ondelete="SET NULL"), index=True)
    parent_id: Mapped[int | None]  # the run that it continues
    continue_from: Mapped[str] = mapped_column(default="", server_default="")  # that run's checkpoint
    # the queue
    position: Mapped[int] = mapped_column(default=0, server_default="0")  # the smallest is next
    held: Mapped[bool] = mapped_column(default=False, server_default="0")
    device: Mapped[str] = mapped_column(default="", server_default="")  # "" wherever there is room, else pinned
    ignore_memory: Mapped[bool] = mapped_column(default=False, server_default="0")  # starts whatever it may need
    waiting: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    # the worker
    placed_on: Mapped[str] = mapped_column(default="", server_default="")
    folder: Mapped[str] = mapped_column(default="")
    worker: Mapped[str] = mapped_column(default="", server_default="")  # engines.base.Handle; empty: none is known
    offset: Mapped[Large] = mapped_column(default=0)  # bytes of events.jsonl already recorded
    attempt: Mapped[int] = mapped_column(default=0, server_default="0")
    attempt_offset: Mapped[Large] = mapped_column(default=0, server_default="0")  # where its events begin
    resumes: Mapped[int] = mapped_column(default=0, server_default="0")  # that nobody asked for
    halvings: Mapped[int] = mapped_column(default=0, server_default="0")  # of the micro-batch, for want of memory
    ending: Mapped[str | None]  # domain.run.Ending
    stop_asked: Mapped[float | None]
    # the newest word
    stage: Mapped[str] = mapped_column(default="")
    stage_done: Mapped[Large] = mapped_column(default=0)
    stage_total: Mapped[Large] = mapped_column(default=0)
    step: Mapped[int] = mapped_column(default=0)
    total_steps: Mapped[int] = mapped_column(default=0)
    started: Mapped[Started | None] = mapped_column(
        Typed(Started, optional=True), default=lambda: None, nullable=False
    )  # None, written as {}, until it has begun
    train_loss: Mapped[float | None]
    eval_loss: Mapped[float | None]
    best_eval_loss: Mapped[float | None]
    best_step: Mapped[int | None]
    checkpoint_step: Mapped[int] = mapped_column(default=0, server_default="0")  # of the newest one
    problem: Mapped[str] = mapped_column(default="")
    remedy: Mapped[str] = mapped_column(default="")
    fault: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    owner: Mapped[str] = mapped_column(default="")
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    ended_at: Mapped[float | None]

    @property
    def dataset_names(self) -> list[str]:
        """Of all datasets, the first one's first."""
        return [self.dataset_name, *(MixedDataset.model_validate(each).pinned[0] for each in self.mixture)]


class Transition(Table):
    """What became of a run, when and why. `reason` is a sentence whose {placeholders} stand in `values`. A note about
    a run that stays as it is has the same status as the line before."""

    __tablename__ = "transitions"
    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    at: Mapped[float]
    status: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    values: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Metric(Table):
    """A step's figures, or (`kind` "eval") an evaluation's. `figures` are the objective's, by name; None where it is no
    number.

    `seq` grows with everything that is recorded of a run, whatever the clock says: bytes of its events read so far.
    """

    __tablename__ = "metrics"
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)  # step | eval
    step: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[Large] = mapped_column(default=0, server_default="0")
    at: Mapped[float]
    loss: Mapped[float | None]
    learning_rate: Mapped[float | None]
    grad_norm: Mapped[float | None]
    tokens_per_second: Mapped[float | None]
    memory: Mapped[Large | None]
    figures: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")


class Sample(Table):
    """What the model answered after `step` steps to the prompt that stands at `place`."""

    __tablename__ = "samples"
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[Large]
    prompt: Mapped[str]
    text: Mapped[str]


Index("runs_newest", Run.created_at.desc())


Index("metrics_newest", Metric.run_id, Metric.seq)
