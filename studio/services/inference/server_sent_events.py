"""Server-sent events, as the OpenAI protocol streams them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

DONE = "[DONE]"


async def data_of(response: httpx.Response) -> AsyncIterator[str]:
    """The data of each event, DONE last where the stream came to its end. What is no data is passed over."""
    async for line in response.aiter_lines():
        data = line.removeprefix("data:").strip()
        if line.startswith("data:") and data:
            yield data
            if data == DONE:
                return
