"""`studio` whose workers end before they have done anything: what a page asks for costs no computing."""

from __future__ import annotations

import sys
from typing import Any

from studio.cli import main
from studio.engines import local
from tests.support.studio_process import Server


class IdleServer(Server):
    program = "tests.support.idle_server"


class IdleWorker(local.Worker):
    def __init__(self, command: list[str], **more: Any) -> None:
        super().__init__([sys.executable, "-S", "-E", "-c", ""], **more)


if __name__ == "__main__":
    local.Worker = IdleWorker  # type: ignore[misc]
    raise SystemExit(main())
