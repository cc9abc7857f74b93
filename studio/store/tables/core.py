"""The catalogue's tables. Times are seconds since the epoch, sizes bytes, paths absolute."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Large = Annotated[int, mapped_column(BigInteger().with_variant(Integer(), "sqlite"))]
"""May be beyond 2^31; an integer of SQLite may be in any case."""
NEVER_TWICE: dict[str, Any] = {"sqlite_autoincrement": True}
"""An id is never given twice: folders, votes and evaluations know a row by it."""


class Table(DeclarativeBase):
    type_annotation_map: ClassVar = {dict[str, Any]: JSON, list[Any]: JSON}

    def as_dict(self) -> dict[str, Any]:
        return {column.key: getattr(self, column.key) for column in self.__table__.columns}


class Model(Table):
    """A base model. `path` is empty until it is ready."""

    __tablename__ = "models"
    __table_args__ = NEVER_TWICE
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    reference: Mapped[str]  # the Hub id it is known by, or the folder it was added from
    source: Mapped[str]  # starter | hub | folder
    origin: Mapped[str] = mapped_column(default="")  # where the bytes came from, in words
    revision: Mapped[str] = mapped_column(default="")  # commit on the Hub; empty for a folder
    path: Mapped[str] = mapped_column(default="")
    status: Mapped[str] = mapped_column(default="preparing")  # preparing | ready | failed
    stage: Mapped[str] = mapped_column(default="")
    done: Mapped[Large] = mapped_column(default=0)
    total: Mapped[Large] = mapped_column(default=0)
    problem: Mapped[str] = mapped_column(default="")
    remedy: Mapped[str] = mapped_column(default="")
    size: Mapped[Large] = mapped_column(default=0)
    parameters: Mapped[Large] = mapped_column(default=0)
    architecture: Mapped[str] = mapped_column(default="")
    license: Mapped[str] = mapped_column(default="")
    context: Mapped[int] = mapped_column(default=0)  # tokens
    chat_template: Mapped[bool] = mapped_column(default=False)
    report: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    folder: Mapped[str] = mapped_column(default="")  # where its fetching worker writes
    pid: Mapped[int | None]
    process_started: Mapped[float | None]
    owner: Mapped[str] = mapped_column(default="")
    created_at: Mapped[float]


class Dataset(Table):
    """One version of a dataset, which never changes once it is ready. What heals it makes the next version.

    `sha256` is the hash of its rows as lines of the clean file. `path` holds the first original, `rows_path` the
    rows as Arrow, `folder` what its intake worker wrote. `steps` is the whole way from the files to this version.
    """

    __tablename__ = "datasets"
    __table_args__ = (UniqueConstraint("name", "version", name="uq_datasets_name_version"), NEVER_TWICE)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    parent_id: Mapped[int | None]
    steps: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    format: Mapped[str]
    sha256: Mapped[str] = mapped_column(index=True)
    file_name: Mapped[str]
    path: Mapped[str]
    rows_path: Mapped[str]
    rows: Mapped[Large]
    size: Mapped[Large]
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)  # see worker.ingest.task
    status: Mapped[str] = mapped_column(default="reading", server_default="ready")  # reading | unclear | ready | failed
    stage: Mapped[str] = mapped_column(default="", server_default="")
    done: Mapped[Large] = mapped_column(default=0, server_default="0")
    total: Mapped[Large] = mapped_column(default=0, server_default="0")
    problem: Mapped[str] = mapped_column(default="", server_default="")
    remedy: Mapped[str] = mapped_column(default="", server_default="")
    folder: Mapped[str] = mapped_column(default="", server_default="")
    pid: Mapped[int | None]
    process_started: Mapped[float | None]
    owner: Mapped[str] = mapped_column(default="")
    created_at: Mapped[float]

    @property
    def reference(self) -> str:
        """By which this very version is found."""
        return f"{self.name}@{self.version}"

    @property
    def own_folder(self) -> Path:
        """`folder`; of a version from before versions had one, that of its rows."""
        return Path(self.folder or Path(self.rows_path).parent)

    @property
    def trainable_rows(self) -> int:
        """Rows that training learns from: an answer that is rated bad is none."""
        trainable: int = self.details.get("trainable", self.rows)
        return trainable

    @property
    def bad_rows(self) -> int:
        """Rows of the file that are left out because something is wrong with them."""
        bad: int = self.details.get("bad_rows", 0)
        return bad


class ColumnMap(Table):
    """Which columns hold what, as a person said of a file with this header."""

    __tablename__ = "column_maps"
    header: Mapped[str] = mapped_column(primary_key=True)  # domain.dataset_formats.header_key
    layout: Mapped[dict[str, Any]]
    created_at: Mapped[float]


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
    pid: Mapped[int | None]
    process_started: Mapped[float | None]
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
    started: Mapped[dict[str, Any]] = mapped_column(default=dict)  # the Started event
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
    """A step's figures, or (`kind` "eval") an evaluation's.

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


class Sample(Table):
    """What the model answered after `step` steps to the prompt that stands at `place`."""

    __tablename__ = "samples"
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[Large]
    prompt: Mapped[str]
    text: Mapped[str]


class Adapter(Table):
    """A trained adapter with its whole lineage, kept even when what it was made from is gone."""

    __tablename__ = "adapters"
    __table_args__ = (
        UniqueConstraint("run_id", "checkpoint", name="uq_adapters_run_id_checkpoint"),
        NEVER_TWICE,
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    path: Mapped[str]
    size: Mapped[Large]
    model_id: Mapped[int | None] = mapped_column(ForeignKey("models.id", ondelete="SET NULL"), index=True)
    base_name: Mapped[str]
    base_reference: Mapped[str]
    base_source: Mapped[str]
    base_revision: Mapped[str] = mapped_column(default="")
    base_license: Mapped[str] = mapped_column(default="")
    dataset_id: Mapped[int | None] = mapped_column(ForeignKey("datasets.id", ondelete="SET NULL"))
    dataset_name: Mapped[str]
    dataset_version: Mapped[int] = mapped_column(default=1, server_default="1")
    dataset_sha256: Mapped[str]
    dataset_rows: Mapped[Large]
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"))
    checkpoint: Mapped[int] = mapped_column(default=0, server_default="0")  # 0: what the run ended with, else its step
    spec: Mapped[dict[str, Any]]
    seed: Mapped[int]
    versions: Mapped[dict[str, Any]]
    steps: Mapped[int]
    train_loss: Mapped[float | None]
    eval_loss: Mapped[float | None]
    best_eval_loss: Mapped[float | None]
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)  # trainable, parameters, device, precision
    hub_repo: Mapped[str] = mapped_column(default="")
    hub_url: Mapped[str] = mapped_column(default="")
    hub_commit: Mapped[str] = mapped_column(default="")
    hub_pushed_at: Mapped[float | None]
    owner: Mapped[str] = mapped_column(default="")
    started_at: Mapped[float | None]
    created_at: Mapped[float]


Index("runs_newest", Run.created_at.desc())
Index("metrics_newest", Metric.run_id, Metric.seq)
