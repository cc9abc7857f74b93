"""A job's folder: the only thing that a worker and the studio share.

A request goes in, `run.json`. `events.jsonl` comes out, one event a line; a line counts once its newline is written.
`stop` is the cooperative stop flag, `worker.log` whatever the worker's process printed, `worker.json` which process
that is, `held_out.json` which rows are not trained on.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from studio.domain.events import Event, RunEvent, format_event, parse_event
from studio.domain.jobs.message import Request
from studio.domain.jobs.serving import Endpoint
from studio.domain.secrecy import mask_value, masked_log
from studio.store.arrow_file import DamagedFile
from studio.store.bounded_json import read_object
from studio.store.disk.reserve import Reserve

_CHUNK_BYTES = 4 << 20
_RESERVE_BYTES = 64 << 10  # bytes

Requested = TypeVar("Requested", bound=Request)


class JobFolder:
    """The files of one job under `path`: of a training run, of a dataset that is read, of a model that is fetched…"""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.request = self.path / "run.json"
        self.events = self.path / "events.jsonl"
        self.log = self.path / "worker.log"
        self.stop_flag = self.path / "stop"
        self.checkpoints = self.path / "checkpoints"
        self.endpoint = self.path / "endpoint.json"
        self._worker = self.path / "worker.json"
        self._heartbeat = self.path / "heartbeat"
        self._reserve = Reserve(self.path / "reserve", _RESERVE_BYTES)
        self._held_out = self.path / "held_out.json"

    def prepare(self, request: Request, *, anew: bool = True) -> None:
        """Makes the folder and puts the request in; `anew` forgets what was said in it before. Raises OSError."""
        self.path.mkdir(parents=True, exist_ok=True)
        earlier = [self._worker, self._heartbeat, self.stop_flag, *([self.events] if anew else ())]
        for file in earlier:
            file.unlink(missing_ok=True)
        write_json(self.request, request.model_dump(mode="json"))
        self._reserve.take()

    def give_up_reserve(self) -> None:
        """Makes room for the last word on a disk that is full."""
        self._reserve.give_up()

    def introduce(self, pid: int, started_at: float) -> None:
        """The worker says who it is, before all else: a server that died while it started it finds it by that."""
        write_json(self._worker, {"pid": pid, "started": started_at})

    @property
    def worker(self) -> tuple[int, float] | None:
        """Its pid and the process's start time, if it has come so far."""
        match read_json(self._worker):
            case {"pid": int(pid), "started": int() | float() as started} if 0 < pid < 1 << 31:
                return pid, float(started)
        return None

    def read_request(self, kind: type[Requested]) -> Requested:
        """What `prepare` put in. Raises OSError; DamagedFile where it is no such request."""
        try:
            return kind.model_validate(read_object(self.request))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise DamagedFile(self.request, f"is no {kind.__name__}: {where}: {first['msg']}") from error

    def read_endpoint(self) -> Endpoint:
        """Where a chat worker can be asked. Raises OSError: it cannot yet; DamagedFile."""
        try:
            return Endpoint.model_validate(read_object(self.endpoint))
        except ValidationError as error:
            raise DamagedFile(self.endpoint) from error

    def append(self, event: Event) -> None:
        """Writes one event at the end, whole. A half line left by a crash is closed first, so that it spoils
        nothing but itself."""
        line = format_event(event).encode() + b"\n"
        with self.events.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    line = b"\n" + line
            file.write(line)

    def read(self, offset: int = 0) -> tuple[list[RunEvent], int]:
        """The whole events from byte `offset` on (at most 4 MiB of them), and the offset after the last.

        Damaged lines are passed over.
        """
        try:
            with self.events.open("rb") as file:
                file.seek(offset)
                data = file.read(_CHUNK_BYTES)
        except FileNotFoundError:
            return [], offset
        whole = data[: data.rfind(b"\n") + 1]
        events = [e for line in whole.splitlines() if (e := parse_event(line)) is not None]
        return events, offset + len(whole)

    def last_event(self, offset: int = 0) -> RunEvent | None:
        """The newest whole event behind that byte."""
        last: RunEvent | None = None
        while True:
            events, end = self.read(offset)
            if end == offset:
                return last
            offset, last = end, events[-1] if events else last

    def keep_held_out(self, rows: Sequence[int], mixture: Sequence[Sequence[int]] = ()) -> None:
        """Which rows of its dataset, and of each that this is mixed with, the run measures itself by instead of
        training on them, for who wants to measure by the same ones."""
        write_json(self._held_out, {"rows": list(rows)} | ({"mixture": list(map(list, mixture))} if mixture else {}))

    @property
    def held_out(self) -> list[int] | None:
        """None where the run has not come so far, or an older studio trained it."""
        content = read_json(self._held_out)
        rows = content.get("rows") if isinstance(content, dict) else None
        return rows if _are_rows(rows) else None

    @property
    def held_out_of_mixture(self) -> list[list[int]]:
        """Of each dataset that the first one is mixed with."""
        content = read_json(self._held_out)
        mixture = content.get("mixture", []) if isinstance(content, dict) else []
        return mixture if isinstance(mixture, list) and all(map(_are_rows, mixture)) else []

    def beat(self) -> None:
        """The worker's sign of life. It takes no room, so that a full disk does not end it."""
        self._heartbeat.touch()

    def last_beat(self) -> float | None:
        """When the last one was, in seconds since the epoch."""
        try:
            return self._heartbeat.stat().st_mtime
        except FileNotFoundError:
            return None

    def ask_stop(self) -> None:
        self.stop_flag.touch()

    @property
    def stop_is_asked(self) -> bool:
        return self.stop_flag.exists()

    def remove_checkpoints(self) -> None:
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    def last_lines(self, most: int = 3) -> list[str]:
        """What the worker printed last, empty lines left out."""
        return [line for line in self.log_tail(4096).splitlines() if line.strip()][-most:]

    def log_tail(self, most_bytes: int = 16_384) -> str:
        """The last whole lines that the worker printed, without what is or looks like a token."""
        try:
            with self.log.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - most_bytes))
                text = file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        return masked_log(text if size <= most_bytes else text.partition("\n")[2])


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and all(type(row) is int and row >= 0 for row in value)


def write_json(path: Path, value: Any) -> None:
    """Replaces the file in one step, so that no reader ever sees half of it."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        aside.write_text(json.dumps(mask_value(value), ensure_ascii=False, indent=1), "utf-8")
        aside.replace(path)
    finally:
        with suppress(FileNotFoundError):
            aside.unlink()


def read_json(path: Path) -> Any:
    """What the file holds; None where it is not there or no JSON."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """A folder to fill, beside its final name; it takes that name when the block ends well, else it is removed."""
    final = Path(path)
    aside = final.with_name(f".{final.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        yield aside
        shutil.rmtree(final, ignore_errors=True)
        aside.replace(final)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def folder_size(path: str | Path) -> int:
    """Bytes of all files below."""
    return sum(f.stat().st_size for f in Path(path).rglob("*") if f.is_file())
