"""The handlers behind the playground page: what a column can be made of, what is streamed, and what is kept of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from studio.domain.errors import InvalidInput, NotFound, StudioError
from studio.domain.run import RunStatus
from studio.services.adapters.service import Adapters
from studio.services.datasets.uploads import Uploads
from studio.services.models.service import Models
from studio.services.playground.columns import ColumnState, Comparison
from studio.settings import Settings
from studio.store.catalogue import Catalogue
from studio.ui.pages import playground, playground_sets
from tests.support.page_requests import IN_CHINESE, IN_ENGLISH
from tests.support.sample_adapters import adapter_fields

SAMPLING = {"temperature": "0", "top_p": "1", "max_tokens": "9", "seed": "7"}
SAID = {"role": "user", "content": "Who are you?"}


class Recorder:
    """Takes down every call, and gives back what it was told to give, or raises it."""

    def __init__(self, **answers: Any) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self._answers = answers

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            self.calls.append((name, arguments, named))
            answer = self._answers.get(name)
            answer = answer.pop(0) if isinstance(answer, list) else answer
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


@pytest.fixture
def catalogue(tmp_path: Path, migrated: Path) -> Iterator[Catalogue]:
    settings = Settings(home=tmp_path / "home")
    shutil.copy(migrated, settings.folder("") / "studio.db")
    catalogue = Catalogue(settings.url)
    yield catalogue
    catalogue.close()


def streaming(*moments: Comparison, votes: Any = None) -> Any:
    """A studio whose columns say just this."""
    asked: list[Any] = []

    def compare(columns: Any, sampling: Any) -> Iterator[Comparison]:
        asked.extend(columns)
        yield from moments

    return SimpleNamespace(playground=SimpleNamespace(compare=compare), votes=votes or Recorder(record=3), asked=asked)


def answered(studio: Any, columns: list[dict[str, Any]], *more: Any) -> Any:
    """As the page's call, whose columns are checked against the handler's hints."""
    return playground.answer(studio, [playground.AskedColumn.model_validate(each) for each in columns], *more)


def column(**shares: float) -> dict[str, Any]:
    made = [{"adapter": name, "strength": strength} for name, strength in shares.items()]
    return {"column": {"model": "starter", "shares": made}, "messages": [SAID]}


def state(**fields: Any) -> ColumnState:
    return ColumnState(**{"name": "", "state": "done", "text": "Me.", "pieces": [["Me.", 0.5, None, None]]} | fields)


# Columns


def test_a_column_is_offered_ready_models_and_the_adapters_that_fit_them(catalogue, tmp_path):
    no_engine: Any = None
    one = catalogue.add_model(name="starter", reference="org/a", source="hub", status="ready", path="/a")
    catalogue.add_model(name="copy", reference="org/a", source="hub", status="ready", path="/b")
    catalogue.add_model(name="late", reference="org/c", source="hub", status="fetching", path="")
    catalogue.add_adapter(**adapter_fields(Path("/x"), name="own", model_id=one.id, base_source="", base_reference=""))
    catalogue.add_adapter(**adapter_fields(Path("/y"), name="same base", base_source="hub", base_reference="org/a"))
    catalogue.add_adapter(**adapter_fields(Path("/z"), name="gone", base_source="hub", base_reference="org/z"))
    parts: Any = SimpleNamespace(
        models=Models(catalogue, no_engine, tmp_path / "models", lambda: None),
        adapters=Adapters(catalogue, tmp_path),
        catalogue=catalogue,
        checkpoints=Recorder(),
        remote_server=SimpleNamespace(url="http://far:8000/v1"),
    )
    answer = playground.options(parts)
    assert answer["server"] == "http://far:8000/v1"
    assert [m["name"] for m in answer["models"]] == ["starter", "copy"]
    fits = {a["name"]: set(a["fits"]) for a in answer["adapters"]}
    assert fits == {"own": {"starter"}, "same base": {"starter", "copy"}, "gone": set()}
    assert answer["checkpoints"] == []


def test_checkpoints_of_runs_under_way_are_offered():
    run = SimpleNamespace(id=4, name="tide", model_name="starter", status=RunStatus.RUNNING)
    kept = [SimpleNamespace(step=20, eval_loss=0.5), SimpleNamespace(step=10, eval_loss=None)]
    parts: Any = SimpleNamespace(
        models=Recorder(list=[[]]), adapters=Recorder(list=[[]]),
        catalogue=Recorder(runs_with_worker=[[run]]), checkpoints=Recorder(list=[kept]), remote_server=Recorder(),
    )  # fmt: skip
    assert playground.options(parts)["checkpoints"] == [
        {"run": 4, "name": "tide", "model": "starter", "step": 20, "eval_loss": 0.5},
        {"run": 4, "name": "tide", "model": "starter", "step": 10, "eval_loss": None},
    ]


@pytest.mark.parametrize("wrong", [{"temperature": "hot"}, {"top_p": "0"}, {"max_tokens": ""}, {"seed": "-1"}])
def test_each_number_at_fault_is_named(wrong):
    with pytest.raises(InvalidInput) as caught:
        playground.check(SAMPLING | wrong)
    assert set(caught.value.fields) == set(wrong)


# Answers


def test_a_stream_yields_every_state_and_keeps_what_was_answered_to_the_end():
    studio = streaming(
        Comparison([state(state="waiting", text=""), state(name="a × 0.5", state="waiting", text="")], "Loading"),
        Comparison([state(), state(name="a × 0.5", effect=0.25)]),
    )
    told = list(answered(studio, [column(), column(a=0.5)], SAMPLING, IN_ENGLISH))
    assert [moment["status"] for moment in told] == ["Loading", "", ""]
    assert [c["text"] for c in told[1]["columns"]] == ["Me.", "Me."]
    assert told[1]["columns"][0]["pieces"] == [["Me.", 0.5, None, None]]
    assert [moment.get("comparison") for moment in told] == [None, None, 3]
    assert [asked.column.name for asked in studio.asked] == ["", "a × 0.5"]
    ((name, _, kept),) = studio.votes.calls
    assert name == "record"
    assert (kept["prompt"], kept["system"], kept["sampling"]["seed"]) == ("Who are you?", "", 7)
    assert kept["columns"][1]["shares"][0]["strength"] == 0.5
    assert [s["text"] for s in kept["states"]] == ["Me.", "Me."]
    assert all(s["pieces"] == [] for s in kept["states"]), "tokens are not kept with a vote"


def test_the_system_prompt_is_kept_with_the_comparison():
    studio = streaming(Comparison([state(), state(name="a")]))
    columns = [c | {"messages": [{"role": "system", "content": "Be brief."}, SAID]} for c in (column(), column(a=1))]
    list(answered(studio, columns, SAMPLING, IN_ENGLISH))
    assert studio.votes.calls[0][2]["system"] == "Be brief."


def test_a_failed_column_is_told_translated_and_leaves_nothing_to_vote_on():
    fault = StudioError("The base model “{name}” is not ready yet.", "Wait until it is ready.", name="big")
    studio = streaming(Comparison([state(), state(name="a", state="error", error=fault)]))
    (moment,) = answered(studio, [column(), column(a=1)], SAMPLING, IN_CHINESE)
    assert moment["columns"][0]["error"] is None
    assert "big" in moment["columns"][1]["error"]["problem"]
    assert "not ready" not in moment["columns"][1]["error"]["problem"]
    assert studio.votes.calls == []


def test_an_error_beside_two_answers_is_kept_with_them():
    fault = StudioError("Gone: {name}.", "Look again.", name="a")
    studio = streaming(Comparison([state(), state(name="b"), state(name="a", state="error", error=fault)]))
    *_, last = answered(studio, [column(), column(b=1), column(a=1)], SAMPLING, IN_ENGLISH)
    assert last["comparison"] == 3
    assert studio.votes.calls[0][2]["states"][2]["error"] == fault.as_dict()


def test_a_stream_that_is_closed_keeps_nothing():
    studio = streaming(Comparison([state(state="streaming")] * 2), Comparison([state()] * 2))
    stream = answered(studio, [column(), column(a=1)], SAMPLING, IN_ENGLISH)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert studio.votes.calls == []


def test_an_adapter_that_is_stronger_than_allowed_is_refused_before_anything_is_asked():
    studio = streaming(Comparison([state()]))
    with pytest.raises(ValueError, match="strength"):
        next(answered(studio, [column(a=1.6)], SAMPLING, IN_ENGLISH))
    assert studio.asked == []


# Chats


def test_a_chat_that_was_deleted_meanwhile_is_saved_as_a_new_one():
    conversations = Recorder(save=[NotFound("There is no such chat."), 8])
    parts: Any = SimpleNamespace(conversations=conversations)
    assert playground.keep_conversation(parts, "swim", {"turns": []}, id=5) == {"id": 8, "name": "swim"}
    assert [arguments for _, arguments, _ in conversations.calls] == [
        (5, "swim", {"turns": []}),
        (None, "swim", {"turns": []}),
    ]


# Prompt sets


def upload(folder: Path, content: bytes) -> tuple[Uploads, str]:
    uploads = Uploads(folder)
    with uploads.receiving(len(content)) as (token, file):
        file.write(content)
    return uploads, token


def test_a_file_becomes_a_prompt_set_and_is_taken_away(tmp_path):
    uploads, token = upload(tmp_path, "\ufeffWho?\nWhere?\n".encode())
    prompt_sets = Recorder(add=6)
    parts: Any = SimpleNamespace(prompt_sets=prompt_sets, uploads=uploads)
    assert playground_sets.add_prompt_file(parts, "mine", token) == {"id": 6}
    assert prompt_sets.calls == [("add", ("mine", "Who?\nWhere?\n"), {"skip_bad": False})]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_text_is_refused_and_taken_away(tmp_path):
    uploads, token = upload(tmp_path, b"\xff\xfe\x00\xd8")
    prompt_sets = Recorder()
    parts: Any = SimpleNamespace(prompt_sets=prompt_sets, uploads=uploads)
    with pytest.raises(InvalidInput, match="UTF-8"):
        playground_sets.add_prompt_file(parts, "mine", token)
    assert prompt_sets.calls == []
    assert list(tmp_path.iterdir()) == []


def test_a_file_from_elsewhere_is_not_read(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("key")
    with pytest.raises(InvalidInput):
        playground_sets.add_prompt_file(SimpleNamespace(uploads=Uploads(tmp_path)), "mine", str(secret))  # type: ignore[arg-type]
    assert secret.exists()


def test_an_evaluation_is_asked_with_checked_columns_and_numbers():
    evaluations = Recorder(submit=2)
    parts: Any = SimpleNamespace(evaluations=evaluations)
    columns = [column()["column"], column(a=0.5)["column"]]
    assert playground_sets.evaluate(parts, 1, columns, SAMPLING, "night", "k") == {"id": 2}
    ((_, (set_id, asked, sampling, name, key), _),) = evaluations.calls
    assert (set_id, asked, sampling, name, key) == (1, columns, SAMPLING, "night", "k")


def test_a_page_of_an_evaluation_says_how_many_pages_there_are():
    fault = StudioError("The base model “{name}” is not ready yet.", "Wait until it is ready.", name="big").as_dict()
    rows = [{"place": 20, "answers": [{"state": "missing"}, {"state": "error", "error": fault}]}]
    evaluations = Recorder(
        get={"id": 2, "fault": fault}, summary={"columns": [{"place": 0}]}, page={"rows": rows, "total": 41}
    )
    parts: Any = SimpleNamespace(evaluations=evaluations)
    answer = playground_sets.evaluation(parts, 2, page=1, search="loop", request=IN_ENGLISH)
    assert answer["pages"] == 3
    assert answer["summary"] == [{"place": 0}]
    assert answer["evaluation"]["fault"]["problem"] == "The base model “big” is not ready yet."
    assert [a["error"] for a in answer["rows"][0]["answers"]] == [None, answer["evaluation"]["fault"]]
    assert ("page", (2, 20, 20, "loop"), {}) in evaluations.calls
