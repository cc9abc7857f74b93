"""Base models."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from studio.domain.jobs.models import ModelReport
from studio.store.tables.base import NEVER_TWICE, Large, Table, Typed

REMOVED = "removed"  # a status


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
    report: Mapped[ModelReport] = mapped_column(Typed(ModelReport), default=ModelReport, server_default="{}")
    folder: Mapped[str] = mapped_column(default="")  # where its fetching worker writes
    worker: Mapped[str] = mapped_column(default="", server_default="")  # engines.base.Handle; empty: none is known
    owner: Mapped[str] = mapped_column(default="")
    created_at: Mapped[float]
