"""The upload route: one stream, written as it arrives."""

from __future__ import annotations

import asyncio
import errno
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from studio.domain.errors import InvalidInput, StudioError
from studio.services.datasets.uploads import MAX_BYTES, Uploads, no_room, too_large
from studio.ui.language import language_of, problem_of, remedy_of

CHUNK_BYTES = 1 << 20  # bytes between two writes


def add_upload_route(app: FastAPI, uploads: Uploads) -> None:
    """`PUT /uploads` with the file as its body answers {"token"}, by which a handler finds it."""

    @app.put("/uploads")
    async def upload(request: Request) -> JSONResponse:
        length = request.headers.get("content-length", "")
        try:
            with uploads.receiving(int(length) if length.isdecimal() else None) as (token, file):
                await _write(request, file)
            return JSONResponse({"token": token})
        except ClientDisconnect:
            return JSONResponse({}, 400)  # to nobody
        except StudioError as error:
            return _refusal(error, request)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                return _refusal(no_room(), request)
            raise


async def _write(request: Request, file: Any) -> None:
    waiting, size = bytearray(), 0
    async for chunk in request.stream():
        waiting += chunk
        size += len(chunk)
        if size > MAX_BYTES:
            raise too_large()
        if len(waiting) >= CHUNK_BYTES:
            await asyncio.to_thread(file.write, bytes(waiting))
            waiting.clear()
    await asyncio.to_thread(file.write, bytes(waiting))


def _refusal(error: StudioError, request: Request) -> JSONResponse:
    language = language_of(request)
    payload = {"problem": problem_of(error, language), "remedy": remedy_of(error, language)}
    return JSONResponse(payload, 413 if isinstance(error, InvalidInput) else 507)
