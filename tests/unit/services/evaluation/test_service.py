"""Evaluations whose answers no model gives, in a real SQLite file."""

import csv
import io
import json
import math
import shutil
import threading
from collections import Counter

import pytest

from studio.domain.columns import Column, Share
from studio.domain.errors import InvalidInput, NotFound, StudioError
from studio.domain.metrics import METRICS
from studio.services.evaluation.metrics import score
from studio.services.evaluation.prompt_sets import PromptSets
from studio.services.evaluation.runner import RETRY_SECONDS, EvaluationRunner
from studio.services.evaluation.service import Evaluations
from studio.services.playground.columns import Likelihood
from studio.services.playground.votes import Votes
from studio.store.catalogue import Catalogue
from tests.support.fakes import FakeResponder, column_state
from tests.support.waiting import wait_for

BASE = Column(model="m")
CAPTAIN = Column(model="m", shares=(Share(adapter="captain"),))
CAPITALS = '{"prompt": "France?", "reference": "Paris"}\n{"prompt": "Spain?", "reference": "Madrid"}\n{"prompt": "Hi"}'


class Clock(threading.Event):
    """Time passes only when somebody waits."""

    def __init__(self):
        super().__init__()
        self.seconds = 0.0

    def wait(self, timeout=None):
        self.seconds += timeout
        return self.is_set()


class Studio:
    def __init__(self, path):
        self.path = path
        self.responder = FakeResponder()
        self.open()

    def open(self):
        """As a server does after it was killed."""
        self.catalogue = Catalogue(f"sqlite:///{self.path}")
        self.votes = Votes(self.catalogue)
        self.sets = PromptSets(self.catalogue)
        self.evaluations = Evaluations(self.catalogue, self.responder, self.votes)
        self.clock = Clock()

    def submit(self, *columns, prompts=CAPITALS, **fields):
        known = {s["name"]: s["id"] for s in self.sets.list()}
        set_id = known.get("capitals") or self.sets.add("capitals", prompts)
        return self.evaluations.submit(set_id, columns or (BASE, CAPTAIN), {"max_tokens": 8}, **fields)

    def work(self, id):
        """All of it, in this thread."""
        clock = self.clock
        EvaluationRunner(
            self.catalogue, self.responder, self.catalogue.evaluation(id), clock, lambda: clock.seconds
        ).run()
        return self.evaluations.get(id)

    def answers(self, id):
        return [(a.place, a.column, a.text) for a in self.catalogue.answers(id)]


def add_adapter(catalogue, name):
    return catalogue.add_adapter(
        name=name, path=f"/{name}", size=1, model_id=1, base_name="m", base_reference="org/m", base_source="hub",
        dataset_name="d", dataset_sha256="x", dataset_rows=1, spec={}, seed=1, versions={}, steps=1,
    )  # fmt: skip


@pytest.fixture
def studio(tmp_path, migrated):
    shutil.copy(migrated, tmp_path / "studio.db")
    studio = Studio(tmp_path / "studio.db")
    studio.catalogue.add_model(name="m", reference="org/m", source="hub", status="ready", path=str(tmp_path))
    for name in ("captain", "mate"):
        add_adapter(studio.catalogue, name)
    yield studio
    studio.evaluations.close()
    studio.catalogue.close()


def test_all_prompts_are_asked_of_all_columns_together_and_scored(studio):
    id = studio.submit(name="first")
    assert studio.evaluations.get(id)["status"] == "queued"
    done = studio.work(id)
    assert (done["status"], done["answered"], done["total"], done["errors"], done["fault"]) == (
        "finished",
        6,
        6,
        0,
        None,
    )
    assert [len(rows) for rows in studio.responder.asked] == [6]
    summary = studio.evaluations.summary(id)
    base, captain = summary["columns"]
    assert (base["name"], captain["name"], captain["answered"], summary["references"]) == ("", "captain", 3, 2)
    assert (base["scores"]["exact_match"], captain["scores"]["exact_match"]) == (0, 1)
    assert captain["corpus"]["chrf"] == pytest.approx(100)
    assert captain["loss"] == 0.5
    assert captain["perplexity"] == pytest.approx(math.exp(0.5))
    assert (captain["loss_tokens"], captain["tokens"], captain["tokens_per_second"]) == (11, 9, 10)


