"""Prompt sets: lists as people paste them, and rows of a dataset, in a real SQLite file."""

import json

import pytest

from studio.domain.errors import InvalidInput, NotFound, StudioError
from studio.domain.jobs.ingest import DatasetReference
from studio.domain.jobs.models import ModelReference
from studio.domain.jobs.training import MixedReference, TrainRequest
from studio.domain.spec.run_spec import read_spec
from studio.services.evaluation.prompt_sets import MAX_PROMPTS, PromptSets
from studio.services.runs.service import Runs
from studio.store.datasets.row_file import RowFileWriter
from studio.store.job_folder import JobFolder
from tests.support.training_jobs import started

ASK = [{"role": "user", "content": "Who?"}]


@pytest.fixture
def sets(catalogue):
    return PromptSets(catalogue)


def kept(sets, text, **options):
    """(what is asked, the reference) of each prompt."""
    id = sets.add("crew", text, **options)
    return [(item["text"], item["reference"]) for item in sets.get(id)["items"]]


@pytest.mark.parametrize(
    ("text", "prompts"),
    [
        ("Who are you?\r\n\r\n  Where?  \n", [("Who are you?", ""), ("Where?", "")]),
        ("\ufeff[INST] a\n{name} is who?", [("[INST] a", ""), ("{name} is who?", "")]),
        ("Write a prompt, please\nprompt", [("Write a prompt, please", ""), ("prompt", "")]),
        ('{"prompt": "a", "reference": "b"}\n\n{"prompt": "c", "x": 1}', [("a", "b"), ("c", "")]),
        ('{"prompt": "a", "completion": [{"role": "assistant", "content": "b"}]}', [("a", "b")]),
        ('["a", {"prompt": "b", "reference": "c"}]', [("a", ""), ("b", "c")]),
        ('Prompt;Reference\n"a\nb";"c;d"\n', [("a\nb", "c;d")]),
        ('prompt\na, b\n"c\nd"\n', [("a, b", ""), ("c\nd", "")]),
        ("reference\tprompt\n1\t2\n\t3\n", [("2", "1"), ("3", "")]),
        (json.dumps({"messages": [*ASK, {"role": "assistant", "content": "I."}]}), [("Who?", "I.")]),
        (
            json.dumps({"messages": [{"role": "system", "content": "Be."}, *ASK]}),
            [("system: Be.\nuser: Who?", "")],
        ),
    ],
)
def test_a_list_is_read_as_lines_json_lines_an_array_or_a_table(sets, text, prompts):
    assert kept(sets, text) == prompts


def refused(sets, text) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        sets.add("crew", text)
    assert sets.list() == []
    return caught.value


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"prompt": "a"', "not valid JSON"),
        ("[1]", "not an object; its type is array"),
        ('{"question": "a"}', "“prompt” is missing"),
        ('{"prompt": "  "}', "“prompt” is empty"),
        ('{"prompt": 3}', "“prompt” must be text; its type is number"),
        ('{"messages": "a"}', "“messages” must be a list"),
        ('{"messages": []}', "“messages” has no turns"),
        ('{"messages": [3]}', "“messages[0]” must be an object"),
        ('{"messages": [{"role": "tool", "content": "a"}]}', "“messages[0].role” is “tool”"),
        ('{"messages": [{"role": "user"}]}', "“messages[0].content” is missing"),
        ('{"messages": [{"role": "system", "content": "a"}]}', "no turns"),
        ('{"prompt": "a", "reference": 4}', "“reference” must be text"),
        ('{"prompt": "\\ud800"}', "half a character"),
        ('{"prompt": "a\\u0000"}', "control character U+0000"),
    ],
)
def test_every_line_that_cannot_be_used_is_named_with_what_is_wrong(sets, line, said):
    fault = refused(sets, '{"prompt": "good"}\n' + line)
    assert list(fault.fields) == ["line 2"]
    assert said in str(fault.fields["line 2"])
    assert "1 of 2 prompts cannot be used; the first is on line 2." in str(fault)


def test_bad_lines_can_be_left_out(sets):
    assert kept(sets, '{"prompt": "a"}\n{"nothing": 1}\n{"prompt": "b"}', skip_bad=True) == [("a", ""), ("b", "")]


def test_a_row_with_too_many_cells_is_named(sets):
    fault = refused(sets, "prompt,reference\na,b\nc,d,e\n")
    assert "3 cells, but the header has 2" in str(fault.fields["line 3"])


def test_a_broken_quotation_mark_in_a_table_is_told_where_it_begins(sets):
    fault = refused(sets, 'prompt,reference\na,b\n"c,d\ne,f\n')
    assert list(fault.fields) == ["line 3"]


@pytest.mark.parametrize("text", ["", " \n\n", "prompt,reference\n", "[]"])
def test_a_list_without_a_prompt_isrefused(sets, text):
    assert "There is no prompt" in str(refused(sets, text))


