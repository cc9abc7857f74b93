"""Adapters."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from studio.domain.jobs.training import AdapterDetails
from studio.domain.spec.data import MixedDataset
from studio.store.tables.base import NEVER_TWICE, Large, Table, Typed


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
    mixture: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")  # what else: NAME@VERSION=WEIGHT
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"))
    checkpoint: Mapped[int] = mapped_column(default=0, server_default="0")  # 0: what the run ended with, else its step
    spec: Mapped[dict[str, Any]]
    seed: Mapped[int]
    versions: Mapped[dict[str, Any]]
    steps: Mapped[int]
    train_loss: Mapped[float | None]
    eval_loss: Mapped[float | None]
    best_eval_loss: Mapped[float | None]
    details: Mapped[AdapterDetails] = mapped_column(Typed(AdapterDetails), default=AdapterDetails)
    hub_repo: Mapped[str] = mapped_column(default="")
    hub_url: Mapped[str] = mapped_column(default="")
    hub_commit: Mapped[str] = mapped_column(default="")
    hub_pushed_at: Mapped[float | None]
    owner: Mapped[str] = mapped_column(default="")
    started_at: Mapped[float | None]
    created_at: Mapped[float]

    @property
    def dataset_names(self) -> list[str]:
        """Of all datasets, the first one's first."""
        return [self.dataset_name, *(MixedDataset.model_validate(each).pinned[0] for each in self.mixture)]
