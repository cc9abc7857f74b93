"""Datasets from the Hugging Face Hub: one split's files, pinned to a commit, read as files are that a person adds.

The library datasets says which files a config and a split are made of, and nothing more. Its load_dataset would keep
an Arrow copy beside the download, and give up all rows for the sake of one that is broken; its streaming starts anew
with every reading, and waits minutes for a network that is gone. The studio's own readers name each broken row
instead, and never decode a picture or a sound. And only files of the repository are read: a card can name others, even
on this machine.
"""

from __future__ import annotations

import glob
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, cached_assets_path, constants, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HFValidationError,
    HTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from studio.domain.datasets.file_format import ReadOptions, check_suffix
from studio.domain.errors import StudioError
from studio.domain.jobs.ingest import HubSource
from studio.domain.translation import N_
from studio.platform.deadline import within
from studio.worker.common.progress import Report
from studio.worker.ingest.readers.multi_file import open_several
from studio.worker.ingest.readers.source import OpenSource
from studio.worker.models.hub import TIMEOUT_SECONDS, Unreachable, byte_bar, check_room, hub_fault

_MAX_LISTED = 20  # names that are listed where one was not found
_CACHE = "adapter-studio"


@dataclass(frozen=True)
class Split:
    """A split at a commit: paths in the repository, and the names of classes by their column of numbers."""

    commit: str
    files: Sequence[str]
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)


def open_hub(source: HubSource, reading: ReadOptions, report: Report) -> tuple[OpenSource, str]:
    """The rows of a split, and the commit that they are of.

    Where the Hub does not answer, a whole split in the cache does.

    Raises:
        Unreachable: the Hub does not answer, and there is none in the cache.
        StudioError: there is no such dataset, revision, config or split, its terms are not accepted, nothing in it can
            be read, or it does not fit on the disk.
    """
    report(N_("Asking the Hugging Face Hub"), 0, 0)
    try:
        split = _find(source)
    except Unreachable:
        if (local_copy := _cached_split(source)) is None:
            raise
        split, folder = local_copy
    else:
        folder = _download(source, split, report)
        _keep(source, split)
    files = [(folder / path, f"{source.repository}/{path}") for path in split.files]
    return open_several(files, reading, split.classes), split.commit


def ask_for(source: HubSource) -> str:
    """The commit that the dataset is at.

    Raises:
        Unreachable: the Hub does not answer.
        StudioError: there is no such dataset or revision, its terms are not accepted, or it comes as code.
    """
    repository, revision = source.repository, source.commit or source.revision or None
    api = HfApi()
    try:
        # One question with a time limit: the library's own retries would take minutes to give up.
        info = within(TIMEOUT_SECONDS, lambda: api.dataset_info(repository, revision=revision, timeout=TIMEOUT_SECONDS))
        if info.gated:
            api.auth_check(repository, repo_type="dataset")
    except (HTTPError, OSError, ValueError) as error:
        raise fault_of(error, source) from error
    script = f"{repository.rpartition('/')[2]}.py"
    if any(file.rfilename == script for file in info.siblings or []):
        raise StudioError(
            "The dataset {repository} comes with its own code ({script}), which is not run.",
            "Many such datasets have a copy without code: enter refs/convert/parquet as the revision.",
            repository=repository, script=script,
        )  # fmt: skip
    return info.sha or ""


def paths_inside(repository: str, commit: str, files: Sequence[object]) -> list[str]:
    """Their paths in the repository. Raises StudioError: one is not of this commit, or of a kind that is not read."""
    inside = f"hf://datasets/{repository}@{commit}/"
    addresses = [str(file) for file in files]
    if outside_files := [address for address in addresses if not address.startswith(inside)]:
        raise StudioError(
            "The card of the dataset {repository} names a file that is not part of this commit: {file}.",
            "Get that file yourself, then add it.", repository=repository, file=outside_files[0],
        )  # fmt: skip
    paths = [address.removeprefix(inside) for address in addresses]
    for path in paths:
        check_suffix(path)
    return paths


def _find(source: HubSource) -> Split:
    repository, commit = source.repository, ask_for(source)
    config = _config(source, commit)
    splits = {str(name): list(files) for name, files in (config.data_files or {}).items()}
    split_name = source.split or "train"
    if split_name not in splits:
        raise StudioError(
            "The dataset {repository} has no split “{split}”; it has {names}.", "Enter one of these.",
            repository=repository, split=split_name, names=_list_names(list(splits)),
        )  # fmt: skip
    paths = paths_inside(repository, commit, splits[split_name])
    return Split(commit, paths, config.classes)


@dataclass(frozen=True)
class _Config:
    data_files: Mapping[str, Sequence[str]] | None
    classes: Mapping[str, Sequence[str]]


def _config(source: HubSource, commit: str) -> _Config:
    """Which files each split of the chosen config has, by the card's word or by their names."""
    datasets = datasets_library()
    repository, name = source.repository, source.config or None
    with tempfile.TemporaryDirectory() as scratch:
        try:
            builder = datasets.load_dataset_builder(repository, name, revision=commit, cache_dir=scratch)
        except Exception as error:  # of any kind: what stands in a card is foreign
            is_answered = isinstance(error, ValueError) and _hub_error(error) is None
            names = _config_names(repository, commit) if is_answered else []
            if name is not None and names and name not in names:
                raise StudioError(
                    "The dataset {repository} has no config “{config}”; it has {names}.", "Enter one of these.",
                    repository=repository, config=name, names=_list_names(names),
                ) from error  # fmt: skip
            if name is None and len(names) > 1:
                raise StudioError(
                    "The dataset {repository} has several configs: {names}.", "Enter the one you want.",
                    repository=repository, names=_list_names(names),
                ) from error  # fmt: skip
            raise not_recognised(error, source) from error
    features = builder.info.features or {}
    classes = {column: kind.names for column, kind in features.items() if isinstance(kind, datasets.ClassLabel)}
    return _Config(builder.config.data_files, {column: names for column, names in classes.items() if names})


