"""`studio serve`: the web page and the dispatcher, until Ctrl-C."""

from __future__ import annotations

import argparse
import json
import logging
import socket
import sys
import threading
import webbrowser
from typing import Any

from studio.cli.commands import Commands
from studio.domain.errors import InvalidInput, StudioError
from studio.settings import Settings, quiet_libraries, read_settings
from studio.store.lock import SECONDS_FOR_LOCK

SECONDS_TO_CLOSE = 3  # for answers that are under way when the server is told to end


def add_parser(commands: Commands) -> None:
    parser = commands.verb("serve", serve, "start the web interface")
    parser.add_argument("--host", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=7860, help="port to listen on (default: 7860; 0 picks a free one)")
    parser.add_argument("--no-browser", action="store_true", help="do not open the browser")


def serve(arguments: argparse.Namespace) -> None:
    """Listens until the process is told to end. Training that is under way goes on without the server.

    Raises:
        StudioError: the port is taken, the home is in use or cannot be written, or the address is not allowed.
    """
    settings = read_settings(
        home=arguments.home, host=arguments.host, port=arguments.port, database_url=arguments.database_url
    )
    settings.check_exposure()
    settings.check_home()
    listening = listen(settings)
    address = f"http://{_shown_host(settings)}:{listening.getsockname()[1]}"
    quiet_libraries()

    from studio.app import build

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    studio = build(settings)
    try:
        _take_home(studio, address)
        studio.uploads.clear()
        if not studio.doctor.unknown():  # else these may be among what the catalogue has lost
            studio.models.add_starter_once()
            studio.datasets.clear_strays()
        with studio.dispatching():
            _run(studio, settings, listening, address, arguments)
    finally:
        studio.close()


def listen(settings: Settings) -> socket.socket:
    """A socket on the settings' address; nobody can take the port between check and use.

    Raises:
        InvalidInput: the port is taken or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    if sys.platform != "win32":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise InvalidInput(
            "The studio cannot listen on {host}:{port}: {reason}.",
            "Stop the program that uses the port, or choose another with --port.",
            host=settings.host,
            port=settings.port,
            reason=getattr(error, "strerror", None) or str(error),
        ) from error
    return listening


def _shown_host(settings: Settings) -> str:
    if settings.host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{settings.host}]" if ":" in settings.host else settings.host


def _take_home(studio: Any, address: str) -> None:
    if not studio.lock.acquire(address, SECONDS_FOR_LOCK):
        raise StudioError(
            "Another studio is using the home {home}: {holder}.",
            "Open that one, stop it, or choose another folder with --home.",
            home=studio.settings.home,
            holder=studio.lock.holder() or "another process",
        )


def _run(
    studio: Any, settings: Settings, listening: socket.socket, address: str, arguments: argparse.Namespace
) -> None:
    import uvicorn

    from studio.ui.web import build_web

    config = uvicorn.Config(
        build_web(studio, settings, now=lambda request: studio.runs.now()),
        log_level="warning",
        timeout_graceful_shutdown=SECONDS_TO_CLOSE,
        # What a trusted proxy appended says who asks; what stood before it, anyone can have written.
        forwarded_allow_ips=list(settings.trusted_proxies),
    )

    class AnnouncedServer(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                _announce(address, settings, arguments)

    server = AnnouncedServer(config)
    server.run(sockets=[listening])
    print("The studio has stopped. Runs in progress continue.", file=sys.stderr)


def _announce(address: str, settings: Settings, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps({"url": address, "home": str(settings.home)}), flush=True)
    else:
        print(f"Adapter Studio is ready at {address}\nHome: {settings.home}   (Ctrl-C stops the page)", flush=True)
    if not arguments.no_browser and not settings.space_id:
        # Starting a browser can take seconds, in which the page must already answer.
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
