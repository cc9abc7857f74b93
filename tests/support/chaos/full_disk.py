"""A run whose disk fills up, then gets room again; and a home on a read-only disk: prints what came of them as JSON.

    python -m tests.support.chaos.full_disk MODEL

It mounts a small file system of its own, for which it must be root, if only in a user namespace (`unshare -rm`).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from studio.domain.events import Failed
from tests.support.chaos.tiny_studio import opened
from tests.support.studio_process import studio

SIZE = "48m"
STEPS = 400


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def main(model: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        mount("-t", "tmpfs", "-o", f"size={SIZE}", "none", place)
        try:
            with opened(Path(place) / "home", model) as bed:
                id = bed.submit("full", STEPS, resumes=0)
                bed.tick_until(lambda: bed.run(id).checkpoint_step, "the first checkpoint")
                ballast = Path(place) / "ballast"
                try:
                    with ballast.open("wb") as file:
                        while True:
                            file.write(bytes(1 << 14))
                except OSError:
                    pass
                folder = bed.folder(id)
                bed.tick_until(lambda: isinstance(folder.last_event(), Failed), "the worker's last word")
                ballast.unlink()  # until then the catalogue, too, could not write down what became of it
                failed = bed.tick_until_over(id)
                bed.studio.run_control.resume(id)
                done = bed.tick_until_over(id)
                bed.check_whole(id, STEPS)
                result = {"failed": [failed.status, failed.problem, failed.remedy], "then": done.status}
            mount("-t", "tmpfs", "-o", "ro", "none", place)  # over it
            refused = studio(Path(place) / "home", "runs", "list")
            subprocess.run(["umount", place], check=True)
            result["read_only"] = [refused.returncode, refused.stderr]
        finally:
            subprocess.run(["umount", "-l", place], check=True)
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
