"""`studio serve-model`: a base model and adapters for other programs, in the OpenAI chat protocol, until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import time
from typing import Any

from studio.cli.commands import Commands
from studio.cli.flags import add_precision
from studio.cli.output import say, show
from studio.cli.session import open_studio
from studio.domain.errors import InvalidInput
from studio.domain.jobs.serving import AdapterReference, Endpoint, ServeRequest
from studio.domain.jobs.state import Done, Failed, Lost
from studio.engines.job import Job
from studio.services.adapters.locate import check_base
from studio.services.models.status import ready_model
from studio.services.playground.routing import worker_request

POLL_SECONDS = 0.2  # seconds: across processes there is no event to await


def add_parser(commands: Commands) -> None:
    parser = commands.verb("serve-model", serve_model, "serve a base model and adapters to other programs")
    parser.add_argument("model", help="base model, by name")
    parser.add_argument("--adapter", action="append", default=[], help="adapter, by name; repeat for more")
    add_precision(parser)
    where = "on this machine alone (default: a free one)"
    parser.add_argument("--port", type=int, default=0, help=where, dest="model_port")


def serve_model(arguments: argparse.Namespace) -> int:
    """Prints the address and the file with the token, then waits for the end of the worker or for Ctrl-C.

    Raises:
        StudioError: there is no such model or adapter, they do not belong together, or the worker cannot load them.
    """
    if not 0 <= arguments.model_port <= 65535:
        raise InvalidInput("There is no port {port}.", "Choose one up to 65535.", port=arguments.model_port)
    with open_studio(arguments) as studio:
        job = Job(studio.engine, studio.settings.folder("serving") / str(os.getpid()))
        request = _request(studio, arguments)
    job.folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    job.prepare(request)
    for ending in (signal.SIGINT, signal.SIGTERM):  # also where whoever started this had it pass over Ctrl-C
        signal.signal(ending, signal.default_int_handler)
    job.start("serve")
    try:
        endpoint = _endpoint(job)
        url = f"{endpoint.url}/v1"
        token_file = job.folder.path / "token"
        token_file.touch(mode=0o600)
        token_file.write_text(endpoint.token)
        names = ["base", *arguments.adapter]
        show(
            arguments,
            {"url": url, "token_file": str(token_file), "models": names},
            f"{arguments.model} answers at {url} (Ctrl-C stops it)\n"
            f"Models: {', '.join(names)}\nThe API key is in {token_file}, which only you can read.",
        )
        while job.is_alive():
            time.sleep(POLL_SECONDS)
        raise job.why_lost("Start it again.")
    except KeyboardInterrupt:
        say("The model is no longer served.")
        return 0
    finally:
        job.stop()
        shutil.rmtree(job.folder.path, ignore_errors=True)


def _request(studio: Any, arguments: argparse.Namespace) -> ServeRequest:
    model = ready_model(studio.catalogue, arguments.model)
    adapters = [studio.catalogue.adapter(name) for name in arguments.adapter]
    for adapter in adapters:
        check_base(adapter, model)
    return worker_request(model, arguments.precision).model_copy(
        update={
            "port": arguments.model_port,
            "idle_exit": float(10**9),
            "adapters": [AdapterReference(name=adapter.name, path=adapter.path) for adapter in adapters],
        }
    )


def _endpoint(job: Job) -> Endpoint:
    """Where it listens, once it does. Raises StudioError where it ended before."""
    while True:
        state = job.poll()
        if job.folder.endpoint.exists():
            return job.folder.read_endpoint()
        match state:
            case Failed(fault):
                raise fault
            case Done() | Lost():
                raise job.why_lost("See its log, then start it again.")
        time.sleep(POLL_SECONDS)
