"""Datasets of the Hugging Face Hub: found by words, and what a download of one would be."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.domain.errors import InvalidInput, StudioError
from studio.domain.jobs.hub_contents import HubContents, HubContentsRequest
from studio.domain.jobs.state import Done, Failed, Running
from studio.domain.translation import N_
from studio.engines.base import Engine
from studio.engines.job import POLL_SECONDS, Job
from studio.platform.deadline import within
from studio.services.datasets.sources import check_hub_source, is_hub_id
from studio.services.hub.client import TIMEOUT_SECONDS, hub_api, unreachable
from studio.services.hub.turns import Superseded

if TYPE_CHECKING:
    from collections.abc import Iterable

SEARCH_SECONDS = 10.0  # seconds for all of an answer
CONTENTS_SECONDS = 90.0  # seconds for a worker that looks at a dataset
MAX_FOUND = 100
MAX_WORDS_CHARACTERS = 200
MAX_PAUSE_SECONDS = 300.0  # seconds that the Hub may ask to wait for
_FIELDS = ("downloads", "gated", "lastModified", "likes", "mainSize", "private", "tags")
_ROWS = re.compile(r"size_categories:(n<1K|\d+[KMBT]<n<\d+[KMBT]|n>1T)")


class NoAnswer(StudioError):
    """The Hub does not answer now, and may later. `pause` is the seconds that it asks to wait; 0 where it does not."""

    pause: float = 0.0


@dataclass(frozen=True)
class FoundDataset:
    """`rows` is a range, such as 10K<n<100K, `size` bytes; both are empty where the Hub does not say."""

    id: str
    downloads: int
    likes: int
    private: bool
    gated: bool
    rows: str
    size: int | None
    changed_at: float | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class HubDatasets:
    """The datasets of the Hub at `endpoint`, with whatever `token` gives; nobody's where it gives none."""

    def __init__(self, endpoint: str, token: Callable[[], str | None], engine: Engine) -> None:
        self._endpoint = endpoint
        self._token = token
        self._engine = engine

    def search(self, words: str, limit: int = 20) -> list[FoundDataset]:
        """Those whose names fit the words, the most downloaded first.

        Raises:
            InvalidInput: there are no words, or the limit is none.
            NoAnswer: the Hub does not answer, or only that it cannot now.
            StudioError: the studio runs offline, or the Hub does not accept the token.
        """
        words = " ".join(words.split())[:MAX_WORDS_CHARACTERS]
        if not words:
            raise InvalidInput("There is nothing to search for.", "Enter a part of the dataset's name.")
        if not 1 <= limit <= MAX_FOUND:
            raise InvalidInput("The limit must be 1 to {most}.", "Choose a number in between.", most=MAX_FOUND)
        question = {"search": words, "sort": "downloads", "limit": limit}
        answer = self._ask(lambda: self._list(question), SEARCH_SECONDS)
        found = [one for one in map(_read_found, answer) if one is not None]
        return sorted(found, key=lambda one: -one.downloads)[:limit]

    def contents(
        self, repository: str, revision: str = "", config: str = "", *, given_up: Callable[[], bool] = lambda: False
    ) -> HubContents:
        """Its configs and splits, looked for by a worker, which runs none of the dataset's code.

        Args:
            given_up: Whether nobody waits for the answer any more: then the worker is ended.

        Raises:
            InvalidInput: the repository's id cannot be one.
            NoAnswer: see search.
            StudioError: there is no such dataset or revision, its terms are not accepted, or nothing in it can be read.
            Superseded: it was given up.
        """
        source = check_hub_source(repository, config, "", revision, endpoint=self._endpoint)
        self._check_answers(source.repository)
        with tempfile.TemporaryDirectory() as scratch:
            job = Job(self._engine, Path(scratch) / "hub-contents")
            job.prepare(
                HubContentsRequest(repository=source.repository, revision=source.revision, config=source.config)
            )
            job.start("hub-contents", online=True, token=self._token())
            try:
                return self._wait(job, given_up)
            finally:
                job.end(force=True)

    def _wait(self, job: Job, given_up: Callable[[], bool]) -> HubContents:
        deadline = time.monotonic() + CONTENTS_SECONDS
        while isinstance(state := job.poll(), Running):
            if given_up():
                raise Superseded
            if time.monotonic() > deadline:
                raise self._no_answer()
            time.sleep(POLL_SECONDS)
        match state:
            case Done(finished):
                return finished.result(HubContents)
            case Failed(fault):
                raise fault
        raise job.why_lost(N_("Check that there is enough memory left, then try again."))

    def _check_answers(self, repository: str) -> None:
        """A worker is started only for a Hub that answers; what it answers, the worker finds out and puts into words.

        Raises:
            NoAnswer, StudioError: see search.
        """
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError

        def ask() -> None:
            try:
                hub_api(self._endpoint, self._token()).dataset_info(repository, timeout=TIMEOUT_SECONDS)
            except HFValidationError:
                pass
            except HfHubHTTPError as error:
                if error.response.status_code not in (401, 403, 404):
                    raise

        self._ask(ask, SEARCH_SECONDS)

    def _list(self, question: Mapping[str, Any]) -> list[Any]:
        """HfApi.list_datasets without its repetitions: it would ask an overloaded Hub five times more."""
        from huggingface_hub.errors import HfHubHTTPError
        from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

        hub_api(self._endpoint, None)  # sets the time limits
        headers = build_hf_headers(token=self._token() or False, library_name="adapter-studio")

        def get(parameters: Mapping[str, Any]) -> list[Any]:
            address = f"{self._endpoint}/api/datasets"
            reply = get_session().get(address, params=parameters, headers=headers, timeout=TIMEOUT_SECONDS)
            hf_raise_for_status(reply)
            found = reply.json()
            if not isinstance(found, list):
                raise ValueError("no list")  # a page to sign in to a network, perhaps
            return found

        try:
            return get({**question, "expand": list(_FIELDS)})
        except HfHubHTTPError as error:
            if error.response.status_code != 400:
                raise
            return get(question)  # a mirror that does not know one of the fields

    def _ask(self, question: Callable[[], Any], seconds: float) -> Any:
        from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled

        try:
            return within(seconds, question)
        except OfflineModeIsEnabled as error:
            raise unreachable(self._endpoint, error) from error
        except HfHubHTTPError as error:
            status = error.response.status_code
            if status == 401:
                raise StudioError(
                    "{endpoint} does not accept the token.",
                    "Save a valid one in Settings, or remove it there.", endpoint=self._endpoint,
                ) from error  # fmt: skip
            if status == 408 or status == 429 or status >= 500:
                raise self._no_answer(status, error.response.headers) from error
            raise StudioError(
                "{endpoint} answered with error {status}.", "Try other words.", endpoint=self._endpoint, status=status
            ) from error
        except (HTTPError, OSError, TimeoutError, ValueError) as error:
            raise self._no_answer() from error

    def _no_answer(self, status: int = 0, headers: Mapping[str, str] | None = None) -> NoAnswer:
        remedy = N_("Check the network, the proxy and HF_ENDPOINT.")
        if not status:
            return NoAnswer("The Hub at {endpoint} does not answer.", remedy, endpoint=self._endpoint)
        fault = NoAnswer("The Hub at {endpoint} cannot answer now (error {status}).", "",
                         endpoint=self._endpoint, status=status)  # fmt: skip
        asked = (headers or {}).get("retry-after", "")
        fault.pause = min(float(asked), MAX_PAUSE_SECONDS) if asked.isascii() and asked.isdecimal() else 0.0
        return fault


def _read_found(item: Any) -> FoundDataset | None:
    """What the Hub says of one, as far as it can be meant; None where it has no usable id."""
    if not isinstance(item, dict) or not is_hub_id(id := str(item.get("id", ""))):
        return None
    tags = item.get("tags")
    ranges = [match[1] for tag in tags if (match := _ROWS.fullmatch(str(tag)))] if isinstance(tags, list) else []
    return FoundDataset(
        id=id, downloads=_count(item.get("downloads")) or 0, likes=_count(item.get("likes")) or 0,
        private=bool(item.get("private")), gated=bool(item.get("gated")), rows=_widest(ranges),
        size=_count(item.get("mainSize")), changed_at=_time(item.get("lastModified")),
    )  # fmt: skip


def _widest(ranges: Iterable[str]) -> str:
    """A card may name several, of its configs: the largest is that of all."""
    units = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}

    def largest(text: str) -> float:
        return max(float(n or 1) * units[unit] for n, unit in re.findall(r"(\d+)([KMBT])", text))

    return max(ranges, key=lambda text: (largest(text), ">" in text), default="")


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None


def _time(value: Any) -> float | None:
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
