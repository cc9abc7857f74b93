"""Prompt sets, evaluations and votes on the command line."""

import io
import json

import pytest

from studio.app import build
from studio.cli import main
from studio.settings import read_settings


@pytest.fixture
def studio(tmp_path, capsys):
    """Runs a command; gives its exit code and what it printed."""

    def run(*words, json_too=True):
        capsys.readouterr()
        code = main([*words, "--home", str(tmp_path / "home"), *(["--json"] if json_too else [])])
        said = capsys.readouterr()
        return code, json.loads(said.out) if json_too and said.out else said.out, said.err

    (tmp_path / "home").mkdir()
    return run


@pytest.fixture
def capitals(studio, tmp_path):
    file = tmp_path / "capitals.csv"
    file.write_text("prompt,reference\nFrance?,Paris\nSpain?,Madrid\n", "utf-8")
    assert studio("prompts", "add", "capitals", str(file))[0] == 0
    return file


def add_model(home):
    studio = build(read_settings({}, home=home))
    studio.catalogue.add_model(name="m", reference="org/m", source="hub", status="ready", path=str(home))
    studio.close()


def test_prompts_are_added_listed_shown_and_removed(studio, capitals):
    assert [(s["name"], s["prompts"], s["references"]) for s in studio("prompts", "list")[1]] == [("capitals", 2, 2)]
    assert "Spain?   Madrid" in studio("prompts", "show", "capitals", json_too=False)[1]
    assert studio("prompts", "rm", "capitals")[0] == 0
    assert studio("prompts", "list")[1] == []


def test_prompts_come_from_standard_input_too(studio, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("one\ntwo\n"))
    assert studio("prompts", "add", "few", "-")[1]["prompts"] == 2


def test_every_bad_line_is_printed_and_nothing_is_kept(studio, tmp_path):
    file = tmp_path / "bad.jsonl"
    file.write_text('{"prompt": "a"}\n{"prompt": 3}\n', "utf-8")
    code, _, err = studio("prompts", "add", "bad", str(file))
    assert code == 2
    assert "line 2: “prompt” must be text" in err
    assert studio("prompts", "list")[1] == []
    assert studio("prompts", "add", "bad", str(file), "--skip-bad")[1]["prompts"] == 1


@pytest.mark.parametrize(
    "words", [("prompts", "add", "x"), ("prompts", "add", "x", "/nowhere"), ("prompts", "show", "x")]
)
def test_what_is_asked_wrong_ends_with_two_and_a_remedy(studio, words):
    code, out, err = studio(*words)
    assert (code, out) == (2, "")
    assert err.strip().endswith(".")


def test_an_evaluation_is_queued_shown_stopped_resumed_exported_and_removed(studio, capitals, tmp_path):
    add_model(tmp_path / "home")
    code, queued, _ = studio("evaluate", "capitals", "--model", "m", "--key", "k")
    assert (code, queued["status"], queued["total"], queued["name"]) == (0, "queued", 2, "capitals")
    assert studio("evaluate", "capitals", "--model", "m", "--key", "k")[1]["id"] == queued["id"]
    id = str(queued["id"])
    assert studio("evaluations", "list")[1][0]["status"] == "queued"  # no command begins to work on it in passing
    assert "base" in studio("evaluations", "show", id, json_too=False)[1]
    assert studio("evaluations", "stop", id)[1]["status"] == "stopped"
    assert studio("evaluations", "resume", id)[1]["status"] == "queued"
    assert studio("evaluations", "export", id, json_too=False)[1].startswith("place,prompt,reference,model,column")
    assert studio("evaluations", "rm", id)[0] == 0
    assert studio("evaluations", "show", id)[0] == 2


def test_an_evaluation_of_what_is_not_there_is_refused(studio, capitals, tmp_path):
    assert "no base model named “m”" in studio("evaluate", "capitals", "--model", "m")[2]
    add_model(tmp_path / "home")
    code, _, err = studio("evaluate", "capitals", "--model", "m", "--adapter", "nobody")
    assert (code, "nobody" in err) == (2, True)
    assert "--temperature" in studio("evaluate", "capitals", "--model", "m", "--temperature", "9")[2]


def test_the_standings_and_the_votes_are_printed(studio, tmp_path):
    assert "No vote yet" in studio("votes", json_too=False)[1]
    app = build(read_settings({}, home=tmp_path / "home"))
    columns = [{"model": "m"}, {"model": "m", "shares": [{"adapter": "captain"}]}]
    states = [{"state": "done", "text": text} for text in ("one", "two")]
    app.votes.vote(app.votes.record("Who?", "", {}, columns, states), "best", 1, True)
    app.close()
    assert [(r["name"], r["wins"]) for r in studio("votes")[1]["standings"]] == [("captain", 1), ("", 0)]
    assert "captain" in studio("votes", "--blind", json_too=False)[1]
    assert "Who?" in studio("votes", "--export", "csv", json_too=False)[1]
