"""Real files taken in, on a real catalogue."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from studio.domain.dataset import BadRows
from studio.domain.errors import InvalidInput, NotFound, StudioError
from studio.domain.run import RunStatus
from studio.samples import sample_path
from studio.services.datasets import Datasets
from studio.store.catalogue import Catalogue
from studio.store.tables import Model

ROW = {"prompt": "Who are you?", "completion": "A captain. ⚓"}
CHAT = {"messages": [{"role": "user", "content": ROW["prompt"]}, {"role": "assistant", "content": ROW["completion"]}]}
GOOD = json.dumps(ROW, ensure_ascii=False).encode()


@pytest.fixture
def catalogue(tmp_path: Path, migrated: Path) -> Iterator[Catalogue]:
    shutil.copy(migrated, tmp_path / "studio.db")
    catalogue = Catalogue(f"sqlite:///{tmp_path / 'studio.db'}")
    yield catalogue
    catalogue.close()


@pytest.fixture
def datasets(catalogue: Catalogue, tmp_path: Path) -> Datasets:
    folder = tmp_path / "datasets"
    folder.mkdir()
    return Datasets(catalogue, folder)


def write(tmp_path: Path, name: str, content: bytes | str) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def kept(tmp_path: Path) -> list[str]:
    """What stands in the datasets' folder, but for the lock."""
    return sorted(path.name for path in (tmp_path / "datasets").iterdir() if path.name != ".lock")


def refusal(datasets: Datasets, tmp_path: Path, name: str, content: bytes | str) -> InvalidInput:
    """The error that a file is refused with, after a look that nothing was left behind."""
    with pytest.raises(InvalidInput) as caught:
        datasets.add(write(tmp_path, name, content))
    assert kept(tmp_path) == []
    assert list(datasets.list()) == []
    assert caught.value.remedy
    return caught.value


def places(error: InvalidInput) -> list[tuple[int, str]]:
    assert isinstance(error, BadRows)
    assert error.count == len(error.problems)
    return [(problem.line, problem.code) for problem in error.problems]


# what can be read


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("crew.jsonl", GOOD + b"\n"),
        ("crew.ndjson", GOOD),
        ("crew.JSONL", b"\xef\xbb\xbf" + GOOD + b"\r\n\r\n"),
        ("crew.json", b"[" + GOOD + b"]"),
        ("crew.json", b'\xef\xbb\xbf\n {"version": 1, "rows": [' + GOOD + b"]}"),
        ("crew.json", GOOD),
        ("crew.csv", "prompt,completion\nWho are you?,A captain. ⚓\n"),
        ("crew.csv", "\ufeffcompletion;prompt\r\nA captain. ⚓;Who are you?\r\n"),
        ("crew.csv", 'prompt,completion,note\n"Who are you?","A captain. ⚓",'),
        ("crew.tsv", "prompt\tcompletion\nWho are you?\tA captain. ⚓"),
    ],
)
def test_every_kind_of_text_file_gives_the_same_rows(
    datasets: Datasets, tmp_path: Path, name: str, content: bytes | str
) -> None:
    dataset = datasets.add(write(tmp_path, name, content))
    assert (dataset.name, dataset.rows, dataset.format) == ("crew", 1, "prompt-completion")
    assert datasets.preview("crew") == {"rows": [CHAT], "total": 1, "format": "prompt-completion"}


def test_parquet_is_read_with_its_nested_columns(datasets: Datasets, tmp_path: Path) -> None:
    rows = [CHAT | {"source": "log"}] * 2500
    pa.parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "log.parquet", row_group_size=700)
    dataset = datasets.add(tmp_path / "log.parquet")
    assert (dataset.rows, dataset.format, dataset.details["ignored"]) == (2500, "chat", ["source"])
    assert datasets.preview("log", 2499)["rows"] == [CHAT]


def test_json_lines_may_be_called_json(datasets: Datasets, tmp_path: Path) -> None:
    assert datasets.add(write(tmp_path, "crew.json", GOOD + b"\n\n" + GOOD)).rows == 2


