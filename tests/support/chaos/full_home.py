"""A home on a small disk: deletes when it is full to the last byte, and files that have no room there. Prints what came
of it as JSON.

    python -m tests.support.chaos.full_home delete|bring
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.support.chaos.small_disk import fill, small_disk
from tests.support.small_home import filled
from tests.support.studio_process import Server, studio

SIZE = "32m"


def delete(place: Path) -> dict[str, Any]:
    home = filled(place / "home")
    (home / "datasets" / "1" / "much").write_bytes(bytes(12 << 20))
    for _ in range(2):  # whatever else writes there takes the room that a command leaves
        fill(place / "ballast")
        assert studio(home, "datasets", "list").returncode == 0
    fill(place / "ballast")
    words = [
        done.stderr
        for noun, name in (("datasets", "rows"), ("adapters", "brine"), ("models", "dory"))
        if (done := studio(home, noun, "delete", name)).returncode
    ]
    return {
        "datasets": json.loads(studio(home, "datasets", "list", "--json").stdout),
        "adapters": json.loads(studio(home, "adapters", "list", "--json").stdout),
        "models": json.loads(studio(home, "models", "list", "--json").stdout),
        "folders": [str(p) for p in home.glob("*/*") if any(n in p.name for n in ("1", "2")) and p.is_dir()],
        "made_room": shutil.disk_usage(place).free > 8 << 20,
        "reserve": (home / "reserve").exists(),
        "words": words,
    }


def bring(place: Path) -> dict[str, Any]:
    """Files whose rows, and whose originals, have no room; then one that has; and an upload to a server."""
    home = place / "home"
    with tempfile.TemporaryDirectory() as elsewhere:
        files = {name: Path(elsewhere) / f"{name}.jsonl" for name in ("rows", "original", "small")}
        for name, size in (("rows", 18 << 20), ("original", 40 << 20), ("small", 1 << 10)):
            line = json.dumps({"text": "It is said that this is one of very many rows. " * 8}) + "\n"
            files[name].write_text(line * (size // len(line)))
        told: dict[str, Any] = {name: studio(home, "datasets", "add", str(file)) for name, file in files.items()}
        told = {name: [done.returncode, done.stderr.strip().splitlines()[-1:]] for name, done in told.items()}
        server = Server(home)
        try:
            sent = httpx.put(f"{server.url}/uploads", content=chunks(files["original"]))
            told["upload"] = [sent.status_code, sent.json()["problem"]]
        finally:
            server.stop()
    listed = json.loads(studio(home, "datasets", "list", "--json").stdout)
    told["listed"] = sorted((d["name"], d["status"]) for d in listed)
    told["left"] = [p.name for p in (home / "datasets").rglob("*.arrow") if p.parent.name == "1"]
    told["left"] += [p.name for p in (home / "datasets" / "originals").iterdir() if p.name.startswith(".")]
    told["left"] += [p.name for p in (home / "uploads").iterdir()]
    return told


def chunks(file: Path) -> Iterator[bytes]:
    """Of unknown length in all."""
    with file.open("rb") as opened:
        while chunk := opened.read(1 << 20):
            yield chunk


def main(what: str) -> None:
    with small_disk(SIZE) as disk:
        told = {"delete": delete, "bring": bring}[what](disk)
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
