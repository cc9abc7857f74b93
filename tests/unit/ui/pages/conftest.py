"""Fixtures of the pages' handlers."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.app import Studio
from tests.support.weight_files import write_weights

TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
LAYERS = {
    "model.embed_tokens.weight": [10, 8],
    "model.layers.0.q_proj.weight": [8, 8],
    "model.layers.0.v_proj.weight": [4, 8],
}


@pytest.fixture
def model(studio: Studio, tmp_path: Path) -> str:
    """A base model that is ready, as far as the web process looks at it."""
    folder = tmp_path / "model"
    folder.mkdir()
    write_weights(folder / "model.safetensors", LAYERS)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "tokenizer_config.json").write_text("{}")
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    studio.catalogue.add_model(name="small", reference="small", source="folder", status="ready", path=str(folder))
    return "small"
