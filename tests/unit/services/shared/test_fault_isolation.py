"""One item that cannot be looked after is marked as failed with its words, and the others go on."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from studio.domain.errors import StudioError
from studio.domain.events import Event, Finished, Step
from studio.domain.jobs.ingest import FilesSource, IntakeRequest
from studio.domain.spec.run_spec import read_spec
from studio.services.datasets.service import Datasets
from studio.services.evaluation.service import Evaluations
from studio.services.hub.files import read_adapter_folder
from studio.services.models.layers import read_base_weights
from studio.services.models.service import Models
from studio.services.runs.dispatcher import Dispatcher
from studio.services.runs.service import Runs
from studio.services.shared.fault_isolation import each_by_itself
from studio.store.catalogue import Catalogue
from studio.store.job_folder import JobFolder
from studio.store.safetensors_header import MAX_HEADER_BYTES
from studio.worker.models.files import count_parameters
from tests.support.fakes import FakeEngine

HUGE = 2**63


def said(path: Path, event: Event) -> str:
    JobFolder(path).prepare(IntakeRequest(source=FilesSource(files=[])))
    JobFolder(path).append(event)
    return str(path)


def test_a_model_whose_size_no_catalogue_can_hold_keeps_no_other_waiting(catalogue: Catalogue, tmp_path: Path) -> None:
    for name, parameters in (("bad", HUGE * 100), ("good", 7)):
        details = {"parameters": parameters}
        catalogue.add_model(
            name=name, reference=name, source="folder", status="preparing", worker="worker 1",
            folder=said(tmp_path / name, Finished(path=str(tmp_path), size=1, details=details)),
        )  # fmt: skip
    models = Models(catalogue, FakeEngine(alive={"worker 1"}), tmp_path, lambda: None)
    models.tick()
    assert {model.name: model.status for model in models.list()} == {"bad": "failed", "good": "ready"}
    with pytest.raises(StudioError, match="OverflowError"):
        models.ready("bad")


def test_a_version_with_figures_that_cannot_be_kept_keeps_no_other_waiting(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    good = {"rows": 2, "layout": {"format": "text"}, "sha256": "ab", "size": 1, "columns": []}
    for name, details in (("bad", good | {"rows": HUGE}), ("worse", {}), ("good", good)):
        catalogue.add_dataset(
            name=name, format="", sha256="", file_name=name, path="", rows_path="", rows=0, size=0, status="reading",
            steps=[{"action": "add"}], details={}, folder=said(tmp_path / name, Finished(path="x", details=details)),
        )  # fmt: skip
    datasets = Datasets(catalogue, FakeEngine(alive={"worker 1"}), tmp_path, lambda: None)
    datasets.tick()
    assert {d.name: d.status for d in catalogue.datasets()} == {"bad": "failed", "worse": "failed", "good": "ready"}
    assert all("cannot be used" in d.problem for d in catalogue.datasets("failed"))


def test_a_run_that_tells_what_cannot_be_kept_fails_alone(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.add_model(name="tiny", reference="tiny", source="folder", status="ready", path=str(tmp_path))
    catalogue.add_dataset(
        name="rows", format="chat", sha256="ab", file_name="r", path="/r", rows_path="/r", rows=20, size=1,
        details={}, status="ready",
    )  # fmt: skip
    runs = Runs(catalogue)
    spec = read_spec({"model": {"name": "tiny"}, "data": {"name": "rows"}})
    ids = [runs.submit(spec, name) for name in ("bad", "good")]
    dispatcher = Dispatcher(
        catalogue, FakeEngine(alive={"worker 1"}), [], runs=tmp_path / "runs", adapters=tmp_path / "adapters"
    )
    dispatcher.tick()
    JobFolder(tmp_path / "runs" / str(ids[0])).append(Step(step=HUGE, epoch=0.1, loss=1.0, learning_rate=0.1))
    dispatcher.tick()
    assert catalogue.run(ids[0]).status == "failed"
    assert "cannot be used" in catalogue.run(ids[0]).problem
    dispatcher.tick()
    assert catalogue.run(ids[1]).status in ("starting", "running")


def test_a_passing_fault_marks_nothing_as_failed() -> None:
    failed: list[int] = []

    def look(item: SimpleNamespace) -> None:
        faults = [StudioError("Locked."), OSError(28, "full"), FileNotFoundError("gone"), KeyError("x")]
        raise faults[item.id]

    each_by_itself([SimpleNamespace(id=i) for i in range(4)], look, lambda item, fault: failed.append(item.id))
    assert failed == [2, 3]


def test_an_evaluation_that_cannot_be_read_keeps_no_other_waiting(catalogue: Catalogue) -> None:
    good = {"id": 1}
    bad = SimpleNamespace(id=2, columns=[{"no": "column"}], sampling={})
    failed: list[tuple[int, str]] = []
    fake = SimpleNamespace(
        all_evaluations=lambda *statuses: [SimpleNamespace(**good), bad],
        change_evaluation=lambda id, **fields: failed.append((id, fields["status"])),
    )
    Evaluations(fake, None, None).tick()
    assert failed == [(2, "failed")]


def header(tensors: Any, data: int = 0) -> bytes:
    text = tensors if isinstance(tensors, bytes) else json.dumps(tensors).encode()
    return len(text).to_bytes(8, "little") + text + bytes(data)


def tensor(shape: Any, begin: Any, end: Any, dtype: str = "F32") -> dict[str, Any]:
    return {"a.weight": {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}}


@pytest.mark.parametrize(
    "content",
    [
        header(tensor([2**63 - 1, 100], 0, 8), 8),
        header(tensor([2, 2], 0, 8), 8),
        header(tensor([2, 1], 0, 16), 8),
        header(tensor([-1, -2], 0, 8), 8),
        header(tensor([True, 2], 0, 8), 8),
        header(tensor([2.0], 0, 8), 8),
        header(tensor([2], 4, 12), 12),
        header(tensor([2], 8, 0), 8),
        header(tensor("22", 0, 8), 8),
        header(tensor([2] * 5000, 0, 8, "NEW"), 8),
        header([1, 2]),
        header(b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "a": {}}', 8),
        header(b"[" * 100_000),
        header(b'{"a": ' + b"9" * 6000 + b"}"),
        header({"a": None}),
        (2 << 30).to_bytes(8, "little") + b"{}",
        b"",
    ],
    ids=lambda content: str(len(content)),
)
def test_a_header_that_cannot_be_true_is_a_damaged_file(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    for name in ("model.safetensors", "adapter_model.safetensors"):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(StudioError, match="damaged or cut short"):
        count_parameters(tmp_path)
    with pytest.raises(StudioError, match="cannot be read"):
        read_base_weights(tmp_path)
    with pytest.raises(StudioError, match="is incomplete"):
        read_adapter_folder(tmp_path)


def test_a_header_is_no_longer_than_the_format_allows(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    with file.open("wb") as stream:
        stream.write((MAX_HEADER_BYTES + 1).to_bytes(8, "little"))
        stream.truncate(MAX_HEADER_BYTES + 100)  # takes no room
    with pytest.raises(StudioError, match="damaged or cut short"):
        count_parameters(tmp_path)


@pytest.mark.parametrize(
    "index", ["[]", "{", '{"weight_map": []}', '{"weight_map": {"a": 3}}', '{"weight_map": {"a": "../x"}}']
)
def test_a_damaged_index_is_said_to_be_one(index: str, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(StudioError, match=r"index .* is damaged"):
        count_parameters(tmp_path)


def test_an_adapter_configuration_that_is_a_list_is_not_whole(tmp_path: Path) -> None:
    (tmp_path / "adapter_model.safetensors").write_bytes(header(tensor([2], 0, 8), 8))
    (tmp_path / "adapter_config.json").write_text("[1]")
    with pytest.raises(StudioError, match=r"is incomplete: adapter_config\.json is no JSON object"):
        read_adapter_folder(tmp_path)


def test_pickled_weights_beside_junk_are_refused_when_the_model_is_added(catalogue: Catalogue, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "pytorch_model.bin").write_bytes(b"PK")
    (folder / "junk.safetensors").write_bytes(b"junk")
    models = Models(catalogue, FakeEngine(alive={"worker 1"}), tmp_path, lambda: None)
    with pytest.raises(StudioError, match=r"safetensors weights in .* are damaged"):
        models.add(str(folder))
    assert models.list() == []
