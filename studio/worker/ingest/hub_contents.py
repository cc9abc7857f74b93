"""The task `hub-contents`: the configs and splits of a dataset on the Hub, and the files of each, without a download.

They come from the library datasets, as those of a download do (see hub.py), so that what is offered is what is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.errors import HTTPError

from studio.domain.errors import StudioError
from studio.domain.events import Finished
from studio.domain.jobs.hub_contents import HubConfig, HubContents, HubContentsRequest, HubSplit
from studio.domain.jobs.ingest import HubSource
from studio.platform.deadline import within
from studio.store.job_folder import JobFolder
from studio.worker.ingest.hub import ask_for, datasets_library, fault_of, not_recognised, paths_inside

SIZES_SECONDS = 30.0  # seconds for the list of all files
MAX_CONFIGS = 100  # whose splits are looked for at once; those of the others when one is chosen
MAX_FILES = 20  # that are named of a split


def main(path: Path) -> None:
    """The last event is Finished, with HubContents. Raises StudioError: see services.hub.datasets.contents."""
    folder = JobFolder(path)
    folder.append(Finished(path="", details=look(folder.read_request(HubContentsRequest))))


def look(request: HubContentsRequest) -> HubContents:
    source = HubSource(repository=request.repository, revision=request.revision)
    commit = ask_for(source)
    sizes = _sizes(source, commit)
    library = datasets_library()
    try:
        module = library.load.dataset_module_factory(source.repository, revision=commit)
    except Exception as error:  # of any kind: what stands in a card is foreign
        raise not_recognised(error, source) from error
    parameters = module.builder_configs_parameters
    found = {str(config.name): config for config in parameters.builder_configs}
    chosen = [request.config] if request.config in found else list(found)[:MAX_CONFIGS]
    base = f"hf://datasets/{source.repository}@{commit}"
    configs = []
    for name, config in found.items():
        if name not in chosen:
            configs.append(HubConfig(name=name))
            continue
        try:
            config._resolve_data_files(base, library.DownloadConfig())
            files = {str(split): list(paths) for split, paths in (config.data_files or {}).items()}
        except Exception as error:
            fault = not_recognised(error, source).as_dict()
            configs.append(HubConfig(name=name, splits=[HubSplit(name="train", fault=fault)]))
            continue
        rows = _rows(module.dataset_infos, name)
        splits = [_split(source, commit, split, paths, sizes, rows.get(split)) for split, paths in files.items()]
        configs.append(HubConfig(name=name, splits=splits))
    default = parameters.default_config_name or (next(iter(found)) if len(found) == 1 else "")
    return HubContents(
        repository=source.repository, commit=commit, configs=configs, default_config=default if default in found else ""
    )


def _split(
    source: HubSource, commit: str, name: str, files: list[Any], sizes: Mapping[str, int], rows: int | None
) -> HubSplit:
    try:
        paths = paths_inside(source.repository, commit, files)
        if not paths:
            raise StudioError("The split “{split}” has no files.", "Choose another one.", split=name)
    except StudioError as error:
        return HubSplit(name=name, file_count=len(files), rows=rows, fault=error.as_dict())
    known = [sizes[path] for path in paths if path in sizes]
    size = sum(known) if len(known) == len(paths) else None
    return HubSplit(name=name, files=paths[:MAX_FILES], file_count=len(paths), size=size, rows=rows)


def _sizes(source: HubSource, commit: str) -> dict[str, int]:
    """Bytes of each file."""
    try:
        info = within(
            SIZES_SECONDS,
            lambda: HfApi().dataset_info(
                source.repository, revision=commit, files_metadata=True, timeout=SIZES_SECONDS
            ),
        )
    except (HTTPError, OSError, ValueError) as error:
        raise fault_of(error, source) from error
    return {file.rfilename: file.size for file in info.siblings or [] if file.size is not None}


def _rows(infos: Any, config: str) -> dict[str, int]:
    """How many rows each split has, by the card's word."""
    with suppress(Exception):  # a card may say anything there
        splits = infos[config].splits or {}
        return {str(name): split.num_examples for name, split in splits.items() if type(split.num_examples) is int}
    return {}
