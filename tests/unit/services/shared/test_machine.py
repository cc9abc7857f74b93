"""What is known of the machine without torch."""

from __future__ import annotations

import psutil

from studio.services.shared.machine import look_at_machine, storage, versions


def test_the_machine_has_cores_and_memory():
    machine = look_at_machine()
    assert machine.cores >= 1
    assert machine.processor
    assert 0 < machine.free <= machine.memory <= psutil.virtual_memory().total


def test_storage_is_told_by_folder_and_what_lies_beside_them_is_counted_once(tmp_path):
    for place, size in {"models/a/w": 50, "runs/1/log": 7, "studio.db": 20, "secrets/t": 3}.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(b"x" * size)
    parts = [(part.name, part.size) for part in storage(tmp_path, ("runs", "models", "adapters"))]
    assert parts == [("models", 50), ("runs", 7), ("adapters", 0), ("other", 23)]


def test_versions_name_the_packages_that_train():
    found = versions()
    assert {"python", "torch", "transformers", "peft", "gradio"} <= found.keys()
    assert all(found.values())