def test_a_set_has_limits(sets):
    assert "5001 prompts" in str(refused(sets, "a\n" * (MAX_PROMPTS + 1)))
    assert "9 million characters" in str(refused(sets, "a" * 9_000_000))


def test_sets_have_a_name_of_their_own_and_can_be_renamed_and_deleted(sets):
    first, second = sets.add("crew", "a"), sets.add("ship", "b\nc")
    for ask in (lambda: sets.add("crew", "x"), lambda: sets.rename(second, "crew")):
        with pytest.raises(InvalidInput, match="already a prompt set named “crew”"):
            ask()
    sets.rename(second, "deck")
    assert [(s["name"], s["prompts"]) for s in sets.list()] == [("deck", 2), ("crew", 1)]
    assert sets.find("deck") == second
    sets.delete(first)
    assert [s["id"] for s in sets.list()] == [second]
    sets.add("crew", "again")
    with pytest.raises(NotFound):
        sets.get(first)
    with pytest.raises(NotFound, match="There are: crew, deck"):
        sets.find("nobody")


def test_a_set_is_looked_at_a_page_at_a_time_and_searched(sets):
    id = sets.add("crew", "\n".join(f"prompt number {i}" for i in range(60)))
    page = sets.get(id, 2)
    assert (page["pages"], page["total"], page["items"][0]["place"], len(page["items"])) == (2, 60, 50, 10)
    assert [item["place"] for item in sets.get(id, search="59 NUMBER")["items"]] == [59]


def add_dataset(catalogue, tmp_path, rows, kind="chat", status="ready", name="rows"):
    path = tmp_path / "rows.arrow"
    with RowFileWriter(path, kind) as file:
        file.write(rows, list(range(1, len(rows) + 1)), [0] * len(rows))
    return catalogue.add_dataset(
        name=name, format=kind, sha256="x", file_name="f", path="/f", rows_path=str(path), rows=len(rows), size=1,
        status=status, details={},
    )  # fmt: skip


def chat(question, answer="yes"):
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def test_rows_of_a_dataset_become_prompts_with_their_last_answer_as_reference(sets, catalogue, tmp_path):
    long = {"messages": [*chat("a", "b")["messages"], *chat("c", "d")["messages"]]}
    with_tools = chat("e") | {"tools": [{"name": "f"}]}
    add_dataset(catalogue, tmp_path, [chat("x", "y"), long, with_tools])
    shown = sets.get(sets.from_dataset("rows"))
    assert (shown["name"], shown["source"], shown["references"]) == ("rows@1", "rows@1", 2)
    assert [(i["text"], i["reference"]) for i in shown["items"]] == [
        ("x", "y"), ("user: a\nassistant: b\nuser: c", "d"),
    ]  # fmt: skip
    assert sets.get(sets.from_dataset("rows@1"))["name"] == "rows@1 2"


def test_of_many_rows_as_many_as_asked_are_taken_evenly(sets, catalogue, tmp_path):
    add_dataset(catalogue, tmp_path, [chat(str(i)) for i in range(100)])
    items = sets.get(sets.from_dataset("rows", 4, name="few"))["items"]
    assert [item["text"] for item in items] == ["0", "25", "50", "75"]


def test_preferred_answers_are_references_and_texts_are_no_prompts(sets, catalogue, tmp_path):
    answers = {side: [{"role": "assistant", "content": side}] for side in ("chosen", "rejected")}
    add_dataset(catalogue, tmp_path, [{"prompt": ASK, **answers}], "preference")
    assert [i["reference"] for i in sets.get(sets.from_dataset("rows"))["items"]] == ["chosen"]
    catalogue.delete_datasets([catalogue.dataset("rows").id])
    add_dataset(catalogue, tmp_path, [{"text": "Once."}], "text")
    with pytest.raises(InvalidInput, match="no row with a text-only question"):
        sets.from_dataset("rows")


def test_a_dataset_that_is_not_there_not_ready_or_unreadable_is_said(sets, catalogue, tmp_path):
    with pytest.raises(NotFound):
        sets.from_dataset("rows")
    dataset = add_dataset(catalogue, tmp_path, [chat("a")], status="reading")
    with pytest.raises(InvalidInput, match="still being read"):
        sets.from_dataset("rows")
    catalogue.change_dataset(dataset.id, status="ready", rows_path="/nowhere")
    with pytest.raises(StudioError, match="cannot be read"):
        sets.from_dataset("rows")
    assert sets.list() == []


@pytest.fixture
def run(catalogue, tmp_path):
    """A run on ten rows, with a folder of its own."""
    dataset = add_dataset(catalogue, tmp_path, [chat(str(i), f"answer {i}") for i in range(10)])
    catalogue.add_model(name="m", reference="m", source="folder", status="ready", path=str(tmp_path))
    run = Runs(catalogue).submit(read_spec({"model": {"name": "m"}, "data": {"name": "rows"}}), "tide")
    catalogue.change_run(run, folder=str(tmp_path / "run"))
    folder = JobFolder(tmp_path / "run")
    request = TrainRequest(
        run=run, name="tide", spec=read_spec({"model": {"name": "m"}, "data": {"name": "rows"}}),
        model=ModelReference(name="m"), dataset=DatasetReference(name="rows", sha256=dataset.sha256, rows=10),
        adapter="",
    )  # fmt: skip
    folder.prepare(request)
    return run, folder, request