def test_up_to_sixteen_answers_are_written_at_once_and_a_prompt_is_never_torn(studio):
    id = studio.submit(BASE, CAPTAIN, Column(model="m", shares=(Share(adapter="mate"),)), prompts="a\nb\nc\nd\ne\nf\ng")
    studio.work(id)
    assert [len(rows) for rows in studio.responder.asked] == [15, 6]


def test_a_server_that_is_killed_goes_on_where_it_was_and_no_answer_is_doubled(studio):
    id = studio.submit()
    seen = []

    def killed_after_three(question, column):
        seen.append(question)
        if len(seen) == 4:
            raise SystemExit
        return studio.responder.knows(question, column)

    studio.responder.says = killed_after_three
    with pytest.raises(SystemExit):
        studio.work(id)
    first = studio.answers(id)
    assert (len(first), studio.evaluations.get(id)["status"]) == (3, "running")
    studio.catalogue.close()

    studio.open()
    studio.responder.says, studio.responder.asked = studio.responder.knows, []
    assert studio.work(id)["status"] == "finished"
    assert [len(rows) for rows in studio.responder.asked] == [3]
    assert Counter((place, column) for place, column, _ in studio.answers(id)) == Counter(
        {(place, column): 1 for place in range(3) for column in range(2)}
    )
    assert studio.answers(id)[:3] == first
    assert all(len(references) <= 16 for references in studio.responder.read)
    assert studio.evaluations.summary(id)["columns"][0]["loss_tokens"] == 11


def test_a_server_that_is_killed_before_references_were_read_reads_them_afterwards(studio):
    id = studio.submit()

    def killed(asked, reference):
        raise SystemExit

    whole, studio.responder.loss = studio.responder.loss, killed
    with pytest.raises(SystemExit):
        studio.work(id)
    studio.responder.loss, studio.responder.asked = whole, []
    assert studio.work(id)["status"] == "finished"
    assert studio.responder.asked == []
    assert [c["loss"] for c in studio.evaluations.summary(id)["columns"]] == [2, 0.5]


def test_a_stop_ends_the_answers_under_way_and_resuming_goes_on(studio):
    id = studio.submit()

    def stopped(question, column):
        if question == "Spain?":
            studio.evaluations.stop(id)
        return studio.responder.knows(question, column)

    studio.responder.says = stopped
    assert studio.work(id)["status"] == "stopped"
    assert (len(studio.answers(id)), studio.responder.closed) == (2, 1)
    with pytest.raises(InvalidInput, match="already ended"):
        studio.evaluations.stop(id)
    studio.evaluations.resume(id)
    studio.responder.says = studio.responder.knows
    assert (studio.work(id)["status"], len(studio.answers(id))) == ("finished", 6)


def test_one_that_is_deleted_while_it_is_under_way_leaves_nothing(studio):
    id = studio.submit()
    studio.responder.before = lambda: studio.evaluations.delete(id)
    with pytest.raises(NotFound):
        studio.work(id)
    assert (studio.answers(id), studio.evaluations.list(), studio.responder.closed) == ([], [], 1)


def test_the_same_key_submits_once(studio):
    assert studio.submit(key="k") == studio.submit(key="k")
    assert len(studio.evaluations.list()) == 1


def test_what_goes_wrong_in_one_column_stays_there_and_is_asked_again_when_resumed(studio):
    id = studio.submit()
    fault = StudioError("The prompt has {n} tokens.", "Shorten it.", n=9000)
    studio.responder.says = lambda q, c: (
        column_state(error=fault) if q == "Hi" and c.shares else studio.responder.knows(q, c)
    )
    done = studio.work(id)
    assert (done["status"], done["answered"], done["errors"]) == ("finished", 6, 1)
    row = studio.evaluations.page(id, search="Hi")["rows"][0]
    assert [a["state"] for a in row["answers"]] == ["done", "error"]
    assert row["answers"][1]["error"] == fault.as_dict()
    studio.evaluations.resume(id)
    studio.responder.says, studio.responder.asked = studio.responder.knows, []
    assert studio.work(id)["errors"] == 0
    assert studio.responder.asked == [[("Hi", "captain")]]
    with pytest.raises(InvalidInput, match="has all its answers"):
        studio.evaluations.resume(id)


def test_a_prompt_that_ends_the_worker_takes_no_other_prompt_with_it(studio):
    id = studio.submit(BASE)
    gone = StudioError("The chat worker ended.", "It comes back by itself.")
    studio.responder.says = lambda q, c: (
        column_state(error=gone)
        if q == "Spain?" or len(studio.responder.asked[-1]) > 1
        else studio.responder.knows(q, c)
    )
    assert studio.work(id)["errors"] == 1
    assert [a.place for a in studio.catalogue.answers(id) if a.failed] == [1]


