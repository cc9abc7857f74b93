"""The datasets' service with worker processes: what it does while they read, and when one of them dies."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from studio.domain.datasets.clean_actions import CleanActions
from studio.domain.datasets.file_format import ReadOptions
from studio.domain.errors import InvalidInput, NotFound, StudioError
from studio.domain.run import RunStatus
from studio.engines.base import Handle
from studio.engines.local import LocalEngine
from studio.samples import sample_path
from studio.services.datasets import browse
from studio.services.datasets.service import Datasets
from studio.services.datasets.status import check_ready, fault_of
from studio.store.catalogue import Catalogue
from studio.store.datasets.row_file import BATCH
from studio.store.tables.datasets import Dataset
from tests.support.waiting import wait_for
from tests.support.workers import pid_of

MANY = 150_000  # rows that take a worker seconds to read


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    catalogue = Catalogue(f"sqlite:///{tmp_path / 'studio.db'}")
    yield catalogue
    catalogue.close()


class Workers(LocalEngine):
    """Of which none outlives its test."""

    def __init__(self) -> None:
        super().__init__()
        self._started: list[Handle] = []

    def start(
        self, task: str, folder: Path, *, online: bool = False, token: str | None = None, device: str = ""
    ) -> Handle:
        worker = super().start(task, folder, online=online, token=token, device=device)
        self._started.append(worker)
        return worker

    def end(self) -> None:
        for worker in self._started:
            self.stop(worker, force=True)
            wait_for(lambda worker=worker: not self.is_alive(worker), seconds=30, what="a worker's end")


@pytest.fixture
def engine() -> Iterator[Workers]:
    engine = Workers()
    yield engine
    engine.end()


@pytest.fixture
def datasets(catalogue: Catalogue, engine: Workers, tmp_path: Path) -> Datasets:
    return Datasets(catalogue, engine, tmp_path / "datasets")


def write(tmp_path: Path, name: str, *texts: str) -> Path:
    path = tmp_path / name
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    return path


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "large.jsonl"
    path.write_text("".join(f'{{"text": "Entry {i} of the log: wind {i % 360} degrees."}}\n' for i in range(MANY)))
    return path


def reading(datasets: Datasets, dataset: Dataset) -> Dataset:
    """The dataset once its worker has said how far it is."""

    def look() -> Dataset | None:
        datasets.tick()
        seen = datasets.get(dataset.reference)
        assert seen.status == "reading", seen.problem
        return seen if seen.stage else None

    return wait_for(look, seconds=60, what="the worker's first word")


def kept(tmp_path: Path) -> list[str]:
    """What stands in the datasets' folder."""
    return sorted(path.name for path in (tmp_path / "datasets").iterdir() if not path.name.startswith("."))


def test_a_worker_that_is_killed_leaves_a_dataset_that_says_so_and_can_be_read_again(
    datasets: Datasets, large: Path
) -> None:
    dataset = reading(datasets, datasets.add(large))
    os.kill(pid_of(dataset.worker), signal.SIGKILL)
    dead = datasets.wait(dataset)
    assert (dead.status, dead.worker) == ("failed", "")
    fault = fault_of(dead)
    assert fault is not None
    assert "SIGKILL" in fault.problem
    assert "add it again" in fault.remedy
    with pytest.raises(InvalidInput, match="no rows yet"):
        check_ready(dead)
    assert Path(dead.path).read_bytes() == large.read_bytes()

    again = datasets.wait(datasets.read_again("large", reading=ReadOptions(encoding="utf-8")), 120)
    assert (again.id, again.version, again.status, again.rows, again.problem) == (dead.id, 1, "ready", MANY, "")
    assert [step["action"] for step in again.steps] == ["add", "read_again"]