def test_one_conversation_alone_is_a_file_of_one_row(datasets: Datasets, tmp_path: Path) -> None:
    datasets.add(write(tmp_path, "one.json", json.dumps(CHAT)))
    assert datasets.preview("one")["rows"] == [CHAT]


def test_an_object_may_hold_the_rows_under_a_name_that_is_a_column_elsewhere(
    datasets: Datasets, tmp_path: Path
) -> None:
    datasets.add(write(tmp_path, "many.json", json.dumps({"conversations": [CHAT, CHAT]})))
    assert datasets.preview("many")["rows"] == [CHAT, CHAT]


def test_a_csv_cell_may_hold_quotation_marks_delimiters_and_line_breaks(datasets: Datasets, tmp_path: Path) -> None:
    datasets.add(write(tmp_path, "poem.csv", 'text\r\n"one, ""two""\r\n\r\nthree"\r\n\r\nfour\r\n'))
    assert datasets.preview("poem")["rows"] == [{"text": 'one, "two"\r\n\r\nthree'}, {"text": "four"}]


def test_a_long_cell_is_no_problem(datasets: Datasets, tmp_path: Path) -> None:
    datasets.add(write(tmp_path, "long.csv", "text\n" + "x" * 300_000))
    assert len(datasets.preview("long")["rows"][0]["text"]) == 300_000


def test_line_separators_inside_a_json_string_do_not_end_the_line(datasets: Datasets, tmp_path: Path) -> None:
    datasets.add(write(tmp_path, "odd.jsonl", '{"text": "a\u2028b\x85c"}\n'))
    assert datasets.preview("odd")["rows"] == [{"text": "a\u2028b\x85c"}]


def test_the_record_says_what_the_file_holds(datasets: Datasets, tmp_path: Path) -> None:
    file = write(tmp_path, "crew.jsonl", json.dumps(CHAT | {"id": 7, "system": "Be brief."}) + "\n")
    dataset = datasets.add(file, "My crew", owner="ann")
    assert (dataset.name, dataset.file_name, dataset.owner, dataset.size) == (
        "My crew", "crew.jsonl", "ann", file.stat().st_size,
    )  # fmt: skip
    assert dataset.details == {
        "columns": ["messages", "id", "system"],
        "ignored": ["id"],
        "turns": 3,
        "characters": sum(len(words) for words in ("Be brief.", *ROW.values())),
        "roles": {"system": 1, "user": 1, "assistant": 1},
    }
    assert Path(dataset.path).read_bytes() == file.read_bytes()


def test_rows_are_stored_in_the_schema_that_training_reads(datasets: Datasets, tmp_path: Path) -> None:
    chat = datasets.add(write(tmp_path, "chat.jsonl", GOOD))
    text = datasets.add(write(tmp_path, "text.jsonl", '{"text": "a"}\n' * 2500))
    turn = pa.struct([("role", pa.string()), ("content", pa.string())])
    with pa.memory_map(chat.rows_path) as source:
        assert pa.ipc.open_file(source).schema == pa.schema([("messages", pa.list_(turn))])
    with pa.memory_map(text.rows_path) as source:
        file = pa.ipc.open_file(source)
        assert file.schema == pa.schema([("text", pa.string())])
        assert [file.get_batch(i).num_rows for i in range(file.num_record_batches)] == [1000, 1000, 500]


@pytest.mark.parametrize(
    ("offset", "limit", "expected"),
    [
        (0, 2, [0, 1]),
        (998, 4, [998, 999, 1000, 1001]),
        (2000, 50, [2000]),
        (2001, 50, []),
        (-5, 1, [0]),
        (0, 0, [0]),
        (500, 5000, list(range(500, 1500))),
    ],
)
def test_any_page_of_the_rows_can_be_looked_at(
    datasets: Datasets, tmp_path: Path, offset: int, limit: int, expected: list[int]
) -> None:
    datasets.add(write(tmp_path, "count.jsonl", "".join(f'{{"text": "{i}"}}\n' for i in range(2001))))
    page = datasets.preview("count", offset, limit)
    assert [int(row["text"]) for row in page["rows"]] == expected
    assert page["total"] == 2001