def test_where_nobody_can_answer_it_waits_says_why_and_tries_again(studio):
    id = studio.submit()
    waited = []

    def busy():
        waited.append((studio.evaluations.get(id)["fault"], studio.clock.seconds))
        if len(waited) < 3:
            raise StudioError("Training needs the memory.", "Wait until it is over.")

    studio.responder.before = busy
    done = studio.work(id)
    assert (done["status"], done["fault"]) == ("finished", None)
    assert [seconds for _, seconds in waited] == [0, RETRY_SECONDS[0], sum(RETRY_SECONDS)]


def test_what_it_waits_for_can_be_seen_meanwhile(studio):
    id = studio.submit()
    shown = []
    studio.responder.before = lambda: (_ for _ in ()).throw(StudioError("Training needs the memory."))
    wait = studio.clock.wait
    studio.clock.wait = lambda timeout: (shown.append(studio.evaluations.get(id)["fault"]["problem"]), wait(timeout))
    done = studio.work(id)
    assert set(shown) == {"Training needs the memory."}
    assert (done["status"], done["fault"]["problem"]) == ("failed", "Training needs the memory.")


def test_what_waiting_cannot_fix_fails_at_once_with_its_fault_and_can_be_resumed(studio):
    id = studio.submit()

    def refuse():
        raise InvalidInput("The base model “{name}” is not there.", "Fetch it.", name="m")

    studio.responder.before = refuse
    done = studio.work(id)
    assert (done["status"], done["fault"]["values"], studio.clock.seconds) == ("failed", {"name": "m"}, 0)
    studio.evaluations.resume(id)
    studio.responder.before = lambda: None
    assert studio.work(id)["fault"] is None


def test_a_fault_that_nobody_foresaw_is_told(studio):
    id = studio.submit()
    studio.responder.says = lambda question, column: None
    done = studio.work(id)
    assert done["status"] == "failed"
    assert "AttributeError" in done["fault"]["values"]["reason"]


def test_a_bench_that_ends_without_a_word_is_an_error_of_each_answer(studio):
    id = studio.submit(prompts="a")
    studio.responder.says = lambda question, column: column_state(state="streaming")
    assert studio.work(id)["errors"] == 2
    assert studio.evaluations.page(id)["rows"][0]["answers"][0]["error"]["problem"] == "There was no answer."


def test_references_that_cannot_be_read_leave_the_other_scores(studio):
    id = studio.submit()

    def unread(asked, reference):
        return StudioError("Too long.") if reference == "Paris" else Likelihood(tokens=4, loss=1.0)

    studio.responder.loss = unread
    assert studio.work(id)["status"] == "finished"
    captain = studio.evaluations.summary(id)["columns"][1]
    assert (captain["loss"], captain["loss_tokens"], captain["scores"]["exact_match"]) == (1.0, 4, 1)


def test_a_bench_that_reads_nothing_leaves_no_loss(studio):
    id = studio.submit()
    studio.responder.likelihoods = lambda asked, references: (_ for _ in ()).throw(InvalidInput("It cannot read."))
    assert studio.work(id)["status"] == "finished"
    assert [c["perplexity"] for c in studio.evaluations.summary(id)["columns"]] == [None, None]


def test_an_adapter_is_asked_by_its_new_name_and_a_deleted_one_not_at_all(studio):
    id = studio.submit(BASE, CAPTAIN, Column(model="m", shares=(Share(adapter="mate"),)))
    studio.catalogue.change_adapter(studio.catalogue.adapter("captain").id, name="admiral")
    studio.catalogue.delete_adapter(studio.catalogue.adapter("mate").id)
    add_adapter(studio.catalogue, "mate")
    done = studio.work(id)
    assert (done["status"], done["errors"]) == ("finished", 3)
    assert {name for _, name in studio.responder.asked[0]} == {"", "admiral"}
    assert [c["name"] for c in studio.evaluations.summary(id)["columns"]] == ["", "admiral", "mate"]


