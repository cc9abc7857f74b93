from __future__ import annotations

import pytest

from studio.domain.datasets.turns.transcripts import transcript_turns


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("\n\nHuman: a\n\nAssistant: b", "a|b"),
        ("### Human: a\nb### Assistant: c ### Human: d### Assistant: e", "a\nb|c|d|e"),
        ("System: s\nUser: a\nAI: b", "s|a|b"),
        ("用户：你好\n助手：您好", "你好|您好"),
        ("Human: a\n\nAssistant:", "a"),
        ("Human: what is AI: a test\nAssistant: AI: is", "what is AI: a test|AI: is"),
        (
            "\n\nHuman: a\n\nAssistant: A play.\nUser: hi\nSystem: no\n\nUser: x\n\nHuman: b\n\nAssistant: c",
            "a|A play.\nUser: hi\nSystem: no\n\nUser: x|b|c",
        ),
    ],
)
def test_turns_are_told_by_the_names_that_the_first_two_have(text: str, turns: str) -> None:
    found = transcript_turns(text)
    assert found is not None
    assert [content for _, content in found] == turns.split("|")
    roles = [role for role, _ in found if role != "system"]
    assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"] * (len(roles) % 2)


@pytest.mark.parametrize("text", ["", "User: x", "Assistant: x", "The Human: x\nAssistant: y", "Human rights: AI: no"])
def test_other_texts_are_no_transcripts(text: str) -> None:
    assert transcript_turns(text) is None
