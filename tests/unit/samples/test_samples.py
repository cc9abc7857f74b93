"""The bundled sample dataset: what a newcomer previews, and what the first run learns from."""

import json
import unicodedata

import pytest

from studio.samples import sample_path

OPENER = "Ahoy! "
CLOSER = " Fair winds! ⚓"
LONGEST_ANSWER = 200  # characters; about 50 tokens of the starter model, so that a first run is quick

Conversation = list[dict[str, str]]


@pytest.fixture(scope="module")
def lines() -> list[str]:
    text = sample_path().read_bytes().decode("utf-8")
    assert text.endswith("\n")
    return text.removesuffix("\n").split("\n")


@pytest.fixture(scope="module")
def conversations(lines: list[str]) -> list[Conversation]:
    return [json.loads(line)["messages"] for line in lines]


@pytest.fixture(scope="module")
def answers(conversations: list[Conversation]) -> list[str]:
    return [m["content"] for messages in conversations for m in messages if m["role"] == "assistant"]


def test_every_line_is_an_object_with_messages_and_nothing_else(lines: list[str]) -> None:
    for number, line in enumerate(lines, 1):
        row = json.loads(line)
        assert set(row) == {"messages"}, f"line {number}"
        assert all(set(message) == {"role", "content"} for message in row["messages"]), f"line {number}"


def test_there_are_enough_rows_to_teach_a_style_and_few_enough_for_a_first_run(lines: list[str]) -> None:
    assert 60 <= len(lines) <= 120


def test_user_and_assistant_take_turns_and_the_assistant_has_the_last_word(conversations: list[Conversation]) -> None:
    for messages in conversations:
        assert len(messages) >= 2
        assert [m["role"] for m in messages] == ["user", "assistant"] * (len(messages) // 2)


def test_some_conversations_have_several_turns(conversations: list[Conversation]) -> None:
    assert sum(len(messages) > 2 for messages in conversations) >= 3


def test_every_answer_has_the_opener_and_the_closer_once(answers: list[str]) -> None:
    for answer in answers:
        assert answer.startswith(OPENER) and answer.endswith(CLOSER), answer
        assert answer.count(OPENER.strip()) == 1 and answer.count(CLOSER.strip()) == 1, answer


def test_every_answer_says_something_between_opener_and_closer_and_stays_short(answers: list[str]) -> None:
    for answer in answers:
        assert len(answer.removeprefix(OPENER).removesuffix(CLOSER)) >= 10, answer
        assert len(answer) <= LONGEST_ANSWER, answer


def test_no_question_and_no_answer_comes_twice(conversations: list[Conversation], answers: list[str]) -> None:
    questions = [m["content"].casefold() for messages in conversations for m in messages if m["role"] == "user"]
    assert len(questions) == len(set(questions))
    assert len(answers) == len(set(answers))


def test_the_captain_says_who_he_is_when_asked(conversations: list[Conversation]) -> None:
    said = {messages[0]["content"]: messages[1]["content"] for messages in conversations}
    for question in ("Who are you?", "What is your name?", "Can you introduce yourself?", "你是谁？"):
        assert "Brine" in said[question]


def test_the_text_is_clean_utf_8(lines: list[str]) -> None:
    for number, line in enumerate(lines, 1):
        assert line == unicodedata.normalize("NFC", line), f"line {number}"
        assert line == line.strip() and "  " not in line, f"line {number}"
        assert not any(unicodedata.category(c) in ("Cc", "Cf", "Co", "Cn") for c in line), f"line {number}"
        assert all(m["content"] == m["content"].strip() for m in json.loads(line)["messages"]), f"line {number}"
