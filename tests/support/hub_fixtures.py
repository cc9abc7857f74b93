"""`hub`: a small hub on this machine for the real huggingface_hub client.

In the same process give the client `endpoint=hub.endpoint` and a token. A subprocess gets `hub_environment(...)`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fake_hub.server import HubServer, running_hub

ADA, BEN, READER = "hf_ada_may_write", "hf_ben_may_write", "hf_ada_may_read"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """Ada and Ben may write, Ada's second token only reads, and Ada belongs to the organisation crew."""
    from huggingface_hub import constants

    # The client reads its environment once, at import; what came before this test must not matter.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    tokens = {ADA: "ada", BEN: "ben", READER: "ada"}
    with running_hub(tmp_path / "hub", tokens, read_only=[READER], organisations={"crew": ["ada"]}) as server:
        yield server


def hub_environment(hub: HubServer, home: Path, token: str = "") -> dict[str, str]:
    """The environment in which a subprocess takes `hub` for the Hub, with its cache and logins under `home`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING_FACE_", "TRANSFORMERS_"))}
    return kept | {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "NO_PROXY": "127.0.0.1",
        **({"HF_TOKEN": token} if token else {}),
    }