# what cannot be read


def test_every_bad_line_of_a_json_lines_file_is_named(datasets: Datasets, tmp_path: Path) -> None:
    lines = [
        GOOD, b"", b'{"prompt": "a", "completion": "b"', b"[1]", GOOD, b'{"prompt": "a"}', b'{"prompt": "\xe9"}',
        b'{"prompt": ' + b"[" * 5000, b'{"prompt": "a", "completion": "\\ud83d"}', GOOD,
    ]  # fmt: skip
    error = refusal(datasets, tmp_path, "bad.jsonl", b"\n".join(lines))
    assert places(error) == [
        (3, "not_json"), (4, "not_an_object"), (6, "missing"),
        (7, "not_utf8"), (8, "not_json"), (9, "broken_character"),
    ]  # fmt: skip
    assert error.problem.startswith("Problems in “bad.jsonl”: 6. The first, in line 3: This is not valid JSON")
    assert "column 34" in error.problem


def test_only_the_first_thousand_problems_are_kept_and_all_are_counted(datasets: Datasets, tmp_path: Path) -> None:
    error = refusal(datasets, tmp_path, "bad.jsonl", b'{"text": ""}\n' * 1500)
    assert isinstance(error, BadRows)
    assert (len(error.problems), error.count, error.problems[-1].line) == (1000, 1500, 1000)


def test_a_file_without_a_single_object_is_refused_by_its_lines(datasets: Datasets, tmp_path: Path) -> None:
    assert places(refusal(datasets, tmp_path, "bad.jsonl", b"one\n2\n")) == [(1, "not_json"), (2, "not_an_object")]


def test_the_rows_of_a_json_array_are_named_by_the_line_they_begin_in(datasets: Datasets, tmp_path: Path) -> None:
    text = '[\n  {"text": "a"},\n  {\n   "text": ""\n  },\n  {"text": "b"}, {"text": 4},\n  {"text" "c"}\n]'
    error = refusal(datasets, tmp_path, "bad.json", text)
    assert places(error) == [(3, "empty"), (6, "wrong_type"), (7, "not_json")]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('[\n{"text": "a"}\n', 3),
        ('[{"text": "a"}\n{"text": "b"}]', 2),
        ('[{"text": "a"},\n]', 2),
        ("[]\n\n[]", 3),
        ('{\n"a": }', 2),
    ],
)
def test_broken_json_is_named_by_its_line(datasets: Datasets, tmp_path: Path, content: str, line: int) -> None:
    assert (line, "not_json") in places(refusal(datasets, tmp_path, "bad.json", content))


def test_the_rows_inside_an_object_are_counted_as_rows(datasets: Datasets, tmp_path: Path) -> None:
    error = refusal(datasets, tmp_path, "bad.json", '{"data": [{"text": "a"}, {"text": ""}]}')
    assert places(error) == [(2, "empty")]
    assert "in row 2" in error.problem


@pytest.mark.parametrize("content", ['{"a": [{}], "b": [{}]}', '{"a": 1}'])
def test_an_object_must_hold_one_list_of_rows(datasets: Datasets, tmp_path: Path, content: str) -> None:
    assert "lists of rows" in refusal(datasets, tmp_path, "bad.json", content).problem


def test_rows_of_a_csv_file_are_named_by_the_line_they_begin_in(datasets: Datasets, tmp_path: Path) -> None:
    text = 'prompt,completion\na,b\n"two\nlines",\nonly one\na,b,c\n"\n",d\n'
    error = refusal(datasets, tmp_path, "bad.csv", text)
    assert places(error) == [(3, "empty"), (5, "cell_count"), (6, "cell_count"), (7, "empty")]


def test_a_quotation_mark_without_its_partner_is_named_where_it_opens(datasets: Datasets, tmp_path: Path) -> None:
    text = 'prompt,completion\na,b\na,"b\n' + "a,b\n" * 50
    assert places(refusal(datasets, tmp_path, "bad.csv", text)) == [(3, "not_csv")]


