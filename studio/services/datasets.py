"""Datasets: files taken in, their rows checked and kept, looked at, deleted."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock

from studio.domain.chat_spans import Render, answer_spans
from studio.domain.errors import InvalidInput, StudioError
from studio.domain.naming import LONGEST_NAME, check_name
from studio.services.chat_template import load_chat_template
from studio.services.dataset_files import check_suffix
from studio.services.dataset_intake import take_in
from studio.store.catalogue import Catalogue
from studio.store.row_file import read_rows
from studio.store.run_folder import whole_folder
from studio.store.tables import Dataset, Model

_ROWS = "rows.arrow"
_CHUNK = 1 << 20
_NOT_IN_FILE_NAMES = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')


class Datasets:
    """`folder` has one folder for each content, named by its hash, which datasets of that content share."""

    def __init__(self, catalogue: Catalogue, folder: Path) -> None:
        self._catalogue = catalogue
        self._folder = folder
        self._lock = FileLock(folder / ".lock")

    def add(self, file: Path, name: str | None = None, *, file_name: str | None = None, owner: str = "") -> Dataset:
        """Takes in a .jsonl, .ndjson, .json, .csv, .tsv or .parquet file; the file itself is left alone.

        Args:
            name: What the dataset is called; without one, by its file. The same content under the same name, or
                again without one, is the dataset that there is already.
            file_name: What the file was called where it came from, when `file` is an upload under another name.

        Raises:
            InvalidInput: the file or the name cannot be used; nothing is left behind. It is a `BadRows`, with every
                problem, where rows are at fault.
            StudioError: there is no room, or the folder cannot be written.
        """
        shown = Path(file_name or file).name
        _check_regular(file, shown)
        check_suffix(shown)
        wanted = _name_of_file(shown) if name is None else check_name(name)
        with self._lock, self._copied(file, shown) as (copy, sha256):
            same = [d for d in self._catalogue.datasets() if d.sha256 == sha256]
            for known in same:
                if known.owner == owner and (known.name == wanted or (name is None and known.file_name == shown)):
                    return known
            free = self._catalogue.free_name(Dataset, wanted)
            if name is None:
                wanted = free
            elif wanted != free:
                raise _name_taken(wanted)
            fields = _shared_fields(same[0]) if same else self._take_in(copy, sha256, shown)
            return self._catalogue.add_dataset(name=wanted, sha256=sha256, file_name=shown, owner=owner, **fields)

    @contextmanager
    def _copied(self, file: Path, shown: str) -> Iterator[tuple[Path, str]]:
        """A copy of the file in our folder, and its hash. What is checked is the copy, which nobody changes."""
        copy = self._folder / ".incoming"
        try:
            with _opened(file, shown) as source:
                digest = hashlib.sha256()
                with copy.open("wb") as target:
                    while chunk := source.read(_CHUNK):
                        digest.update(chunk)
                        target.write(chunk)
            yield copy, digest.hexdigest()
        except OSError as error:
            raise StudioError(
                "The dataset cannot be stored: {reason}.",
                "See that the disk has room and that {path} can be written.",
                reason=error.strerror or str(error), path=self._folder,
            ) from error  # fmt: skip
        finally:
            with suppress(OSError):
                copy.unlink()

    def _take_in(self, copy: Path, sha256: str, shown: str) -> dict[str, Any]:
        folder = self._folder / sha256
        kept = _NOT_IN_FILE_NAMES.sub("_", shown)[-60:]
        with whole_folder(folder) as new:
            original = copy.rename(new / kept)
            size = original.stat().st_size
            intake = take_in(original, new / _ROWS, shown)
        return {
            "path": str(folder / kept), "rows_path": str(folder / _ROWS), "size": size,
            "format": intake.format.value, "rows": intake.rows, "details": intake.details(),
        }  # fmt: skip

    def add_sample(self, owner: str = "") -> Dataset:
        """The dataset that comes with the studio; the one there is where it was added before."""
        from studio.samples import sample_path

        return self.add(sample_path(), owner=owner)

    def list(self) -> Sequence[Dataset]:
        """Newest first."""
        return self._catalogue.datasets()

    def get(self, name: str) -> Dataset:
        """Raises NotFound."""
        return self._catalogue.dataset(name)

    def preview(self, name: str, offset: int = 0, limit: int = 50, *, model: Model | None = None) -> dict[str, Any]:
        """Up to `limit` rows (at most 1,000) from row `offset` on, the dataset's `format`, and `total` rows in all.

        A row is {"messages": [{"role", "content"}, …]} or {"text": …}. With a model it has `rendered` too, the text
        as that model sees it, and `spans`, the [start, end) characters of it that are trained; or, where the model's
        chat template refuses the row, `error`, a StudioError.

        Raises:
            NotFound: there is no such dataset.
            StudioError: its file is gone, or the model is not ready or its chat template is damaged.
        """
        dataset = self._catalogue.dataset(name)
        try:
            rows = read_rows(dataset.rows_path, max(0, offset), min(max(1, limit), 1000))
        except OSError as error:
            raise StudioError(
                "The rows of “{name}” cannot be read: {reason}.", "Delete the dataset and add its file again.",
                name=name, reason=error.strerror or str(error),
            ) from error  # fmt: skip
        if model is not None:
            rows = _rendered(rows, model)
        return {"rows": rows, "total": dataset.rows, "format": dataset.format}

    def delete(self, name: str) -> None:
        """Takes the dataset out of the catalogue, and its files off the disk unless another dataset shares them.
        Adapters keep its name and hash.

        Raises:
            NotFound: there is no such dataset.
            InvalidInput: a run that waits or is under way needs it.
            StudioError: its files cannot be removed; nothing has changed then.
        """
        with self._lock:
            dataset = self._catalogue.dataset(name)
            if self._catalogue.dataset_is_in_use(dataset.id):
                raise InvalidInput(
                    "The dataset “{name}” is needed by a run that is not over.",
                    "Wait until the run is over, or stop it.", name=name,
                )  # fmt: skip
            shared = any(d.sha256 == dataset.sha256 and d.id != dataset.id for d in self._catalogue.datasets())
            folder = self._folder / dataset.sha256
            doomed = folder.with_name(f".{folder.name}.deleted")
            shutil.rmtree(doomed, ignore_errors=True)
            try:
                if not shared and folder.exists():
                    folder.rename(doomed)
            except OSError as error:
                raise StudioError(
                    "The files of “{name}” cannot be removed: {reason}.",
                    "Close programs that use {path}, or mend its permissions.",
                    name=name, reason=error.strerror or str(error), path=folder,
                ) from error  # fmt: skip
            self._catalogue.delete_dataset(dataset.id)
            shutil.rmtree(doomed, ignore_errors=True)


def _rendered(rows: Sequence[dict[str, Any]], model: Model) -> list[dict[str, Any]]:
    if model.status != "ready":
        raise StudioError("The base model “{name}” is not ready yet.", "Wait until it is.", name=model.name)
    template = load_chat_template(model.path) if any("messages" in row for row in rows) else None
    return [row | _as_seen(row, template) for row in rows]


def _as_seen(row: dict[str, Any], template: Render | None) -> dict[str, Any]:
    if template is None:
        return {"rendered": row["text"], "spans": [(0, len(row["text"]))]}
    try:
        rendered, spans = answer_spans(row["messages"], template)
    except StudioError as error:
        return {"error": error}
    return {"rendered": rendered, "spans": spans}


def _name_taken(name: str) -> InvalidInput:
    fault = StudioError("There is already a dataset named “{name}”.", "Choose another name.", name=name)
    return InvalidInput(fault.template, fault.remedy_template, fields={"name": fault}, **fault.values)


def _shared_fields(dataset: Dataset) -> dict[str, Any]:
    """What two datasets of the same content have in common."""
    return {key: getattr(dataset, key) for key in ("path", "rows_path", "size", "format", "rows", "details")}


def _name_of_file(file_name: str) -> str:
    """A name that can stand, with room for a number behind it."""
    stem = "".join(c if c.isprintable() and c not in "/\\" else " " for c in Path(file_name).stem)
    return stem.strip()[: LONGEST_NAME - 6].strip() or "dataset"


def _check_regular(file: Path, shown: str) -> None:
    if file.is_dir():
        raise InvalidInput("“{file}” is a folder.", "Choose one file with the rows in it.", file=shown)
    if file.exists() and not file.is_file():
        raise InvalidInput("“{file}” is not a regular file.", "Choose a file on the disk.", file=shown)


def _opened(file: Path, shown: str) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise InvalidInput(
            "“{file}” cannot be read: {reason}.", "See that it is there and that you may read it.",
            file=shown, reason=error.strerror or str(error),
        ) from error  # fmt: skip
