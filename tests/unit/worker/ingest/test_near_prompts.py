"""Which rows with a prompt and an answer are near duplicates: a shared passage alone makes none."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from studio.domain.datasets.formats import Format, Layout
from studio.store.datasets.near_file import earlier_row, near_rows
from studio.worker.ingest.writer import VersionWriter
from tests.support.in_process_intake import Taken, take_in

Row = dict[str, Any]

PEOPLE = ["Marta Silva", "Ole Brandt", "Ines Okafor", "Tom Reed", "Yuki Mori", "Ana Kovac", "Paul Ngata", "Eva Lind"]
PLACES = ["Lisbon", "Bergen", "Lagos", "Dover", "Kobe", "Split", "Napier", "Visby"]
THINGS = ["a lighthouse", "a brass compass", "a chart of the reefs", "a stone pier", "a fast cutter", "a rope walk"]
人名 = ["王明", "李娜", "张伟", "刘洋", "陈静", "赵磊", "孙悦", "周涛"]
地名 = ["上海", "广州", "成都", "杭州", "厦门", "青岛", "大连", "昆明"]
事物 = ["一座灯塔", "一个铜罗盘", "一张海图", "一座石码头", "一艘快船", "一间绳厂"]


def english(rng: random.Random) -> list[tuple[str, str, str]]:
    """A passage with eight questions and their answers."""
    facts = [(rng.choice(PEOPLE), rng.choice(THINGS), rng.choice(PLACES), rng.randint(1700, 1990)) for _ in range(6)]
    passage = " ".join(
        f"In the year {year}, {who} built {what} near the old harbour of {where}, and many people came to see it."
        for who, what, where, year in facts
    )
    (who, what, where, year), other = facts[0], facts[1]
    return [
        (passage, f"Who built {what} near {where}?", who),
        (passage, f"What did {who} build in {year}?", what),
        (passage, f"In which year did {who} build {what}?", str(year)),
        (passage, f"Near which harbour did {other[0]} build {other[1]}?", other[2]),
        (passage, "Is the passage about harbours?", "Yes."),
        (passage, "Did people come to see what was built?", "Yes."),
        (passage, "How many buildings are named?", "Six."),
        (passage, "Summarise the passage in one sentence.", f"{who} and others built things near {where}."),
    ]


def chinese(rng: random.Random) -> list[tuple[str, str, str]]:
    facts = [(rng.choice(人名), rng.choice(事物), rng.choice(地名), rng.randint(1700, 1990)) for _ in range(6)]
    passage = "".join(
        f"{year}年，{who}在{where}的老港口附近建了{what}，许多人前来参观。" for who, what, where, year in facts
    )
    (who, what, where, year), other = facts[0], facts[1]
    return [
        (passage, f"谁在{where}建了{what}？", who),
        (passage, f"{who}在{year}年建了什么？", what),
        (passage, f"{who}是哪一年建{what}的？", f"{year}年"),
        (passage, f"{other[0]}在哪个港口附近建了{other[1]}？", other[2]),
        (passage, "这段文字讲的是港口吗？", "是的。"),
        (passage, "有人前来参观吗？", "是的。"),
        (passage, "一共提到了几座建筑？", "六座。"),
        (passage, "请用一句话概括这段文字。", f"{who}等人在{where}一带建造。"),
    ]


SHAPES: dict[str, Callable[[str, str, str], Row]] = {
    "alpaca": lambda passage, question, answer: {"instruction": question, "input": passage, "output": answer},
    "question behind the passage": lambda passage, question, answer: {
        "prompt": f"{passage}\n\n{question}",
        "completion": answer,
    },
    "question in the same line": lambda passage, question, answer: {
        "prompt": f"{passage} {question}",
        "completion": answer,
    },
    "chat": lambda passage, question, answer: {
        "messages": [
            {"role": "system", "content": "Answer by the passage alone."},
            {"role": "user", "content": f"Passage: {passage}\nQuestion: {question}"},
            {"role": "assistant", "content": answer},
        ]
    },
}


def taken(folder: Path, rows: Iterable[Row]) -> Taken:
    return take_in(folder, {"a.jsonl": "".join(json.dumps(row) + "\n" for row in rows)})


def flagged(result: Taken) -> set[int]:
    return {row for problem, row in result.problems if problem.code == "near_duplicate"}


@pytest.mark.parametrize("made", [english, chinese])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_passage_with_another_question_is_a_row_of_its_own(tmp_path: Path, shape, made) -> None:
    rng = random.Random(4)
    rows = [shape(*each) for _ in range(26) for each in made(rng)]
    result = taken(tmp_path, rows)
    assert (len(result.rows), flagged(result), result.details.near_counts) == (208, set(), {})


@pytest.mark.parametrize("made", [english, chinese])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_same_question_in_other_case_with_other_blanks_or_a_word_changed_in_the_passage_is_a_near_duplicate(
    tmp_path: Path, shape, made
) -> None:
    rng = random.Random(5)
    triples = [each for _ in range(26) for each in made(rng)]

    def changed(number: int, passage: str, question: str, answer: str) -> Row:
        match number % 4:
            case 0:
                return shape(passage, question.upper(), answer)
            case 1:
                return shape(passage.replace(" ", "  "), f"{question} ", answer.lower() + " ")
            case 2:
                return shape(passage.replace("old", "ancient", 1).replace("老港", "旧港", 1), question, answer)
            case _:
                return shape(passage.strip(".。"), question.strip("?？."), f" {answer.strip('.。')}")

    result = taken(tmp_path, [shape(*each) for each in triples] + [changed(i, *each) for i, each in enumerate(triples)])
    found = flagged(result) | {row for problem, row in result.problems if problem.code == "duplicate"}
    assert found == set(range(208, 416))
    near = tmp_path / "intake" / "near.arrow"
    assert {row: earlier_row(near, row)[0] for row in flagged(result)} == {row: row - 208 for row in flagged(result)}  # type: ignore[index]


def chat(*turns: str) -> Row:
    return {"messages": [{"role": ("user", "assistant")[i % 2], "content": content} for i, content in enumerate(turns)]}


LONG = " ".join(f"sentence number {i} tells of ship {i * 7} and of what the crew of {i * 3} did" for i in range(30))


@pytest.mark.parametrize(
    ("one", "other", "is_near"),
    [
        (chat(LONG, "It is a tale of ships."), chat(LONG, "Nothing happens in it."), False),
        (chat(LONG, "Yes."), chat(LONG, "No."), False),
        (chat(LONG, "Yes."), chat(LONG.upper(), "yes"), True),
        (chat("Hi", "Hello!", LONG, "Aye, so it was."), chat("Hi", "Hello!", LONG, "No, it never was so."), False),
        (chat("Hi", "Hello!", LONG, "Aye, so it was."), chat("hi", "Hello", LONG, "Aye. So it was!"), True),
        (chat(LONG, LONG), chat(LONG, LONG.replace("ship 7 ", "boat 7 ")), True),
        (chat(f"{LONG}.\nIs it long?", "Yes."), chat(f"{LONG}.\nIs it long?\nAnswer me.", "Yes."), True),
        (chat(f"{LONG}.\nHow many ships?", "30"), chat(f"{LONG}.\nHow many crews?", "30"), False),
        (chat(f"{LONG}. What is {3} times four plus all the ships that there are in the tale above?", "Much"),
         chat(f"{LONG}. What is {5} times four plus all the ships that there are in the tale above?", "Much"), False),
        (chat("", LONG), chat("", LONG.upper()), True),
        (chat("…", LONG), chat("?!", LONG.upper()), False),
    ],
)  # fmt: skip
def test_prompt_and_answer_must_both_be_near(tmp_path: Path, one: Row, other: Row, is_near: bool) -> None:
    if not one["messages"][0]["content"]:
        one, other = ({"messages": row["messages"][1:]} for row in (one, other))
        one, other = ({"prompt": "?", "completion": row["messages"][0]["content"]} for row in (one, other))
    assert flagged(taken(tmp_path, [one, other])) == ({1} if is_near else set())


def test_calls_of_tools_are_part_of_the_answer(tmp_path: Path) -> None:
    def calling(city: str, question: str = LONG) -> Row:
        call = {"type": "function", "function": {"name": "weather", "arguments": {"city": city}}}
        return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "tool_calls": [call]}]}

    rows = [calling("Bergen"), calling("Lisbon"), calling("Bergen", LONG.upper())]
    assert flagged(taken(tmp_path, rows)) == {2}


def test_of_preference_pairs_both_answers_count(tmp_path: Path) -> None:
    def pair(prompt: str, chosen: str, rejected: str) -> Row:
        return {"prompt": prompt, "chosen": chosen, "rejected": rejected}

    better, worse, other = (f"{LONG} {end}" for end in ("so it is", "or not at all", "but who knows"))
    rows = [pair(LONG, better, "No."), pair(LONG, better, "Never again."), pair(LONG.upper(), better, "no"),
            pair("Tell me.", worse, other)]  # fmt: skip
    assert flagged(taken(tmp_path, rows)) == {2}


def test_how_near_each_is_stays_known_from_seventy_percent_on(tmp_path: Path) -> None:
    words = [f"w{i}" for i in range(202)]  # 200 shingles

    def changed(count: int) -> Row:
        return {"text": " ".join(f"x{i}" if i % 20 == 10 and i // 20 < count else word for i, word in enumerate(words))}

    # Each changed word takes three shingles of two hundred from either side: 0.97, 0.83, 0.76 and 0.67.
    others = [{"text": f"r{i} s t u v"} for i in "ab"]
    shouted = {"text": " ".join(words).upper()}
    result = taken(tmp_path, [*map(changed, (0, 1, 6, 9)), *others, shouted, changed(0)])
    near = tmp_path / "intake" / "near.arrow"
    assert flagged(result) == {1, 2, 6}
    assert near_rows(near, 0.7) == {1, 2, 3, 6}
    counts = result.details.near_counts
    assert list(counts) == list(range(70, 101))
    assert [counts[percent] for percent in (70, 76, 77, 83, 84, 97, 98, 100)] == [4, 4, 3, 3, 2, 2, 1, 1]
    assert all(len(near_rows(near, percent / 100)) == count for percent, count in counts.items())
    assert earlier_row(near, 6) == (0, 1.0)
    assert earlier_row(near, 7) is None


def test_the_search_for_duplicates_says_how_far_it_is(tmp_path: Path) -> None:
    layout = Layout(Format.TEXT, {"text": "text"})
    told: list[tuple[int, int]] = []
    with VersionWriter(tmp_path, "text") as writer:
        for i in range(2500):
            writer.accept({"text": f"{LONG} {i % 1000}"}, i + 1, 0, layout)
        writer.finish(lambda done, total: told.append((done, total)))
    done = [each for each, _ in told]
    assert done == sorted(done)
    assert (done[0], done[-1], {total for _, total in told}) == (0, 2500, {2500})
    assert len({each for each in done if each < 500}) > 10, "while it finds candidates"
