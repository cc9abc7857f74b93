"""Checkpoints of a run: which are whole, and what is wrong with those that are not.

A checkpoint is whole when its last-written file, `whole.json`, names every other file with its size and SHA-256, and
they are so: transformers resumes in silence, with another curve, from one that lacks a part.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.store.bounded_json import read_object
from studio.store.job_folder import read_json, write_json

MANIFEST = "whole.json"
_PREFIX = "checkpoint-"
_NEEDED = ("adapter_config.json", "trainer_state.json", "optimizer.pt", "scheduler.pt", "rng_state.pth")


@dataclass(frozen=True)
class Checkpoint:
    """The state after `step` steps. `metadata` is what was put down beside it when it was written."""

    path: Path
    step: int
    metadata: Mapping[str, Any] = field(default_factory=dict)


def checkpoint_path(folder: Path, step: int) -> Path:
    return folder / f"{_PREFIX}{step}"


def step_of(path: Path) -> int:
    """The step of the checkpoint there, by its name."""
    return int(path.name.removeprefix(_PREFIX))


def all_checkpoints(folder: Path) -> Sequence[Checkpoint]:
    """Newest first, whole or not."""
    steps = (path.name.removeprefix(_PREFIX) for path in folder.glob(f"{_PREFIX}*"))
    return [_open(folder, step) for step in sorted((int(s) for s in steps if s.isdecimal()), reverse=True)]


def checkpoints(folder: Path) -> Sequence[Checkpoint]:
    """Newest first, those alone that are whole as far as a quick look tells."""
    return [checkpoint for checkpoint in all_checkpoints(folder) if not damage(checkpoint.path)]


def _open(folder: Path, step: int) -> Checkpoint:
    path = checkpoint_path(folder, step)
    manifest = read_json(path / MANIFEST)
    metadata = manifest.get("told") if isinstance(manifest, dict) else None
    return Checkpoint(path, step, metadata if isinstance(metadata, dict) else {})


def seal(path: Path, metadata: Mapping[str, Any]) -> None:
    """Declares the folder whole, with what is to be known of it; all of it is on the disk when this returns."""
    files = {}
    for file in sorted(f for f in path.rglob("*") if f.is_file() and f.name != MANIFEST):
        with file.open("rb") as stream:
            files[file.relative_to(path).as_posix()] = [file.stat().st_size, _digest(file)]
            os.fsync(stream.fileno())
    write_json(path / MANIFEST, {"told": dict(metadata), "files": files})
    with (path / MANIFEST).open("rb") as stream:
        os.fsync(stream.fileno())
    sync_folder(path)


def sync_folder(path: Path) -> None:
    """A power cut from now on loses no name in that folder. Windows knows no such thing."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def damage(path: Path, *, thorough: bool = False) -> str:
    """What is wrong with the checkpoint; empty where it is whole. A thorough look reads every byte."""
    manifest = read_json(path / MANIFEST)
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        return f"{path.name} was never finished."
    for required in _NEEDED:
        if required not in manifest["files"]:
            return f"{path.name} lacks {required}."
    for name, entry in manifest["files"].items():
        if not isinstance(entry, list) or len(entry) != 2:
            return f"{path.name} was never finished."
        size, digest = entry
        file = path / name
        if not file.is_file():
            return f"{path.name} lacks {name}."
        if file.stat().st_size != size:
            return f"{name} in {path.name} has another size than it was written with."
        if thorough and _digest(file) != digest:
            return f"{name} in {path.name} has other content than it was written with."
    try:
        read_object(path / "trainer_state.json")
    except OSError:
        return f"trainer_state.json in {path.name} cannot be read."
    return ""


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