def datasets_library() -> Any:
    """The library datasets, which phones nobody else."""
    if sys.modules.get("torch", sys) is None:
        del sys.modules["torch"]  # the worker's word that there is none, which the library takes for one to import
    import datasets

    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False  # else a server elsewhere is told what is opened here
    return datasets


def not_recognised(error: Exception, source: HubSource) -> StudioError:
    """Why the library made nothing of a dataset."""
    if (cause := _hub_error(error)) is not None:
        return fault_of(cause, source)
    return StudioError(
        "No rows were recognised in the dataset {repository}: {reason}.",
        "See its files at {page}; download those with rows and add them.",
        repository=source.repository, page=_page(source.repository), reason=_first_line(error),
    )  # fmt: skip


def _config_names(repository: str, commit: str) -> list[str]:
    import datasets

    try:
        return [str(name) for name in datasets.get_dataset_config_names(repository, revision=commit)]
    except Exception:  # the same that hindered the builder, which is told
        return []


def _download(source: HubSource, split: Split, report: Report) -> Path:
    """The folder of the snapshot in the Hub's own cache, which other programs share."""
    repository, paths = source.repository, list(split.files)
    place: dict[str, Any] = {"repo_type": "dataset", "revision": split.commit}
    try:
        infos = HfApi().get_paths_info(repository, paths, **place)
        total = sum(getattr(file, "size", 0) for file in infos)
        check_room(total)
        patterns = [glob.escape(path) for path in paths]
        bar = byte_bar(report, total)
        return Path(snapshot_download(repository, allow_patterns=patterns, tqdm_class=bar, **place))
    except (HTTPError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno:
            raise  # the disk's word, not the Hub's
        raise fault_of(error, source) from error


def _record(source: HubSource, revision: str) -> Path:
    """Where it is kept which files a split is made of: the cache has files, and does not know which are all."""
    namespace = source.repository.replace("/", "--")
    folder = cached_assets_path(_CACHE, namespace=namespace, subfolder=(revision or "main").replace("/", "--"))
    return folder / f"{source.config or 'default'}--{source.split or 'train'}.json".replace("/", "--")


def _keep(source: HubSource, split: Split) -> None:
    text = json.dumps({"commit": split.commit, "files": split.files, "classes": split.classes})
    for revision in {split.commit, source.commit or source.revision or ""}:
        _record(source, revision).write_text(text, "utf-8")


def _cached_split(source: HubSource) -> tuple[Split, Path] | None:
    """The split and its folder, where a whole one was downloaded before."""
    try:
        record = _record(source, source.commit or source.revision or "")
        split = Split(**json.loads(record.read_text("utf-8")))
        place: dict[str, Any] = {"repo_type": "dataset", "revision": split.commit, "local_files_only": True}
        folder = Path(snapshot_download(source.repository, allow_patterns=list(split.files), **place))
    except (OSError, ValueError, TypeError):  # never downloaded, or cleared away in part
        return None
    return (split, folder) if all((folder / path).is_file() for path in split.files) else None


def fault_of(error: Exception, source: HubSource) -> StudioError:
    """What an exception of the Hub's client means to the person who asked for the dataset."""
    repository, page = source.repository, _page(source.repository)
    match error:
        case GatedRepoError():
            return StudioError(
                "The dataset {repository} is gated: its terms have to be accepted first.",
                "Accept the terms at {page}, save a token of that account in Settings, then add it again.",
                repository=repository, page=page,
            )  # fmt: skip
        case RepositoryNotFoundError() | HFValidationError():
            return StudioError(
                "There is no dataset {repository} at {endpoint}, or it is private.",
                "Check the spelling (owner/name); for a private one, save a token with read access in Settings.",
                repository=repository, endpoint=constants.ENDPOINT,
            )  # fmt: skip
        case RevisionNotFoundError():
            return StudioError(
                "The dataset {repository} has no revision “{revision}”.",
                "Use one of its branches, tags or commits, or leave the revision empty.",
                repository=repository, revision=source.commit or source.revision,
            )  # fmt: skip
    fault = hub_fault(error, repository, None)
    if isinstance(fault, Unreachable):
        return Unreachable(
            "{endpoint} cannot be reached.",
            "Check the network, the proxy and HF_ENDPOINT, or add the dataset's files themselves.",
            endpoint=constants.ENDPOINT,
        )
    return fault


def _hub_error(error: BaseException | None) -> Exception | None:
    """What the Hub's client raised behind an error of the library, where that is what happened."""
    while error is not None:
        if isinstance(error, HTTPError | ConnectionError | TimeoutError) and not isinstance(error, EntryNotFoundError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _page(repository: str) -> str:
    return f"{constants.ENDPOINT}/datasets/{repository}"


def _list_names(names: Sequence[str]) -> str:
    more = [f"… ({len(names)})"] if len(names) > _MAX_LISTED else []
    return ", ".join([*names[:_MAX_LISTED], *more])


def _first_line(error: Exception) -> str:
    lines = chain(str(error).strip().splitlines(), [type(error).__name__])
    return next(line for line in lines if line).rstrip(".")
