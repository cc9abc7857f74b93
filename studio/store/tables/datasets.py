"""Datasets: a row is one version of one; and the columns that people chose for a header."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from studio.domain.jobs.ingest import DatasetDetails
from studio.store.tables.base import NEVER_TWICE, Large, Table, Typed


class Dataset(Table):
    """One version of a dataset, which never changes once it is ready. Cleaning makes the next version.

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
    details: Mapped[DatasetDetails] = mapped_column(Typed(DatasetDetails), default=DatasetDetails)
    status: Mapped[str] = mapped_column(default="reading", server_default="ready")  # reading | unclear | ready | failed
    stage: Mapped[str] = mapped_column(default="", server_default="")
    done: Mapped[Large] = mapped_column(default=0, server_default="0")
    total: Mapped[Large] = mapped_column(default=0, server_default="0")
    problem: Mapped[str] = mapped_column(default="", server_default="")
    remedy: Mapped[str] = mapped_column(default="", server_default="")
    folder: Mapped[str] = mapped_column(default="", server_default="")
    worker: Mapped[str] = mapped_column(default="", server_default="")  # engines.base.Handle; empty: none is known
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
        return self.rows if self.details.trainable is None else self.details.trainable

    @property
    def bad_rows(self) -> int:
        """Rows of the file that are left out because something is wrong with them."""
        return self.details.bad_rows


class ColumnMap(Table):
    """Which columns hold what, as a person said of a file with this header."""

    __tablename__ = "column_maps"
    header: Mapped[str] = mapped_column(primary_key=True)  # domain.dataset_formats.header_key
    layout: Mapped[dict[str, Any]]
    created_at: Mapped[float]
