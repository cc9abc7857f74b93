"""A dataset's rows and problems looked at: by pages, by words, as a model sees them, as files."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from studio.domain.errors import InvalidInput, StudioError
from studio.domain.jobs.ingest import DatasetDetails, SourceFileRecord
from studio.services.datasets import browse, export
from studio.services.datasets.token_counts import TokenCountRequest, TokenCounts
from studio.services.shared.csv_export import harmless
from studio.store.tables.datasets import Dataset
from studio.store.tables.models import Model
from tests.support.dataset_zoo.making import chat, lines, said
from tests.support.fakes import ImmediateEngine
from tests.support.in_process_intake import Content, take_in

CREW = said("Who are you?", "A captain. ⚓")


def ready(folder: Path, files: dict[str, Content]) -> Dataset:
    """The record of a version that was made of these files."""
    taken = take_in(folder, files)
    return Dataset(
        name="crew", version=1, status="ready", format=taken.layout["format"], sha256=taken.details.sha256,
        rows=taken.details.rows, rows_path=str(taken.folder / "rows.arrow"), folder=str(taken.folder),
        file_name=next(iter(files)), details=DatasetDetails(
            **taken.details.model_dump(),
            originals=[SourceFileRecord(name=name, path=name, sha256="ab") for name in files],
        ),
    )  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> Model:
    folder = tmp_path / "model"
    folder.mkdir()
    template = (
        "{%- for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}"
        "<{{ m.role }}>{{ m.content }}{{ eos_token }}\n{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "</s>", "chat_template": template}))
    return Model(name="m", status="ready", path=str(folder))


def test_what_is_counted_of_a_version_of_an_older_studio_stands_beside_its_rows(tmp_path: Path, model: Model) -> None:
    dataset = ready(tmp_path, {"crew.jsonl": lines(CREW)})
    dataset.folder = ""
    found = TokenCounts(ImmediateEngine()).look(dataset, TokenCountRequest(model))
    assert Path(dataset.rows_path).parent in found.folder.parents


# as a model sees them


def test_rows_are_shown_as_a_model_sees_them_with_what_is_trained(tmp_path: Path, model: Model) -> None:
    (row,) = browse.rows(ready(tmp_path, {"crew.jsonl": lines(CREW)}), model=model)["rows"]
    assert row["messages"] == CREW["messages"]
    assert row["rendered"] == "<user>Who are you?</s>\n<assistant>A captain. ⚓</s>\n"
    assert [row["rendered"][start:end] for start, end in row["spans"]] == ["A captain. ⚓</s>"]


def test_a_row_that_the_template_refuses_says_so_and_the_others_are_shown(tmp_path: Path, model: Model) -> None:
    dataset = ready(tmp_path, {"a.jsonl": lines(chat(("user", "a"), ("tool", "b"), ("assistant", "c")), CREW)})
    refused, shown = browse.rows(dataset, model=model)["rows"]
    assert "no tools" in refused["error"].problem
    assert "rendered" not in refused
    assert shown["spans"]


def test_plain_text_is_trained_as_a_whole(tmp_path: Path, model: Model) -> None:
    (row,) = browse.rows(ready(tmp_path, {"a.csv": "text\nabc\n"}), model=model)["rows"]
    assert (row["rendered"], row["spans"]) == ("abc", [(0, 3)])


def test_of_a_pair_the_better_answer_is_trained_and_of_a_bad_answer_nothing(tmp_path: Path, model: Model) -> None:
    pair = ready(tmp_path / "pair", {"a.jsonl": lines({"prompt": "q", "chosen": "good", "rejected": "bad"})})
    (row,) = browse.rows(pair, model=model)["rows"]
    assert [row["rendered"][start:end] for start, end in row["spans"]] == ["good</s>"]
    rated = lines({"prompt": "q", "completion": "a", "label": True}, {"prompt": "q", "completion": "b", "label": False})
    good, bad = browse.rows(ready(tmp_path / "rated", {"a.jsonl": rated}), model=model)["rows"]
    assert good["spans"]
    assert "rendered" not in bad


def test_a_model_without_a_chat_template_is_shown_with_chatml(tmp_path: Path, model: Model) -> None:
    (Path(model.path) / "tokenizer_config.json").write_text(json.dumps({"eos_token": "</s>"}))
    (row,) = browse.rows(ready(tmp_path, {"crew.jsonl": lines(CREW)}), model=model)["rows"]
    assert row["rendered"].startswith("<|im_start|>user\nWho are you?</s>")
    assert [row["rendered"][start:end] for start, end in row["spans"]] == ["A captain. ⚓</s>"]


def test_a_damaged_chat_template_is_said_to_be_one(tmp_path: Path, model: Model) -> None:
    (Path(model.path) / "chat_template.jinja").write_text("{% for m in messages %}")
    with pytest.raises(StudioError, match=r"cannot be read: .*endfor"):
        browse.rows(ready(tmp_path, {"crew.jsonl": lines(CREW)}), model=model)


def test_a_model_that_is_not_ready_cannot_show_a_dataset(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="not ready yet"):
        browse.rows(
            ready(tmp_path, {"crew.jsonl": lines(CREW)}), model=Model(name="later", status="preparing", path="")
        )


# by words


@pytest.mark.parametrize(
    ("words", "expected"),
    [("SEA", [1, 3]), (" gull ", [2]), ("海", [3]), ("whale", []), ("one sea", [1]), (".", [1, 2, 3])],
)
def test_a_search_finds_the_rows_that_say_it(tmp_path: Path, words: str, expected: list[int]) -> None:
    dataset = ready(tmp_path, {"a.jsonl": lines(said("One sea?", "Yes."), said("Two?", "A gull."), said("海", "Sea."))})
    seen = browse.rows(dataset, search=words)
    assert ([row["line"] for row in seen["rows"]], seen["total"]) == (expected, len(expected))


def test_a_search_looks_into_every_part_of_a_pair(tmp_path: Path) -> None:
    rows = [{"prompt": f"p{i}", "chosen": f"c{i}", "rejected": f"r{i}"} for i in range(1200)]
    dataset = ready(tmp_path, {"a.jsonl": lines(*rows)})
    for words, line in (("p1100", 1101), ("c1100", 1101), ("r5", 6)):
        assert browse.rows(dataset, limit=1, search=words)["rows"][0]["line"] == line
    assert browse.rows(dataset, 2, 1, search="r100")["total"] == 11


# problems


@pytest.fixture
def faulty(tmp_path: Path) -> Dataset:
    return ready(
        tmp_path,
        {"a.jsonl": lines(CREW, {"messages": []}, "{", said("Mail?", "=a@b.org")), "b.jsonl": lines({"messages": [1]})},
    )


def test_problems_are_told_errors_first_in_the_order_of_the_files_a_page_at_a_time(faulty: Dataset) -> None:
    found, total = browse.problems(faulty)
    assert [(p.file, p.line, p.code) for p in found] == [
        (0, 2, "no_turns"), (0, 3, "not_json"), (1, 1, "not_a_turn"), (0, 4, "email"),
    ]  # fmt: skip
    assert total == 4
    assert browse.problems(faulty, 1, 2) == (found[1:3], 4)
    assert browse.problems(faulty, 4) == ([], 4)
    assert browse.problems(faulty, 0, None)[0] == found


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"codes": ["email", "not_json"]}, [3, 4]),
        ({"search": "MESSAGES[0]"}, [1]),
        ({"search": "3"}, [3]),
        ({"search": "number", "codes": ["not_a_turn"]}, [1]),
        ({"search": "nothing of it"}, []),
    ],
)
def test_problems_are_found_by_kind_place_and_words(faulty: Dataset, wanted: Any, expected: list[int]) -> None:
    found, total = browse.problems(faulty, **wanted)
    assert ([p.line for p in found], total) == (expected, len(expected))


@pytest.mark.parametrize(
    "before", ["", "\r", "\n", "\t", " ", "  \r\n", "\ufeff", "\u3000", "\u2060", "\u00ad\u202e", "\u2800", "\ufe0f"]
)
@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(1)", "＝1"])
def test_a_cell_that_a_spreadsheet_could_run_is_quoted(before: str, formula: str) -> None:
    assert harmless(before + formula) == f"'{before}{formula}"
    assert harmless(f"so {formula}") == f"so {formula}"


def test_problems_as_a_table_hold_nothing_that_a_spreadsheet_runs(tmp_path: Path) -> None:
    dataset = ready(tmp_path, {"=1+1.jsonl": lines(CREW, {"messages": [{"role": "=cmd", "content": "q"}]})})
    header, row = csv.reader("".join(export.problem_lines(dataset)).splitlines())
    assert header == ["file", "line", "field", "level", "code", "message", "remedy"]
    assert row[:5] == ["'=1+1.jsonl", "2", "messages[0].role", "error", "unknown_role"]
    assert "“=cmd”" in row[5]


# files


def test_the_hash_of_a_version_is_that_of_its_clean_file_which_is_read_as_the_same_rows(tmp_path: Path) -> None:
    rows = [said(f"Question {i}, “海”", "a\u2028b") for i in range(1003)]
    dataset = ready(tmp_path / "first", {"a.json": json.dumps(rows)})
    content = b"".join(export.clean_lines(dataset))
    assert hashlib.sha256(content).hexdigest() == dataset.sha256
    assert ready(tmp_path / "again", {"b.jsonl": content}).sha256 == dataset.sha256


def test_the_first_rows_are_tried_in_another_layout(tmp_path: Path) -> None:
    dataset = ready(tmp_path, {"a.csv": "question,answer\nWho?,Me.\n,So.\n"})
    assert browse.sample(dataset) == [{"question": "Who?", "answer": "Me."}, {"question": "", "answer": "So."}]
    layout = {"format": "prompt-completion", "columns": {"prompt": "answer", "completion": "question"}}
    first, second = browse.try_layout(dataset, layout)
    assert first == {"row": said("Me.", "Who?"), "problems": []}
    assert (second["row"], [(p.line, p.field) for p in second["problems"]]) == (None, [(2, "question")])


@pytest.mark.parametrize("status", ["reading", "unclear", "failed"])
def test_a_dataset_that_is_not_ready_has_no_rows_to_look_at(status: str) -> None:
    dataset = Dataset(name="crew", status=status, details={}, folder="", rows_path="", rows=0)
    for look in (browse.rows, lambda dataset: list(export.clean_lines(dataset))):
        with pytest.raises(InvalidInput, match="“crew”"):
            look(dataset)
    assert browse.problems(dataset) == ([], 0)
    assert browse.sample(dataset) == []


def test_rows_whose_file_is_gone_are_said_with_a_remedy(tmp_path: Path) -> None:
    dataset = ready(tmp_path, {"crew.jsonl": lines(CREW)})
    Path(dataset.rows_path).unlink()
    with pytest.raises(StudioError, match=r"rows of “crew” cannot be read: .*add its file again"):
        browse.rows(dataset)
