"""A home on a disk that is full to the last byte, and deletes there: prints what came of them as JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults.test_deletions import filled
from tests.served import studio

SIZE = "32m"


def fill(place: Path) -> None:
    try:
        with (place / "ballast").open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue
    except OSError:
        pass


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", folder], check=True)
        try:
            place = Path(folder)
            home = filled(place / "home")
            (home / "datasets" / "1" / "much").write_bytes(bytes(12 << 20))
            fill(place)
            words = [
                done.stderr
                for noun, name in (("datasets", "rows"), ("adapters", "brine"))
                if (done := studio(home, noun, "delete", name)).returncode
            ]
            told = {
                "datasets": json.loads(studio(home, "datasets", "list", "--json").stdout),
                "adapters": json.loads(studio(home, "adapters", "list", "--json").stdout),
                "folders": [
                    *map(str, (home / "datasets").glob("[.1]*1*")),
                    *map(str, (home / "adapters").glob("*brine*")),
                ],
                "made_room": shutil.disk_usage(place).free > 8 << 20,
                "reserve": (home / "reserve").exists(),
                "words": words,
            }
        finally:
            subprocess.run(["umount", "-l", folder], check=True)
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