def test_what_is_being_read_can_be_given_up(
    datasets: Datasets, catalogue: Catalogue, large: Path, tmp_path: Path
) -> None:
    dataset = reading(datasets, datasets.add(large))
    with pytest.raises(InvalidInput, match="still being read"):
        datasets.clean("large", CleanActions(skip_bad_rows=True))
    with pytest.raises(InvalidInput, match="still being read"):
        browse.rows(dataset)
    datasets.delete("large")
    assert list(catalogue.datasets()) == []
    assert kept(tmp_path) == ["originals"]
    assert list((tmp_path / "datasets" / "originals").iterdir()) == []
    pid = pid_of(dataset.worker)
    wait_for(lambda: not alive(pid), seconds=10, what="the worker's end")
    datasets.tick()
    assert list(datasets.list()) == []


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_restarted_server_finds_a_dataset_where_its_worker_is(
    datasets: Datasets, catalogue: Catalogue, large: Path, tmp_path: Path
) -> None:
    begun = reading(datasets, datasets.add(large))
    other = Datasets(catalogue, LocalEngine(), tmp_path / "datasets")
    read = other.wait(begun, 120)
    assert (read.status, read.rows) == ("ready", MANY)


def test_several_that_bring_the_same_file_at_once_share_it(
    datasets: Datasets, catalogue: Catalogue, engine: Workers, tmp_path: Path
) -> None:
    file = write(tmp_path, "crew.jsonl", "one", "two")
    ids: list[int] = []

    def bring() -> None:
        ids.append(Datasets(catalogue, engine, tmp_path / "datasets").add(file).id)

    threads = [threading.Thread(target=bring) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ids == [1] * 4
    assert datasets.wait(datasets.get("crew")).rows == 2


def test_originals_are_shared_by_what_they_hold_and_kept_while_one_needs_them(
    datasets: Datasets, tmp_path: Path
) -> None:
    first = datasets.wait(datasets.add(write(tmp_path, "crew.jsonl", "one", "two")))
    twin = datasets.wait(datasets.add(write(tmp_path, "copy.jsonl", "one", "two"), "twin"))
    assert (twin.name, twin.file_name, twin.sha256) == ("twin", "copy.jsonl", first.sha256)
    originals = tmp_path / "datasets" / "originals"
    assert len(list(originals.iterdir())) == 1
    datasets.delete("crew")
    assert browse.rows(datasets.get("twin"))["total"] == 2
    assert len(list(originals.iterdir())) == 1
    datasets.delete("twin")
    assert list(originals.iterdir()) == []


def test_an_upload_is_named_by_what_it_was_called_where_it_came_from(datasets: Datasets, tmp_path: Path) -> None:
    upload = write(tmp_path, "tmp83hf", "one")
    dataset = datasets.wait(datasets.add(upload, file_names=['C:/data/"船长" .jsonl']))
    assert (dataset.name, dataset.file_name, dataset.status) == ('"船长"', '"船长" .jsonl', "ready")
    long = datasets.add(write(tmp_path, "tmp84", "two"), file_names=["x" * 300 + ".jsonl"])
    assert datasets.wait(long).name == "x" * 74
    assert datasets.wait(datasets.add(write(tmp_path, "tmp85", "3"), file_names=["crew@2.jsonl.gz.jsonl"])).rows == 1


def test_the_sample_is_added_once(datasets: Datasets) -> None:
    first = datasets.add_sample()
    assert datasets.add_sample().id == first.id
    assert (first.name, first.format, first.bad_rows) == (sample_path().stem, "chat", 0)
    assert first.rows == len(sample_path().read_text("utf-8").splitlines())


def test_a_dataset_is_kept_while_a_run_needs_any_of_its_versions(
    datasets: Datasets, catalogue: Catalogue, tmp_path: Path
) -> None:
    datasets.wait(datasets.add(write(tmp_path, "crew.jsonl", "one", "one", "two")))
    cleaned = datasets.wait(datasets.clean("crew", CleanActions(drop_duplicates="exact")))
    model = catalogue.add_model(name="m", reference="m", source="folder")
    run = catalogue.add_run(
        name="r", spec={}, model_id=model.id, dataset_id=cleaned.id, model_name="m", dataset_name="crew",
        dataset_version=2,
    )  # fmt: skip
    with pytest.raises(InvalidInput, match="in use by an unfinished run"):
        datasets.delete("crew")
    assert [version.version for version in datasets.versions("crew")] == [2, 1]
    datasets.delete("crew@1")
    catalogue.change_run(run.id, RunStatus.CANCELLED, ended_at=1.0)
    datasets.delete("crew")
    assert list(datasets.list()) == []
    assert (catalogue.run(run.id).dataset_name, catalogue.run(run.id).dataset_version) == ("crew", 2)


def test_a_version_can_be_found_by_its_name_number_or_hash(datasets: Datasets, tmp_path: Path) -> None:
    first = datasets.wait(datasets.add(write(tmp_path, "crew.jsonl", "one", "one", "two")))
    second = datasets.wait(datasets.clean("crew", CleanActions(drop_duplicates="exact")))
    for reference, expected in (("crew", second), ("crew@1", first), ("crew@2", second), (first.sha256[:12], first)):
        assert datasets.get(reference).id == expected.id
    for reference in ("crew@3", "crow", first.sha256[:5], "@"):
        with pytest.raises(NotFound):
            datasets.get(reference)
        with pytest.raises(NotFound):
            datasets.delete(reference)


@pytest.mark.parametrize(
    ("offset", "limit", "expected"),
    [(0, 2, [0, 1]), (998, 4, [998, 999, 1000, 1001]), (2000, 50, [2000]), (2001, 50, []), (-5, 1, [0]), (0, 0, [0])],
)
def test_any_page_of_the_rows_can_be_looked_at(counted: Dataset, offset: int, limit: int, expected: list[int]) -> None:
    page = browse.rows(counted, offset, limit)
    assert [(int(row["text"]), row["number"], row["line"]) for row in page["rows"]] == [(i, i, i + 2) for i in expected]
    assert page["total"] == 2 * BATCH + 1


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    """A dataset whose rows are numbers, from line 2 on."""
    folder = tmp_path_factory.mktemp("counted")
    catalogue = Catalogue(f"sqlite:///{folder / 'studio.db'}")
    file = folder / "count.csv"
    file.write_text("text\n" + "".join(f"{i}\n" for i in range(2 * BATCH + 1)))
    engine = Workers()
    made = Datasets(catalogue, engine, folder / "datasets")
    yield made.wait(made.add(file))
    engine.end()
    catalogue.close()


def test_a_folder_that_cannot_be_written_is_said_with_a_remedy(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "originals").write_text("in the way")
    datasets = Datasets(catalogue, LocalEngine(), tmp_path / "datasets")
    with pytest.raises(StudioError, match=r"cannot be stored: .*Check that the disk has room"):
        datasets.add(write(tmp_path, "crew.jsonl", "one"))
    assert list(catalogue.datasets()) == []


def test_nothing_to_clean_and_nothing_to_change_is_refused(datasets: Datasets, tmp_path: Path) -> None:
    datasets.wait(datasets.add(write(tmp_path, "crew.jsonl", "one")))
    with pytest.raises(InvalidInput, match="nothing to do"):
        datasets.clean("crew", CleanActions())
    with pytest.raises(InvalidInput, match="Nothing was changed"):
        datasets.read_again("crew")
    with pytest.raises(InvalidInput) as caught:
        datasets.read_again("crew", layout={"format": "text", "columns": {"text": "poem"}})
    assert list(caught.value.fields) == ["text"]
    assert len(datasets.versions("crew")) == 1


def records(catalogue: Catalogue) -> list[dict[str, Any]]:
    return [dataset.as_dict() for dataset in catalogue.datasets()]


def test_a_name_that_is_taken_changes_nothing(datasets: Datasets, catalogue: Catalogue, tmp_path: Path) -> None:
    datasets.wait(datasets.add(write(tmp_path, "crew.jsonl", "one"), "pirates"))
    before = records(catalogue)
    with pytest.raises(InvalidInput, match="already a dataset named “pirates”") as caught:
        datasets.add(write(tmp_path, "other.jsonl", "two"), "pirates")
    assert list(caught.value.fields) == ["name"]
    assert records(catalogue) == before
    assert len(list((tmp_path / "datasets" / "originals").iterdir())) == 1
