"""Adapters made up for tests: a catalogue's record, and a folder as peft and the studio leave it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
from safetensors.numpy import save_file

from studio.domain.spec.run_spec import defaults
from studio.store.tables.adapters import Adapter

BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"
REVISION = "12fd25f77366fa6b3b4b768ec3050bf629380bac"


def adapter_fields(path: Path, **changed: Any) -> dict[str, Any]:
    """What the catalogue keeps of an adapter that was trained on the starter model."""
    spec = defaults()
    spec["model"]["name"], spec["data"]["name"] = "starter", "captain"
    return {
        "name": "Captain v1",
        "path": str(path),
        "size": 1000,
        "base_name": "starter",
        "base_reference": BASE,
        "base_source": "starter",
        "base_revision": REVISION,
        "base_license": "apache-2.0",
        "dataset_name": "captain",
        "dataset_sha256": "ab" * 32,
        "dataset_rows": 64,
        "mixture": [],
        "spec": spec,
        "seed": 42,
        "versions": {"peft": "0.21.2", "torch": "2.13.0", "transformers": "5.23.0"},
        "steps": 48,
        "train_loss": 1.2345678,
        "eval_loss": 1.5,
        "best_eval_loss": 1.4,
        "details": {"trainable": 460800, "parameters": 134515008, "device": "cpu", "precision": "bf16"},
        "owner": "",
    } | changed


def adapter_record(path: Path = Path("/nowhere"), **changed: Any) -> Adapter:
    return Adapter(created_at=0.0, **adapter_fields(path, **changed))


def write_adapter(path: Path, *, magnitude: str = "") -> Path:
    """An adapter's folder with all that may lie in one: tokenizer, and what must never be published."""
    path.mkdir(parents=True)
    tensors = {"base_model.model.layers.0.q_proj.lora_A.weight": numpy.ones((4, 8), numpy.float32)}
    if magnitude:
        tensors[f"base_model.model.layers.0.q_proj.{magnitude}"] = numpy.ones(8, numpy.float32)
    save_file(tensors, path / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 4, "base_model_name_or_path": "/home/someone/models/base", "revision": None}
    (path / "adapter_config.json").write_text(json.dumps(config))
    (path / "tokenizer_config.json").write_text("{}")
    (path / "tokenizer.json").write_text("{}")
    (path / "chat_template.jinja").write_text("{{ messages }}")
    (path / "README.md").write_text("base_model: /home/someone/models/base")
    for kept_here in ("optimizer.pt", "training_args.bin", "adapter_model.bin", "trainer_state.json", "run.json"):
        (path / kept_here).write_bytes(b"not for others")
    (path / "checkpoint-10").mkdir()
    (path / "checkpoint-10" / "adapter_model.safetensors").write_bytes(b"not for others")
    return path
