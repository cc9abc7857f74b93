"""The task `serve`: one base model and its adapters."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from pathlib import Path

import psutil
import uvicorn

from studio.domain.events import Finished, Progress
from studio.domain.jobs.serving import Endpoint, ServeRequest
from studio.domain.secrecy import keep_secret
from studio.domain.translation import N_
from studio.store.disk.permissions import write_private
from studio.store.job_folder import JobFolder
from studio.worker.common.device import pick_device
from studio.worker.models.load import LoadedModel, load_base
from studio.worker.serving.adapter_manager import AdapterManager
from studio.worker.serving.openai_server import ChatService
from studio.worker.serving.scheduler import Scheduler

SECONDS_TO_CLOSE = 2  # for answers that are being written when the worker is to end


def main(path: Path) -> None:
    """Serves what the ServeRequest in FOLDER asks for until it is told to end, or nobody has asked for `idle_exit`
    seconds. When it can be asked, FOLDER has an Endpoint, for its owner's eyes only.

    Raises:
        StudioError, OSError, ValueError: the model cannot be loaded.
    """
    folder = JobFolder(path)
    request = folder.read_request(ServeRequest)
    folder.endpoint.unlink(missing_ok=True)
    folder.append(Progress(stage=N_("Loading the model")))
    base = _load(request)
    token = secrets.token_urlsafe(32)
    keep_secret(token)
    manager = AdapterManager(base)
    for adapter in request.adapters:
        manager.add(adapter.name, Path(adapter.path))
    folder.append(Progress(stage=N_("Ready")))
    scheduler = Scheduler(base, manager, request.model.batches)
    service = ChatService(base, manager, scheduler, name=request.model.name, token=token)
    with socket.create_server((request.host, request.port)) as listener:
        process = psutil.Process()
        port = listener.getsockname()[1]
        endpoint = Endpoint(host=request.host, port=port, token=token, pid=process.pid, started=process.create_time())
        write_private(folder.endpoint, endpoint.model_dump_json())
        try:
            asyncio.run(_serve(service, scheduler, listener, request.idle_exit))
        finally:
            folder.endpoint.unlink(missing_ok=True)
    folder.append(Finished(path=""))


async def _serve(service: ChatService, scheduler: Scheduler, listener: socket.socket, idle_exit: float) -> None:
    config = uvicorn.Config(
        service.app, log_level="warning", access_log=False, timeout_graceful_shutdown=SECONDS_TO_CLOSE, lifespan="off"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not serving.done():
        await asyncio.wait([serving], timeout=min(1.0, idle_exit))
        if not scheduler.is_busy and time.monotonic() - service.last_request > idle_exit:
            server.should_exit = True
        if server.should_exit:
            scheduler.cancel_all()
    await serving


def _load(request: ServeRequest) -> LoadedModel:
    """In full precision on a CPU, where a row then comes out the same to the token with neighbours and without; bf16
    rows can differ by rounding. On a GPU, full means what the device is made for."""
    device = pick_device()
    automatic = "fp32" if device.type == "cpu" else "auto"
    return load_base(request.model.path, request.precision, device, automatic=automatic)