def test_the_thread_works_on_one_after_the_other_the_oldest_first(studio):
    first, second = studio.submit(), studio.submit()
    go_on = threading.Event()
    studio.responder.before = lambda: go_on.wait(10)
    studio.evaluations.tick()
    wait_for(lambda: studio.responder.asked, seconds=10, what="the first comparison")
    studio.evaluations.tick()
    assert [e["status"] for e in studio.evaluations.list()] == ["queued", "running"]
    go_on.set()

    def over():
        studio.evaluations.tick()
        return {e["id"]: e["status"] for e in studio.evaluations.list()} == {first: "finished", second: "finished"}

    wait_for(over, seconds=20, what="both")
    assert len(studio.responder.asked) == 2


def test_closing_ends_the_thread_and_the_next_tick_goes_on(studio):
    id = studio.submit()
    studio.responder.before = lambda: studio.evaluations._over.set()
    studio.evaluations.tick()
    studio.evaluations.close()
    assert (studio.answers(id), studio.evaluations.get(id)["status"]) == ([], "running")
    studio.responder.before = lambda: None
    studio.evaluations.tick()
    wait_for(lambda: studio.evaluations.get(id)["status"] == "finished", seconds=10, what="the evaluation")


@pytest.mark.parametrize(
    ("columns", "place", "said"),
    [
        ([Column(model="nobody")], "columns[0]", "nobody"),
        ([BASE, Column(model="m", shares=(Share(adapter="nobody"),))], "columns[1]", "nobody"),
        ([BASE, Column(model="m", shares=(Share(run=7, step=1),))], "columns[1]", "no run 7"),
        ([BASE, CAPTAIN, BASE], "columns[2]", "appears twice"),
        ([BASE, {"model": "m", "shares": [{"adapter": "captain", "strength": 9}]}], "columns[1]", "strength"),
        ([BASE, CAPTAIN.model_copy(update={"model": "other"})], "columns[1]", "not on other"),
        ([Column(model="late")], "columns[0]", "not ready yet"),
    ],
)  # fmt: skip
def test_a_column_that_cannot_be_asked_is_refused_at_its_place(studio, tmp_path, columns, place, said):
    studio.catalogue.add_model(name="other", reference="org/other", source="hub", status="ready", path=str(tmp_path))
    studio.catalogue.add_model(name="late", reference="org/late", source="hub")
    with pytest.raises(InvalidInput, match=said) as caught:
        studio.submit(*columns)
    assert set(caught.value.fields) == {place}
    assert studio.evaluations.list() == []


def test_a_sampling_or_a_set_that_cannot_be_is_refused(studio):
    set_id = studio.sets.add("x", "a")
    with pytest.raises(InvalidInput, match="“temperature”") as caught:
        studio.evaluations.submit(set_id, [BASE], {"temperature": 9})
    assert set(caught.value.fields) == {"sampling"}
    with pytest.raises(NotFound, match="no prompt set 99"):
        studio.evaluations.submit(99, [BASE], {})
    with pytest.raises(InvalidInput, match="no column"):
        studio.evaluations.submit(set_id, [], {})


def test_answers_are_looked_at_a_page_at_a_time_and_searched(studio):
    id = studio.submit()
    studio.work(id)
    page = studio.evaluations.page(id, 1, 1)
    assert (page["total"], [row["text"] for row in page["rows"]]) == (3, ["Spain?"])
    answer = page["rows"][0]["answers"][1]
    assert answer["scores"] == score("Madrid", "Madrid")
    assert answer | {"label": 0, "scores": 0} == {
        "column": 1, "state": "done", "text": "Madrid", "tokens": 3, "tokens_per_second": 10, "note": "",
        "first_token_seconds": 0.1, "finish": "stop", "label": 0, "error": None, "loss": 0.5,
        "perplexity": pytest.approx(1.65, abs=0.01), "scores": 0,
    }  # fmt: skip
    assert [row["place"] for row in studio.evaluations.page(id, search="PARIS")["rows"]] == [0]
    assert studio.evaluations.page(id, search="madrid france")["total"] == 0


def test_answers_that_are_not_there_yet_are_said_to_be_missing(studio):
    rows = studio.evaluations.page(studio.submit())["rows"]
    assert {answer["state"] for row in rows for answer in row["answers"]} == {"missing"}