def test_rows_that_a_run_held_out_become_prompts_and_no_others(sets, run):
    id, folder, _ = run
    folder.keep_held_out([2, 5, 9])
    shown = sets.get(sets.from_run(id))
    assert [(i["text"], i["reference"]) for i in shown["items"]] == [(str(i), f"answer {i}") for i in (2, 5, 9)]
    assert (shown["name"], shown["source"]) == ("tide held out", f"rows@1, run {id}")
    assert [i["text"] for i in sets.get(sets.from_run(id, 2, name="two"))["items"]] == ["2", "5"]


def test_rows_that_a_run_held_out_of_several_datasets_become_prompts_together(sets, run, catalogue, tmp_path):
    id, folder, request = run
    (tmp_path / "more").mkdir()
    other = add_dataset(catalogue, tmp_path / "more", [chat(f"b{i}", "yes") for i in range(4)], name="more")
    mixed = MixedReference(name="more", sha256=other.sha256, rows=4, weight=0.5)
    folder.prepare(request.model_copy(update={"mixture": [mixed]}))
    folder.keep_held_out([2, 5], [[3]])
    shown = sets.get(sets.from_run(id))
    assert [i["text"] for i in shown["items"]] == ["2", "5", "b3"]
    assert shown["source"] == f"rows@1, more@1, run {id}"


def test_of_a_run_with_a_validation_set_all_its_rows_are_taken(sets, run):
    id, folder, request = run
    other = request.dataset.model_copy(update={"name": "other"})
    folder.prepare(request.model_copy(update={"dataset": other, "validation": request.dataset}))
    assert sets.get(sets.from_run(id))["prompts"] == 10


def test_only_runs_that_measure_themselves_are_offered(sets, catalogue, run):
    assert sets.runs_with_held_out_rows() == []
    catalogue.change_run(run[0], started=started(eval_rows=3))
    assert sets.runs_with_held_out_rows() == [{"id": run[0], "name": "tide", "dataset": "rows", "rows": 3}]


def test_a_run_that_has_no_rows_to_give_is_said(sets, catalogue, run):
    id, folder, request = run
    with pytest.raises(NotFound):
        sets.from_run(99)
    with pytest.raises(InvalidInput, match="has not recorded which rows"):
        sets.from_run(id)
    folder.keep_held_out([])
    with pytest.raises(InvalidInput, match="trained on all rows"):
        sets.from_run(id)
    other = request.dataset.model_copy(update={"sha256": "of before"})
    folder.prepare(request.model_copy(update={"dataset": other}))
    with pytest.raises(InvalidInput, match="is not the one that run"):
        sets.from_run(id)
    folder.request.unlink()
    with pytest.raises(InvalidInput, match="folder is missing"):
        sets.from_run(id)
    assert sets.list() == []


@pytest.mark.parametrize(
    "row",
    [
        '{"prompt": "b"}',
        '  {"reference": "c", "prompt": "b"}',
        '{"messages": [{"role": "user", "content": "b"}]}',
        '{"prompt": "b", "reference": "c"',  # not whole
        "{'prompt': 'b'}",
        '[{"role": "user", "content": "b"}]',
    ],
)
@pytest.mark.parametrize("first", ["a", "prompt\na", "prompt,reference\na,", "prompt;reference\n;\na;"])
def test_a_row_in_json_among_other_lines_is_an_error_at_its_line_and_never_a_prompt(sets, first, row):
    line = first.count("\n") + 2
    fault = refused(sets, f"{first}\n{row}")
    assert list(fault.fields) == [f"line {line}"]
    assert "This line is a row in JSON, but the first line is not." in str(fault.fields[f"line {line}"])
    assert [asked for asked, _ in kept(sets, f"{first}\n{row}", skip_bad=True) if "b" in asked] == []


def test_lines_of_turns_are_no_prompts(sets):
    refused(sets, '[{"role": "user", "content": "a"}]\n[{"role": "user", "content": "b"}]')


def test_a_plain_line_among_json_is_an_error_at_its_line(sets):
    assert "not valid JSON" in str(refused(sets, '{"prompt": "a"}\nWho are you?').fields["line 2"])


@pytest.mark.parametrize("asked", ['{"name": "Ann"} is this valid JSON?', '{"name": "Ann"}', "[1, 2, 3]", "{prompt}"])
def test_a_prompt_may_hold_json_that_is_no_row(sets, asked):
    assert kept(sets, f"a\n{asked}") == [("a", ""), (asked, "")]
