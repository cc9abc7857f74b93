"""The catalogue on a real SQLite file."""

import sqlite3

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from studio.domain.errors import InvalidInput, NotFound, StudioError
from studio.domain.run import ImpossibleTransition, RunStatus
from studio.store.catalogue import Catalogue
from studio.store.database import MIGRATIONS
from studio.store.tables.base import Table
from studio.store.tables.datasets import Dataset


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


@pytest.mark.parametrize("url", ["studio", "oracle://host/studio", "nothing://host/x", "postgresql://a:hidden@@h:p/x"])
def test_a_url_of_no_database_that_can_be_used_is_refused_without_being_repeated(url):
    with pytest.raises(InvalidInput, match=r"database URL cannot be used.*postgresql://user") as caught:
        Catalogue(url)
    assert "hidden" not in str(caught.value)


def test_a_database_whose_driver_is_not_installed_says_which_one_to_install():
    with pytest.raises(StudioError, match=r"needs the Python package pg8000.*install “psycopg"):
        Catalogue("postgresql+pg8000://host/studio")


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
    row = {"kind": "step", "step": 1, "seq": 10, "at": 1.0, "loss": 2.0, "learning_rate": 0.1, "grad_norm": None,
           "tokens_per_second": 1.0, "memory": 1}  # fmt: skip
    catalogue.record_progress(run.id, [row], offset=10)
    catalogue.record_progress(run.id, [row | {"loss": 1.5}], offset=10, step=1)
    assert [m.loss for m in catalogue.metrics(run.id)] == [1.5]
    assert catalogue.run(run.id).step == 1


def test_a_catalogue_that_cannot_be_written_says_so_and_what_to_do(catalogue):
    run = add_run(catalogue)
    with catalogue.engine.connect() as connection:  # the one that the next session takes
        connection.exec_driver_sql("PRAGMA query_only=ON")
    with pytest.raises(StudioError, match=r"The catalogue cannot be written.*Nothing is lost"):
        catalogue.change_run(run.id, step=3)
    with catalogue.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only=OFF")
    assert catalogue.run(run.id).step == 0


def test_an_impossible_transition_changes_nothing(catalogue):
    run = add_run(catalogue)
    with pytest.raises(ImpossibleTransition):
        catalogue.change_run(run.id, RunStatus.FINISHED, step=9)
    assert (catalogue.run(run.id).status, catalogue.run(run.id).step) == ("queued", 0)


def test_an_adapter_keeps_its_lineage_when_its_dataset_is_gone(catalogue):
    fields = {"format": "text", "sha256": "x", "file_name": "f", "path": "/f", "rows_path": "/f", "rows": 1, "size": 1}
    dataset = catalogue.add_dataset(name="rows", details={}, **fields)
    add_adapter(catalogue, "captain", dataset_id=dataset.id, dataset_name="rows")
    catalogue.delete_datasets([dataset.id])
    adapter = catalogue.adapter("captain")
    assert (adapter.dataset_id, adapter.dataset_name, adapter.dataset_sha256) == (None, "rows", "x")