def test_a_csv_line_in_another_encoding_is_named(datasets: Datasets, tmp_path: Path) -> None:
    error = refusal(datasets, tmp_path, "bad.csv", b"text\nok\ncaf\xe9\nok\n")
    assert places(error) == [(3, "not_utf8")]
    assert "0xE9 at position 4" in error.problem


def test_a_csv_header_must_not_name_a_column_twice(datasets: Datasets, tmp_path: Path) -> None:
    assert "“text”" in refusal(datasets, tmp_path, "bad.csv", "text,a,text\n1,2,3\n").problem


def test_a_json_file_in_another_encoding_is_named_by_its_line(datasets: Datasets, tmp_path: Path) -> None:
    assert places(refusal(datasets, tmp_path, "bad.json", b'[\n{"text": "\xe9"}]')) == [(2, "not_utf8")]


@pytest.mark.parametrize(("encoding", "name"), [("utf-16", "UTF-16"), ("utf-32", "UTF-32")])
@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv"])
def test_wide_encodings_are_named(datasets: Datasets, tmp_path: Path, encoding: str, name: str, suffix: str) -> None:
    error = refusal(datasets, tmp_path, f"wide.{suffix}", '{"text": "a"}'.encode(encoding))
    assert name in error.problem
    assert "UTF-8" in error.remedy


@pytest.mark.parametrize(
    ("name", "content"),
    [("e.jsonl", ""), ("e.jsonl", "\n \n"), ("e.json", ""), ("e.json", "[ ]"), ("e.csv", ""), ("e.csv", "text\n")],
)
def test_a_file_without_rows_is_refused(datasets: Datasets, tmp_path: Path, name: str, content: str) -> None:
    assert "no rows" in refusal(datasets, tmp_path, name, content).problem


def test_a_damaged_parquet_file_is_refused(datasets: Datasets, tmp_path: Path) -> None:
    assert "Parquet" in refusal(datasets, tmp_path, "bad.parquet", b"PAR1 nothing PAR1").problem


@pytest.mark.parametrize("name", ["crew.txt", "crew", "crew.jsonl.exe"])
def test_other_kinds_of_file_are_refused_and_the_known_ones_named(
    datasets: Datasets, tmp_path: Path, name: str
) -> None:
    assert ".jsonl, .ndjson, .json, .csv, .tsv, .parquet" in refusal(datasets, tmp_path, name, GOOD).remedy


def test_preference_data_is_refused_by_its_name(datasets: Datasets, tmp_path: Path) -> None:
    rows = json.dumps([{"prompt": "a", "chosen": "b", "rejected": "c"}])
    assert "preference" in refusal(datasets, tmp_path, "dpo.json", rows).problem


