"""A home with one dataset, adapter and model, made without a worker that needs torch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from studio.app import build
from studio.settings import read_settings
from tests.support.sample_adapters import adapter_fields

ROWS = "".join(json.dumps({"text": f"It is said that {i} is a number."}) + "\n" for i in range(50))


def filled(home: Path) -> Path:
    """A home with a dataset of two versions, an adapter, and a model of its own."""
    rows = home.with_name("rows.jsonl")
    rows.write_text(ROWS)
    built = build(read_settings({}, home=home))
    first = built.datasets.wait(built.datasets.add(rows))
    second = shutil.copytree(first.folder, home / "datasets" / "2")
    places = {"version": 2, "folder": str(second), "rows_path": str(second / Path(first.rows_path).name)}
    built.catalogue.add_dataset(**{k: v for k, v in first.as_dict().items() if k not in ("id", "created_at")} | places)
    weights = home / "models" / "dory-1" / "model"
    weights.mkdir(parents=True)
    (weights / "model.safetensors").write_bytes(b"x" * 4096)
    built.catalogue.add_model(
        name="dory", reference="org/dory", source="hub", status="ready", path=str(weights), folder=str(weights.parent)
    )
    folder = home / "adapters" / "brine-1"
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(b"x" * 4096)
    (folder / "adapter_config.json").write_text("{}")
    built.catalogue.add_adapter(**adapter_fields(folder, name="brine"))
    built.close()
    return home


def copies(home: Path) -> list[str]:
    """Of the files that were brought."""
    return sorted(path.name for path in (home / "datasets" / "originals").iterdir())


def written(path: Path) -> Path:
    """A file to bring."""
    path.write_text(json.dumps({"text": f"It is said that this is {path.name}."}) + "\n")
    return path
