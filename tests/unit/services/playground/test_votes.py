"""Comparisons, votes and what they say, in a real SQLite file."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from studio.domain.columns import Column, Share
from studio.domain.errors import InvalidInput, NotFound
from studio.services.adapters.service import Adapters
from studio.services.playground.leaderboard import agreement, standings, wilson
from studio.services.playground.votes import Votes
from studio.services.shared.json_limits import MAX_BYTES
from studio.store.catalogue import Catalogue
from studio.store.catalogue.playground import CastVote

BASE = Column(model="m")


@pytest.fixture
def votes(catalogue):
    return Votes(catalogue)


def add_adapter(catalogue, name):
    return catalogue.add_adapter(
        name=name, path=f"/{name}", size=1, base_name="m", base_reference="org/m", base_source="hub", dataset_name="d",
        dataset_sha256="x", dataset_rows=1, spec={}, seed=1, versions={}, steps=1,
    )  # fmt: skip


def tuned(name, **fields):
    return Column(model="m", shares=(Share(adapter=name, **fields),))


def done(text, **fields):
    return {"name": "", "state": "done", "text": text, "tokens": 2, "label": {"precision": "bf16"}, **fields}


def record(votes, *columns, prompt="Who?", states=None, **fields):
    states = states or [done(f"answer {i}") for i in range(len(columns))]
    return votes.record(prompt, "", {"seed": 1}, [c.model_dump() for c in columns], states, **fields)


def test_a_comparison_is_kept_with_its_answers_and_without_the_probabilities(votes):
    id = record(votes, BASE, tuned("captain"), states=[done("Hi.", pieces=[["Hi", 0.5, None, None]]), done("Arr.")])
    votes.vote(id, "best", 1, True)
    (item,) = votes.history()["items"]
    assert (item["prompt"], item["sampling"], [c["text"] for c in item["columns"]]) == (
        "Who?", {"seed": 1}, ["Hi.", "Arr."],
    )  # fmt: skip
    assert [c["name"] for c in item["columns"]] == ["", "captain"]
    assert all("pieces" not in column for column in item["columns"])
    assert [(v["choice"], v["place"], v["blind"]) for v in item["votes"]] == [("best", 1, True)]


def test_a_vote_is_there_after_a_restart(votes, catalogue):
    votes.vote(record(votes, BASE, tuned("captain")), "best", 1)
    again = Catalogue(str(catalogue.engine.url))
    assert [row["wins"] for row in Votes(again).standings("captain")] == [1]
    again.close()


def test_what_is_not_over_or_has_no_answer_is_not_kept(votes):
    with pytest.raises(InvalidInput, match="Not all columns are done"):
        record(votes, BASE, tuned("a"), states=[done("x"), {"state": "streaming"}])
    with pytest.raises(InvalidInput, match="No column has answered"):
        record(votes, BASE, states=[{"state": "error", "text": ""}])
    with pytest.raises(InvalidInput, match="There are 2 columns, and 1 answer"):
        record(votes, BASE, tuned("a"), states=[done("x")])
    with pytest.raises(InvalidInput, match="There is no column"):
        votes.record("p", "", {}, [], [])
    assert votes.history()["total"] == 0


def test_a_wrong_column_is_named_by_its_number(votes):
    with pytest.raises(InvalidInput, match="Column 2") as caught:
        votes.record("p", "", {}, [{"model": "m"}, {"model": "m", "shares": [{"strength": 1}]}], [done("a"), done("b")])
    assert set(caught.value.fields) == {"columns[1]"}


def test_answers_of_more_than_two_megabytes_are_refused_with_their_size(votes):
    with pytest.raises(InvalidInput, match=r"“states” has 2\.\d MB"):
        record(votes, BASE, tuned("a"), states=[done("x" * MAX_BYTES), done("y")])
    with pytest.raises(InvalidInput, match="“prompt” has"):
        record(votes, BASE, tuned("a"), prompt="x" * MAX_BYTES)


def test_half_characters_and_numbers_that_are_none_never_reach_the_catalogue(votes):
    record(votes, BASE, tuned("a"), states=[done("a\ud800b"), done("c")], prompt="\ud800\0x")
    item = votes.history()["items"][0]
    assert (item["columns"][0]["text"], item["prompt"]) == ("a?b", "?x")
    with pytest.raises(InvalidInput, match="states"):
        record(votes, BASE, tuned("a"), states=[done("a", effect=float("nan")), done("c")])


@pytest.mark.parametrize(("choice", "place"), [("best", None), ("best", 7), ("best", 2), ("good", 0)])
def test_a_vote_that_cannot_be_is_refused(votes, choice, place):
    id = record(votes, BASE, tuned("a"), tuned("b"), states=[done("x"), done("y"), {"state": "error", "text": ""}])
    with pytest.raises(InvalidInput):
        votes.vote(id, choice, place)
    assert votes.standings() == []


def test_where_one_column_alone_has_answered_there_is_nothing_to_vote_on(votes):
    id = record(votes, BASE, tuned("a"), states=[done("x"), {"state": "idle", "text": ""}])
    with pytest.raises(InvalidInput, match="only one answer"):
        votes.vote(id, "best", 0)


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\u2060", "\u3000"])
def test_an_answer_of_which_nothing_is_seen_is_no_answer(votes, text):
    id = record(votes, BASE, tuned("a"), tuned("b"), states=[done("x"), done("y"), done(text)])
    with pytest.raises(InvalidInput, match="no answer here"):
        votes.vote(id, "best", 2)
    with pytest.raises(InvalidInput, match="only one answer"):
        votes.vote(record(votes, BASE, tuned("a"), states=[done("x"), done(text)]), "tie")


@pytest.mark.parametrize("failed", [{"state": "error", "text": ""}, done(""), {"state": "idle", "text": ""}])
@pytest.mark.parametrize(("choice", "place"), [("best", 0), ("tie", None), ("bad", None)])
def test_a_blind_vote_needs_an_answer_of_every_column(votes, failed, choice, place):
    id = record(votes, BASE, tuned("a"), tuned("b"), states=[done("x"), done("y"), failed])
    with pytest.raises(InvalidInput, match="Not every column has a visible answer"):
        votes.vote(id, choice, place, True)
    votes.vote(id, choice, place)
    assert [v["blind"] for v in votes.history()["items"][0]["votes"]] == [False]


def test_a_blind_vote_is_the_first_and_the_last_of_its_comparison(votes):
    blind, seen = record(votes, BASE, tuned("a")), record(votes, BASE, tuned("a"))
    votes.vote(blind, "best", 1, True)
    for choice, place, again in (("best", 1, True), ("best", 0, True), ("tie", None, False)):
        with pytest.raises(InvalidInput, match="already been judged blind"):
            votes.vote(blind, choice, place, again)
    votes.vote(seen, "best", 0)
    with pytest.raises(InvalidInput, match="names shown"):
        votes.vote(seen, "best", 0, True)
    assert [len(item["votes"]) for item in votes.history()["items"]] == [1, 1]


def test_of_blind_votes_that_come_at_once_one_is_kept(votes):
    id = record(votes, BASE, tuned("a"))

    def cast(place: int) -> bool:
        try:
            votes.vote(id, "best", place, True)
        except InvalidInput:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(cast, [0, 1, 0, 1])) == 1
    assert len(votes.history()["items"][0]["votes"]) == 1


def test_a_comparison_is_deleted_with_its_votes_and_then_not_found(votes):
    id = record(votes, BASE, tuned("a"))
    votes.vote(id, "tie")
    votes.delete(id)
    assert (votes.standings(), votes.history()["total"]) == ([], 0)
    for ask in (lambda: votes.vote(id, "tie"), lambda: votes.delete(id)):
        with pytest.raises(NotFound):
            ask()


def test_only_comparisons_that_a_contender_answered_in_count_for_it(votes):
    both = record(votes, BASE, tuned("a"), tuned("b"))
    one = record(votes, BASE, tuned("a"), tuned("b"), states=[done("x"), done("y"), {"state": "error", "text": ""}])
    for id, choice, place in ((both, "best", 1), (both, "tie", None), (both, "bad", None), (one, "best", 0)):
        votes.vote(id, choice, place)
    rows = {row["name"]: row for row in votes.standings()}
    assert {n: (r["votes"], r["wins"], r["ties"], r["bad"]) for n, r in rows.items()} == {
        "a": (4, 1, 1, 1), "": (4, 1, 1, 1), "b": (3, 0, 1, 1),
    }  # fmt: skip
    assert rows["a"]["rate"] == 1.5 / 4
    assert rows["a"]["against_base"] | {"rate": 0, "low": 0, "high": 0} == {
        "wins": 1, "ties": 1, "losses": 1, "votes": 3, "rate": 0, "low": 0, "high": 0,
    }  # fmt: skip
    assert rows["b"]["against_base"]["votes"] == 1
    assert rows[""]["against_base"] is None


def test_blind_votes_can_be_counted_alone_and_the_standings_be_searched(votes):
    votes.vote(record(votes, BASE, tuned("captain one")), "best", 1, True)
    votes.vote(record(votes, BASE, tuned("captain one")), "best", 0, False)
    assert [(r["name"], r["rate"]) for r in votes.standings(blind_only=True)] == [("captain one", 1.0), ("", 0.0)]
    assert [r["votes"] for r in votes.standings("ONE capt")] == [2]
    assert votes.standings("nobody") == []


def test_an_adapter_keeps_its_votes_under_a_new_name_and_a_new_one_does_not_inherit_them(votes, catalogue, tmp_path):
    adapters = Adapters(catalogue, tmp_path)
    add_adapter(catalogue, "captain")
    votes.vote(record(votes, BASE, tuned("captain")), "best", 1)
    adapters.rename("captain", "first mate")
    add_adapter(catalogue, "captain")
    votes.vote(record(votes, BASE, tuned("captain")), "best", 0)
    votes.vote(record(votes, BASE, tuned("first mate")), "best", 1)
    rows = {row["name"]: (row["votes"], row["wins"]) for row in votes.standings()}
    assert rows == {"first mate": (2, 2), "captain": (1, 0), "": (3, 1)}


def test_an_adapter_does_not_inherit_the_votes_of_a_deleted_one(votes, catalogue):
    old = add_adapter(catalogue, "captain")
    votes.vote(record(votes, BASE, tuned("captain")), "best", 1)
    catalogue.delete_adapter(old.id)
    add_adapter(catalogue, "captain")
    votes.vote(record(votes, BASE, tuned("captain")), "best", 0)
    assert sorted((r["votes"], r["wins"]) for r in votes.standings("captain")) == [(1, 0), (1, 1)]


def test_another_precision_or_strength_is_another_contender(votes):
    states = [done("x"), done("y", label={"precision": "4-bit"}), done("z")]
    id = record(votes, BASE, BASE.model_copy(update={"precision": "4-bit"}), tuned("a", strength=0.5), states=states)
    votes.vote(id, "best", 1)
    assert [(r["name"], r["precision"], r["wins"]) for r in votes.standings()] == [
        ("", "4-bit", 1), ("", "bf16", 0), ("a × 0.5", "bf16", 0),
    ]  # fmt: skip


def test_the_interval_is_wilsons():
    assert wilson(8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)  # statsmodels' proportion_confint
    assert wilson(0, 0) == (0.0, 1.0)
    low, high = wilson(0, 5)
    assert low == 0.0
    assert 0 < high < 0.5


def test_agreement_asks_whether_the_same_one_won_wherever_it_stood(votes):
    first = record(votes, BASE, tuned("a"))
    turned = record(votes, tuned("a"), BASE)
    other = record(votes, tuned("a"), BASE, prompt="Else?")
    for id, place in ((first, 1), (turned, 0), (first, 0), (other, 1)):
        votes.vote(id, "best", place)
    assert [(m["pairs"], m["same"], m["share"]) for m in votes.agreement()] == [(2, 1, 0.5)]


def test_agreement_is_told_by_month_of_the_later_vote():
    one = {"model": "m", "precision": "bf16", "shares": [], "answered": True}
    cast = [CastVote("tie", None, True, at, "k", [one, one]) for at in (0.0, 86400.0 * 40, 86400.0 * 41)]
    assert agreement(cast) == [{"since": "1970-02", "pairs": 2, "same": 2, "share": 1.0}]


def test_a_contender_that_stands_twice_is_counted_once():
    one = {"model": "m", "precision": "bf16", "shares": [], "answered": True}
    assert [(r["votes"], r["wins"]) for r in standings([CastVote("best", 1, True, 0.0, "k", [one, one])], {})] == [
        (1, 1)
    ]


def test_history_has_pages_newest_first(votes):
    ids = [record(votes, BASE, tuned("a"), prompt=str(i)) for i in range(21)]
    first, second = votes.history(1), votes.history(2)
    assert (first["pages"], first["total"], len(first["items"])) == (2, 21, 20)
    assert [i["id"] for i in first["items"] + second["items"]] == ids[::-1]


def test_votes_are_exported_as_a_table_that_runs_nothing_and_as_lines(votes):
    id = record(votes, BASE, tuned("a"), prompt="=HYPERLINK(1)")
    votes.vote(id, "best", 1)
    votes.vote(id, "tie")
    rows = list(csv.DictReader(io.StringIO(votes.export("csv"))))
    assert [(r["choice"], r["best"], r["blind"]) for r in rows] == [("best", "a", "False"), ("tie", "", "False")]
    assert rows[0]["prompt"] == "'=HYPERLINK(1)"
    (line,) = votes.export("jsonl").splitlines()
    assert [v["choice"] for v in json.loads(line)["votes"]] == ["best", "tie"]
    with pytest.raises(InvalidInput, match="“xlsx”"):
        votes.export("xlsx")