def test_votes_on_an_evaluation_count_in_its_summary_and_in_the_standings(studio):
    id = studio.submit()
    with pytest.raises(InvalidInput, match="Not all columns have answered"):
        studio.evaluations.vote(id, 0, "best", 1)
    studio.work(id)
    studio.evaluations.vote(id, 0, "best", 1)
    studio.evaluations.vote(id, 0, "tie")
    studio.evaluations.vote(id, 2, "bad")
    assert [c["votes"] for c in studio.evaluations.summary(id)["columns"]] == [
        {"votes": 3, "wins": 0, "ties": 1, "bad": 1}, {"votes": 3, "wins": 1, "ties": 1, "bad": 1},
    ]  # fmt: skip
    assert [len(row["votes"]) for row in studio.evaluations.page(id)["rows"]] == [2, 0, 1]
    assert studio.votes.history()["total"] == 2
    assert [r["wins"] for r in studio.votes.standings("captain")] == [1]
    for place in (3, -1):
        with pytest.raises(InvalidInput):
            studio.evaluations.vote(id, place, "tie")


def test_votes_outlive_the_evaluation_and_prompts_their_set_as_long_as_they_are_needed(studio):
    id = studio.submit()
    studio.work(id)
    studio.evaluations.vote(id, 0, "best", 1)
    (prompt_set,) = studio.sets.list()
    studio.sets.delete(prompt_set["id"])
    assert studio.sets.list() == []
    assert studio.evaluations.page(id)["rows"][0]["text"] == "France?"
    studio.evaluations.delete(id)
    assert studio.catalogue.prompts(prompt_set["id"]) == ([], 0)
    assert studio.answers(id) == []
    assert [r["wins"] for r in studio.votes.standings("captain")] == [1]
    assert studio.votes.history()["items"][0]["evaluation"] is None


def test_a_vote_on_a_prompt_that_is_asked_again_stays_with_the_answers_it_was_cast_on(studio):
    id = studio.submit(BASE, CAPTAIN, Column(model="m", shares=(Share(adapter="mate"),)), prompts="Hi")
    studio.responder.says = lambda q, c: (
        column_state(error=StudioError("No.")) if c.name == "mate" else column_state("old")
    )
    studio.work(id)
    studio.evaluations.vote(id, 0, "best", 0)
    studio.evaluations.resume(id)
    studio.responder.says = studio.responder.knows
    studio.work(id)
    assert studio.evaluations.page(id)["rows"][0]["votes"] == []
    studio.evaluations.vote(id, 0, "best", 2)
    assert {row["name"]: row["votes"] for row in studio.votes.standings()} == {"": 2, "captain": 2, "mate": 1}


def test_an_evaluation_is_exported_as_a_table_and_as_lines(studio):
    id = studio.submit(prompts='{"prompt": "=1+1", "reference": "2"}')
    studio.responder.says = lambda q, c: (
        column_state("2") if c.shares else column_state(error=StudioError("Too {n}.", n="late"))
    )
    studio.work(id)
    rows = list(csv.DictReader(io.StringIO(studio.evaluations.export(id, "csv"))))
    assert [(r["prompt"], r["column"], r["answer"], r["error"], r["exact_match"]) for r in rows] == [
        ("'=1+1", "base", "", "Too late.", ""), ("'=1+1", "captain", "2", "", "1.0"),
    ]  # fmt: skip
    (line,) = studio.evaluations.export(id, "jsonl").splitlines()
    assert [(a["name"], a["text"]) for a in json.loads(line)["answers"]] == [("", ""), ("captain", "2")]
    with pytest.raises(InvalidInput):
        studio.evaluations.export(id, "pdf")


def test_an_adapters_record_has_the_newest_evaluation_of_each_set_beside_its_base(studio):
    studio.work(studio.submit(Column(model="m", shares=(Share(adapter="captain", strength=0.5),)), BASE))
    assert studio.evaluations.of_adapter("captain") == []
    studio.work(studio.submit())
    newest = studio.submit(CAPTAIN, BASE)
    studio.work(newest)
    studio.submit()  # not finished
    studio.catalogue.change_adapter(studio.catalogue.adapter("captain").id, name="admiral")
    found = {row["metric"]: row for row in studio.evaluations.of_adapter("admiral")}
    assert set(found) == {metric.name for metric in METRICS}
    assert {row["evaluation"] for row in found.values()} == {newest}
    match = found["exact_match"]
    assert (match["set"], match["base"], match["adapter"], match["n"], match["better"]) == (
        "capitals",
        0,
        1,
        2,
        "higher",
    )
    assert (found["loss"]["base"], found["loss"]["adapter"], found["loss"]["better"]) == (2, 0.5, "lower")
    assert studio.evaluations.of_adapter("mate") == []