def migrated_to(path, revision):
    """A database as an earlier studio left it."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def insert(connection, table, **fields):
    columns, marks = ", ".join(f'"{name}"' for name in fields), ", ".join("?" * len(fields))
    connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(fields.values()))


def test_a_first_catalogue_keeps_its_datasets_and_all_that_was_made_from_them(tmp_path):
    path = tmp_path / "studio.db"
    migrated_to(path, "0001")
    with sqlite3.connect(path) as connection:
        insert(
            connection, "datasets", id=7, name="crew", format="chat", sha256="ab" * 32, file_name="crew.jsonl",
            path="/d/crew.jsonl", rows_path="/d/rows.arrow", rows=5, size=9, details='{"turns": 10}', owner="ann",
            created_at=1.5,
        )  # fmt: skip
        model = dict.fromkeys(
            ("origin", "revision", "path", "stage", "problem", "remedy", "architecture", "license", "folder", "owner"),
            "",
        ) | dict.fromkeys(("done", "total", "size", "parameters", "context", "chat_template"), 0)
        insert(
            connection,
            "models",
            id=3,
            name="m",
            reference="org/m",
            source="hub",
            status="ready",
            created_at=1.0,
            **model,
        )
        run = dict.fromkeys(("folder", "stage", "problem", "remedy", "owner"), "") | dict.fromkeys(
            ("offset", "stage_done", "stage_total", "step", "total_steps"), 0
        )
        insert(
            connection, "runs", id=4, name="captain", key="k", status="finished", spec="{}", model_id=3, dataset_id=7,
            model_name="m", dataset_name="crew", started="{}", created_at=2.0, **run,
        )  # fmt: skip
        insert(connection, "metrics", run_id=4, kind="step", step=1, at=2.5, loss=1.25)
        adapter = dict.fromkeys(
            ("base_revision", "base_license", "hub_repo", "hub_url", "hub_commit", "owner"), ""
        ) | dict.fromkeys(("spec", "versions", "details"), "{}")
        insert(
            connection, "adapters", id=5, name="captain", path="/a", size=1, model_id=3, base_name="m",
            base_reference="org/m", base_source="hub", dataset_id=7, dataset_name="crew", dataset_sha256="ab" * 32,
            dataset_rows=5, run_id=4, seed=42, steps=10, created_at=3.0, **adapter,
        )  # fmt: skip
    connection.close()

    catalogue = Catalogue(f"sqlite:///{path}")
    try:
        dataset = catalogue.dataset("crew@1")
        assert (dataset.id, dataset.rows, dataset.details.turns, dataset.created_at) == (7, 5, 10, 1.5)
        assert (dataset.version, dataset.parent_id, dataset.steps, dataset.status) == (1, None, [], "ready")
        assert (catalogue.run(4).dataset_id, catalogue.run(4).dataset_version) == (7, 1)
        assert [metric.loss for metric in catalogue.metrics(4)] == [1.25]
        (adapter,) = catalogue.adapters_of_dataset(dataset)
        assert (adapter.name, adapter.dataset_id, adapter.dataset_version, adapter.run_id) == ("captain", 7, 1, 4)
        again = {
            "format": "chat",
            "sha256": "cd" * 32,
            "file_name": "f",
            "path": "/f",
            "rows_path": "/f",
            "rows": 4,
            "size": 1,
        }
        assert catalogue.add_dataset(name="crew", version=2, parent_id=7, **again).reference == "crew@2"
        with pytest.raises(InvalidInput):
            catalogue.add_dataset(name="crew", version=2, **again)
        catalogue.delete_datasets([7])
        assert (catalogue.run(4).dataset_id, catalogue.adapter("captain").dataset_id) == (None, None)
        with catalogue.engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), Table.metadata) == []
    finally:
        catalogue.close()


def test_a_dataset_is_found_by_its_newest_version_a_version_or_a_hash(catalogue):
    fields = {"format": "text", "file_name": "f", "path": "/f", "rows_path": "/f", "rows": 1, "size": 1}
    for name, version, digit in (("crew", 1, "a"), ("crew", 2, "b"), ("crew@9", 1, "c"), ("abcdef012345", 1, "d")):
        catalogue.add_dataset(name=name, version=version, sha256=digit * 64, **fields)
    found = {
        reference: catalogue.dataset(reference).sha256[0]
        for reference in ("crew", "crew@1", "crew@9", "crew@9@1", "a" * 12, "abcdef012345")
    }
    assert list(found.values()) == ["b", "a", "c", "c", "a", "d"]
    for missing in ("crew@3", "a" * 11, "e" * 64, "crew@" + "9" * 30):
        with pytest.raises(NotFound, match="dataset"):
            catalogue.dataset(missing)


def test_a_column_map_is_kept_for_its_header_and_replaced_by_a_newer_one(catalogue):
    for column in ("a", "b"):
        catalogue.remember_column_map("header", {"format": "text", "columns": {"text": column}})
    assert catalogue.column_maps() == {"header": {"format": "text", "columns": {"text": "b"}}}
