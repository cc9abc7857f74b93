"""`python -m studio.worker TASK FOLDER`: one task in a process of its own.

What goes wrong becomes the last event in FOLDER, with its traceback on standard output; the exit code is then 1.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import psutil

from studio.domain.secrecy import keep_secret, masked_output
from studio.store.job_folder import JobFolder
from studio.worker.common.faults import disk_is_full, failure

TASKS = {
    "train": "studio.worker.training.task",
    "serve": "studio.worker.serving.task",
    "fetch": "studio.worker.model_check.task",
    "check": "studio.worker.model_check.check",
    "intake": "studio.worker.ingest.task",
    "count-tokens": "studio.worker.tokenization.task",
    "hub-contents": "studio.worker.ingest.hub_contents",
}
# They need no more of transformers than tokenizers: a third of its time to start.
WITHOUT_TORCH = ("intake", "count-tokens", "hub-contents")


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 2 or arguments[0] not in TASKS:
        sys.stderr.write(f"Usage: python -m studio.worker {'|'.join(TASKS)} FOLDER\n")
        return 2
    task, path = arguments[0], Path(arguments[1]).absolute()
    keep_secret(os.environ.get("HF_TOKEN"))
    with masked_output():
        return _work(task, path)


def _work(task: str, path: Path) -> int:
    JobFolder(path).introduce(os.getpid(), psutil.Process().create_time())
    if task in WITHOUT_TORCH:
        sys.modules["torch"] = None  # type: ignore[assignment] # Python's own way to say that there is none
    try:
        import_module(TASKS[task]).main(path)
    except Exception as error:
        traceback.print_exc(file=sys.stdout)
        return _last_word(JobFolder(path), error)
    return 0


def _last_word(folder: JobFolder, error: Exception) -> int:
    if not folder.path.is_dir():  # deleted under the worker: there is nowhere to say it, and whoever did it knows
        return 1
    if disk_is_full(error):
        folder.give_up_reserve()
    folder.append(failure(error))
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