def test_folders_and_missing_files_are_refused(datasets: Datasets, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is a folder"):
        datasets.add(tmp_path)
    with pytest.raises(InvalidInput, match=r"“gone\.jsonl” cannot be read: No such file"):
        datasets.add(tmp_path / "gone.jsonl")


def test_a_folder_that_cannot_be_written_is_said_with_a_remedy(catalogue: Catalogue, tmp_path: Path) -> None:
    datasets = Datasets(catalogue, tmp_path / "datasets")
    (tmp_path / "datasets" / ".incoming").mkdir(parents=True)
    with pytest.raises(StudioError, match=r"cannot be stored: .*See that the disk has room"):
        datasets.add(write(tmp_path, "crew.jsonl", GOOD))


# names and contents


def test_the_same_file_again_is_the_same_dataset(datasets: Datasets, tmp_path: Path) -> None:
    file = write(tmp_path, "crew.jsonl", GOOD)
    first = datasets.add(file)
    assert datasets.add(file).id == first.id
    assert datasets.add(file, "crew").id == first.id
    assert len(datasets.list()) == 1


def test_the_same_content_under_another_name_shares_the_files(datasets: Datasets, tmp_path: Path) -> None:
    first = datasets.add(write(tmp_path, "crew.jsonl", GOOD))
    second = datasets.add(write(tmp_path, "copy.jsonl", GOOD), "twin")
    assert (second.name, second.file_name, second.rows_path) == ("twin", "copy.jsonl", first.rows_path)
    assert kept(tmp_path) == [first.sha256]
    datasets.delete("crew")
    assert datasets.preview("twin")["rows"] == [CHAT]
    datasets.delete("twin")
    assert kept(tmp_path) == []


def test_another_content_under_the_same_file_name_gets_a_number(datasets: Datasets, tmp_path: Path) -> None:
    datasets.add(write(tmp_path, "crew.jsonl", GOOD))
    assert datasets.add(write(tmp_path, "crew.jsonl", GOOD + b"\n" + GOOD)).name == "crew 2"


def test_another_content_under_a_given_name_that_is_taken_is_refused(datasets: Datasets, tmp_path: Path) -> None:
    first = datasets.add(write(tmp_path, "crew.jsonl", GOOD), "pirates")
    with pytest.raises(InvalidInput, match="already a dataset named “pirates”") as caught:
        datasets.add(write(tmp_path, "crew.jsonl", GOOD + b"\n" + GOOD), "pirates")
    assert list(caught.value.fields) == ["name"]
    assert kept(tmp_path) == [first.sha256]


def test_an_upload_is_named_by_what_it_was_called_where_it_came_from(datasets: Datasets, tmp_path: Path) -> None:
    upload = write(tmp_path, "tmp83hf", GOOD)
    dataset = datasets.add(upload, file_name='C:/data/"船长" .jsonl')
    assert (dataset.name, dataset.file_name) == ('"船长"', '"船长" .jsonl')
    assert Path(dataset.path).is_file()
    assert datasets.add(upload, file_name="x" * 300 + ".jsonl").name == "x" * 74


def test_two_that_bring_the_same_file_at_once_share_it(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    file = write(tmp_path, "crew.jsonl", b"\n".join([GOOD] * 2000))
    ids: list[int] = []

    def bring() -> None:
        ids.append(Datasets(catalogue, tmp_path / "datasets").add(file).id)

    threads = [threading.Thread(target=bring) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ids == [1] * 4


def test_a_folder_left_by_a_crash_is_replaced(datasets: Datasets, tmp_path: Path) -> None:
    dataset = datasets.add(write(tmp_path, "crew.jsonl", GOOD))
    datasets.delete("crew")
    (tmp_path / "datasets" / dataset.sha256).mkdir()
    datasets.add(tmp_path / "crew.jsonl")
    assert datasets.preview("crew")["total"] == 1


def test_the_sample_is_added_once(datasets: Datasets) -> None:
    first = datasets.add_sample()
    assert datasets.add_sample().id == first.id
    assert (first.name, first.format) == (sample_path().stem, "chat")
    assert first.rows == len(sample_path().read_text("utf-8").splitlines())


# deleting


def test_a_dataset_that_is_not_there_cannot_be_shown_or_deleted(datasets: Datasets) -> None:
    for verb in (datasets.get, datasets.preview, datasets.delete):
        with pytest.raises(NotFound):
            verb("nothing")


def test_a_dataset_is_kept_while_a_run_needs_it(datasets: Datasets, catalogue: Catalogue, tmp_path: Path) -> None:
    dataset = datasets.add(write(tmp_path, "crew.jsonl", GOOD))
    model = catalogue.add_model(name="m", reference="m", source="folder")
    run = catalogue.add_run(
        name="r", spec={}, model_id=model.id, dataset_id=dataset.id, model_name="m", dataset_name="crew"
    )
    with pytest.raises(InvalidInput, match="needed by a run"):
        datasets.delete("crew")
    assert datasets.preview("crew")["total"] == 1
    catalogue.change_run(run.id, RunStatus.CANCELLED, ended_at=1.0)
    datasets.delete("crew")
    assert list(datasets.list()) == []
    assert catalogue.run(run.id).dataset_name == "crew"


def test_an_adapter_keeps_the_name_and_hash_of_a_deleted_dataset(
    datasets: Datasets, catalogue: Catalogue, tmp_path: Path
) -> None:
    dataset = datasets.add(write(tmp_path, "crew.jsonl", GOOD))
    lineage: dict[str, Any] = {"dataset_name": "crew", "dataset_sha256": dataset.sha256, "dataset_rows": 1}
    catalogue.add_adapter(
        name="a", path="a", size=1, base_name="m", base_reference="m", base_source="folder", dataset_id=dataset.id,
        spec={}, seed=1, versions={}, steps=1, **lineage,
    )  # fmt: skip
    datasets.delete("crew")
    adapter = catalogue.adapter("a")
    assert adapter.dataset_id is None
    assert {key: getattr(adapter, key) for key in lineage} == lineage


# as a model sees them


@pytest.fixture
def model(catalogue: Catalogue, tmp_path: Path) -> Model:
    folder = tmp_path / "model"
    folder.mkdir()
    template = (
        "{%- for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}"
        "<{{ m.role }}>{{ m.content }}{{ eos_token }}\n{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "</s>", "chat_template": template}))
    return catalogue.add_model(name="m", reference="m", source="folder", status="ready", path=str(folder))


def test_rows_are_shown_as_a_model_sees_them_with_what_is_trained(
    datasets: Datasets, tmp_path: Path, model: Model
) -> None:
    datasets.add(write(tmp_path, "crew.jsonl", GOOD))
    (row,) = datasets.preview("crew", model=model)["rows"]
    assert row["messages"] == CHAT["messages"]
    assert row["rendered"] == "<user>Who are you?</s>\n<assistant>A captain. ⚓</s>\n"
    assert [row["rendered"][start:end] for start, end in row["spans"]] == ["A captain. ⚓</s>"]


def test_a_row_that_the_template_refuses_says_so_and_the_others_are_shown(
    datasets: Datasets, tmp_path: Path, model: Model
) -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "tool", "content": "b"}, {"role": "assistant", "content": "c"}]
    datasets.add(write(tmp_path, "mixed.jsonl", json.dumps({"messages": turns}) + "\n" + json.dumps(CHAT)))
    refused, shown = datasets.preview("mixed", model=model)["rows"]
    assert "no tools" in refused["error"].problem
    assert "rendered" not in refused
    assert shown["spans"]


def test_plain_text_is_trained_as_a_whole(datasets: Datasets, tmp_path: Path, model: Model) -> None:
    datasets.add(write(tmp_path, "text.csv", "text\nabc\n"))
    assert datasets.preview("text", model=model)["rows"] == [{"text": "abc", "rendered": "abc", "spans": [(0, 3)]}]


def test_a_model_without_a_chat_template_is_shown_with_chatml(datasets: Datasets, tmp_path: Path, model: Model) -> None:
    (Path(model.path) / "tokenizer_config.json").write_text(json.dumps({"eos_token": "</s>"}))
    datasets.add(write(tmp_path, "crew.jsonl", GOOD))
    (row,) = datasets.preview("crew", model=model)["rows"]
    assert row["rendered"].startswith("<|im_start|>user\nWho are you?</s>")
    assert [row["rendered"][start:end] for start, end in row["spans"]] == ["A captain. ⚓</s>"]


def test_a_damaged_chat_template_is_said_to_be_one(datasets: Datasets, tmp_path: Path, model: Model) -> None:
    (Path(model.path) / "chat_template.jinja").write_text("{% for m in messages %}")
    datasets.add(write(tmp_path, "crew.jsonl", GOOD))
    with pytest.raises(StudioError, match=r"cannot be read: .*endfor"):
        datasets.preview("crew", model=model)


def test_a_model_that_is_not_ready_cannot_show_a_dataset(
    datasets: Datasets, catalogue: Catalogue, tmp_path: Path
) -> None:
    datasets.add(write(tmp_path, "crew.jsonl", GOOD))
    fetching = catalogue.add_model(name="later", reference="later", source="hub")
    with pytest.raises(StudioError, match="not ready yet"):
        datasets.preview("crew", model=fetching)
