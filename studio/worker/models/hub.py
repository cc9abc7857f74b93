"""Base models from the Hugging Face Hub: pinned to a commit, weights as safetensors only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tqdm import tqdm

from studio.domain.errors import StudioError
from studio.domain.translation import N_
from studio.platform.deadline import within
from studio.worker.models.files import MAX_LICENSE_CHARACTERS, check_configuration, needed_files

TIMEOUT_SECONDS = 5.0  # seconds until an endpoint that says nothing counts as unreachable


class Unreachable(StudioError):
    """The Hub does not answer."""


def download_model(
    repo: str, revision: str | None, report: Callable[[str, int, int], None], *, patience: float = TIMEOUT_SECONDS
) -> tuple[Path, dict[str, Any]]:
    """The snapshot's folder in the Hub's own cache, which other programs share, and its revision, origin and license.

    Where the Hub does not answer, a whole snapshot in the cache does.

    Raises:
        Unreachable: it does not, and there is none.
        StudioError: there is no such model or revision, its terms are not accepted, it has no safetensors weights,
            it is of a kind that cannot be used, which is seen before they are fetched, or it does not fit on the disk.
    """
    report(N_("Asking the Hugging Face Hub"), 0, 0)
    try:
        # One question with a time limit: the download's own retries would take minutes to give up.
        info = within(
            patience, lambda: HfApi().model_info(repo, revision=revision, files_metadata=True, timeout=patience)
        )
    except (HTTPError, OSError, ValueError) as error:
        fault = hub_fault(error, repo, revision)
        if isinstance(fault, Unreachable) and (snapshot := _in_cache(repo, revision)):
            return snapshot, {"revision": snapshot.name, "origin": "Hugging Face Hub"}
        raise fault from error
    sizes = {f.rfilename: f.size or 0 for f in info.siblings or []}
    files = needed_files(sizes)
    total = sum(sizes[f] for f in files)
    check_room(total)
    try:
        check_configuration(
            Path(snapshot_download(repo, revision=revision, allow_patterns=["config.json", "README.md"]))
        )
        # By the revision's name, which the cache then knows when there is no network; the folder's is the commit.
        path = Path(
            snapshot_download(repo, revision=revision, allow_patterns=files, tqdm_class=byte_bar(report, total))
        )
    except (HTTPError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno:
            raise  # the disk's word, not the Hub's
        raise hub_fault(error, repo, revision) from error
    license = info.card_data.get("license") if info.card_data else ""
    return path, {
        "revision": path.name,
        "origin": "Hugging Face Hub",
        "license": license[:MAX_LICENSE_CHARACTERS] if isinstance(license, str) else "",
    }


def hub_fault(error: Exception, repo: str, revision: str | None) -> StudioError:
    """What an exception of the Hub's client means to the person who asked for the model; see also hub_datasets."""
    endpoint = constants.ENDPOINT
    match error:
        case GatedRepoError():
            return StudioError(
                "The model {repo} is gated: its terms have to be accepted first.",
                "Accept the terms at {endpoint}/{repo}, sign in with a token of that account, then add it again.",
                repo=repo, endpoint=endpoint,
            )  # fmt: skip
        case RepositoryNotFoundError() | HFValidationError():
            return StudioError(
                "There is no model {repo} at {endpoint}, or it is private.",
                "Check the spelling (owner/name); for a private model, sign in with a token that may read it.",
                repo=repo, endpoint=endpoint,
            )  # fmt: skip
        case RevisionNotFoundError():
            return StudioError(
                "The model {repo} has no revision “{revision}”.",
                "Use one of its branches, tags or commits, or leave the revision empty.",
                repo=repo, revision=revision,
            )  # fmt: skip
        case HfHubHTTPError(response=response) if response.status_code in (401, 403):
            return StudioError(
                "{endpoint} does not let this account read {repo}.",
                "Sign in with a token that may read it, then add it again.",
                repo=repo, endpoint=endpoint,
            )  # fmt: skip
        case HfHubHTTPError(response=response) if not isinstance(error, LocalEntryNotFoundError):
            return StudioError(
                "{endpoint} answered with error {status}.",
                "Wait a moment, then add it again; what was downloaded is kept.",
                endpoint=endpoint, status=response.status_code,
            )  # fmt: skip
    return Unreachable(
        "{endpoint} cannot be reached.",
        "Check the network, the proxy and HF_ENDPOINT, or add a folder that holds the model.",
        endpoint=endpoint,
    )


def _in_cache(repo: str, revision: str | None) -> Path | None:
    """The newest snapshot of that revision that was downloaded; whether it is whole is seen when it is opened."""
    config = try_to_load_from_cache(repo, "config.json", revision=revision)
    return Path(config).parent if isinstance(config, str) else None


def check_room(required: int) -> None:
    """Raises StudioError where the cache's disk has not so many bytes left."""
    cache = Path(constants.HF_HUB_CACHE)
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    if required > free:
        raise StudioError(
            "It needs {needed:.1f} GB, and only {free:.1f} GB are left on the disk of {cache}.",
            "Free some space, or set HF_HOME to a folder on another disk.",
            needed=required / 1e9, free=free / 1e9, cache=cache,
        )  # fmt: skip


def byte_bar(report: Callable[[str, int, int], None], total: int) -> type[tqdm[Any]]:
    """A progress bar class for the Hub's client that draws nothing and reports the bytes on disk."""

    class ByteBar(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs | {"file": _NOWHERE})

        def update(self, n: float | None = 1) -> bool | None:
            is_displayed: bool | None = super().update(n)
            if self.unit == "B":
                report(N_("Downloading"), min(int(self.n), total), total)
            return is_displayed

    return ByteBar


_NOWHERE = Path(os.devnull).open("w")  # noqa: SIM115 - as long as the process
