"""The catalogue on a real SQLite file."""

import sqlite3

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from studio.domain.errors import InvalidInput, NotFound, StudioError
from studio.domain.run import ImpossibleTransition, RunStatus
from studio.store.catalogue import Catalogue
from studio.store.tables import Dataset, Table


@pytest.fixture
def catalogue(tmp_path):
    catalogue = Catalogue(f"sqlite:///{tmp_path / 'studio.db'}")
    yield catalogue
    catalogue.close()


def add_run(catalogue, name="a", **fields):
    model = catalogue.models()[0] if catalogue.models() else catalogue.add_model(name="m", reference="m", source="hub")
    return catalogue.add_run(
        name=name, spec={}, model_id=model.id, dataset_id=None, model_name="m", dataset_name="d", **fields
    )


def add_adapter(catalogue, name, **fields):
    given = {
        "path": "/a", "size": 1, "base_name": "m", "base_reference": "org/m", "base_source": "hub", "dataset_name": "d",
        "dataset_sha256": "x", "dataset_rows": 1, "spec": {}, "seed": 1, "versions": {}, "steps": 1,
    }  # fmt: skip
    return catalogue.add_adapter(name=name, **given | fields)


def test_the_migrations_make_just_the_tables_that_the_code_declares(catalogue):
    with catalogue.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Table.metadata) == []


def test_opening_it_again_keeps_what_is_there(tmp_path):
    url = f"sqlite:///{tmp_path / 'studio.db'}"
    first = Catalogue(url)
    add_adapter(first, "captain")
    first.close()
    again = Catalogue(url)
    assert again.adapter("captain").base_reference == "org/m"
    again.close()


def test_a_catalogue_of_a_newer_studio_is_left_alone(tmp_path):
    url = f"sqlite:///{tmp_path / 'studio.db'}"
    Catalogue(url).close()
    with sqlite3.connect(tmp_path / "studio.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StudioError, match="newer version"):
        Catalogue(url)


def test_a_file_that_is_no_database_is_named_with_a_remedy(tmp_path):
    (tmp_path / "studio.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StudioError, match=r"studio\.db cannot be opened.*--home"):
        Catalogue(f"sqlite:///{tmp_path / 'studio.db'}")


def test_a_taken_name_is_said_at_its_field(catalogue):
    add_adapter(catalogue, "captain")
    with pytest.raises(InvalidInput, match="“captain” is taken by another adapter") as caught:
        add_adapter(catalogue, "captain")
    assert "name" in caught.value.fields


def test_what_is_not_there_is_answered_with_what_is(catalogue):
    add_adapter(catalogue, "captain")
    with pytest.raises(NotFound, match="There are: captain"):
        catalogue.adapter("capitan")


def test_a_free_name_counts_up(catalogue):
    fields = {"format": "text", "sha256": "x", "file_name": "f", "path": "/f", "rows_path": "/f", "rows": 1, "size": 1}
    catalogue.add_dataset(name="rows", details={}, **fields)
    assert catalogue.free_name(Dataset, "rows") == "rows 2"


def test_a_search_finds_every_word_in_any_of_name_base_and_dataset(catalogue):
    add_adapter(catalogue, "tone-v1", dataset_name="helpdesk")
    add_adapter(catalogue, "tone-v2", dataset_name="100%_poems")
    assert [a.name for a in catalogue.adapters("TONE help")] == ["tone-v1"]
    assert [a.name for a in catalogue.adapters("100%_")] == ["tone-v2"]
    assert [a.name for a in catalogue.adapters("tone_v")] == []
    assert len(catalogue.adapters("org/m")) == 2


def test_the_same_metrics_recorded_twice_stand_once(catalogue):
    run = add_run(catalogue)
    row = {"kind": "step", "step": 1, "at": 1.0, "loss": 2.0, "learning_rate": 0.1, "grad_norm": None,
           "tokens_per_second": 1.0, "memory": 1}  # fmt: skip
    catalogue.record_progress(run.id, [row], offset=10)
    catalogue.record_progress(run.id, [row | {"loss": 1.5}], offset=10, step=1)
    assert [m.loss for m in catalogue.metrics(run.id)] == [1.5]
    assert catalogue.run(run.id).step == 1


def test_an_impossible_transition_changes_nothing(catalogue):
    run = add_run(catalogue)
    with pytest.raises(ImpossibleTransition):
        catalogue.change_run(run.id, RunStatus.FINISHED, step=9)
    assert (catalogue.run(run.id).status, catalogue.run(run.id).step) == ("queued", 0)


def test_an_adapter_keeps_its_lineage_when_its_dataset_is_gone(catalogue):
    fields = {"format": "text", "sha256": "x", "file_name": "f", "path": "/f", "rows_path": "/f", "rows": 1, "size": 1}
    dataset = catalogue.add_dataset(name="rows", details={}, **fields)
    add_adapter(catalogue, "captain", dataset_id=dataset.id, dataset_name="rows")
    catalogue.delete_dataset(dataset.id)
    adapter = catalogue.adapter("captain")
    assert (adapter.dataset_id, adapter.dataset_name, adapter.dataset_sha256) == (None, "rows", "x")
