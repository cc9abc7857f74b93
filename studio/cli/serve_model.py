"""`studio serve-model`: a base model and adapters for other programs, in the OpenAI chat protocol, until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

from studio.cli.commands import Commands
from studio.cli.output import say, show
from studio.cli.session import opened
from studio.domain.errors import InvalidInput, StudioError
from studio.domain.events import Failed
from studio.engines.base import Engine, Process
from studio.services.adapters.compatibility import check_base, ready_model
from studio.services.playground.routing import worker_request
from studio.store.bounded_json import read_object
from studio.store.job_folder import JobFolder

LOOK = 0.2  # seconds: across processes there is no event to await


def add_parser(commands: Commands) -> None:
    parser = commands.verb("serve-model", serve_model, "serve a base model and adapters to other programs")
    parser.add_argument("model", help="base model, by name")
    parser.add_argument("--adapter", action="append", default=[], help="adapter, by name; repeat for more")
    parser.add_argument("--precision", default="auto", help="auto, fp32, bf16, 8-bit or 4-bit (default: auto)")
    where = "on this machine alone (default: a free one)"
    parser.add_argument("--port", type=int, default=0, help=where, dest="model_port")


def serve_model(arguments: argparse.Namespace) -> int:
    """Prints the address and the file with the token, then waits for the end of the worker or for Ctrl-C.

    Raises:
        StudioError: there is no such model or adapter, they do not belong together, or the worker cannot load them.
    """
    if not 0 <= arguments.model_port <= 65535:
        raise InvalidInput("There is no port {port}.", "Choose one up to 65535.", port=arguments.model_port)
    with opened(arguments) as studio:
        folder = JobFolder(studio.settings.folder("serving") / str(os.getpid()))
        request = _request(studio, arguments)
        engine = studio.engine
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.prepare(request)
    for ending in (signal.SIGINT, signal.SIGTERM):  # also where whoever started this had it pass over Ctrl-C
        signal.signal(ending, signal.default_int_handler)
    process = engine.start("serve", folder.path)
    try:
        known = _endpoint(engine, process, folder)
        url = f"http://127.0.0.1:{known['port']}/v1"
        token_file = folder.path / "token"
        token_file.touch(mode=0o600)
        token_file.write_text(known["token"])
        names = ["base", *arguments.adapter]
        show(
            arguments,
            {"url": url, "token_file": str(token_file), "models": names},
            f"{arguments.model} answers at {url} (Ctrl-C stops it)\n"
            f"Models: {', '.join(names)}\nThe API key is in {token_file}, which only you can read.",
        )
        while engine.is_alive(process):
            time.sleep(LOOK)
        raise StudioError("The worker has ended. Its log ends: {log}", "Start it again.", log=folder.log_tail(300))
    except KeyboardInterrupt:
        say("The model is no longer served.")
        return 0
    finally:
        engine.stop(process)
        shutil.rmtree(folder.path, ignore_errors=True)


def _request(studio: Any, arguments: argparse.Namespace) -> dict[str, Any]:
    model = ready_model(studio.catalogue, arguments.model)
    adapters = [studio.catalogue.adapter(name) for name in arguments.adapter]
    for adapter in adapters:
        check_base(adapter, model)
    return worker_request(model, arguments.precision) | {
        "port": arguments.model_port,
        "idle_exit": float(10**9),
        "adapters": [{"name": adapter.name, "path": adapter.path} for adapter in adapters],
    }


def _endpoint(engine: Engine, process: Process, folder: JobFolder) -> dict[str, Any]:
    """Where it listens, once it does. Raises StudioError where it ended before."""
    endpoint: Path = folder.path / "endpoint.json"
    while True:
        alive = engine.is_alive(process)
        if endpoint.exists():
            return read_object(endpoint)
        if not alive:
            last = folder.last_event()
            if isinstance(last, Failed):
                raise StudioError(last.problem, last.remedy)
            raise StudioError("The model could not be loaded. The log ends: {log}", log=folder.log_tail(300))
        time.sleep(LOOK)
