"""Text of rows mended: whole secrets and addresses go, garbled text is read as it was meant, good text stays."""

from __future__ import annotations

from typing import Any

import pytest

from studio.domain.datasets.text_checks import text_faults
from studio.domain.datasets.text_mending import TEXT_ACTIONS, mend_row, repair, replace_emails, replace_secrets

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEAuK3b\nq1Z0bG9uZ2VyIGtleQ==\n-----END RSA PRIVATE KEY-----"
TOKEN = "hf_" + "aB3" * 10


@pytest.mark.parametrize(
    ("text", "expected", "places"),
    [
        ("Write to joe.b+x@a-b.co.uk, or <joe@b.com>.", "Write to [EMAIL], or <[EMAIL]>.", 2),
        ("邮箱abc@x.com。", "邮箱[EMAIL]。", 1),
        ("müller@schiff.de", "[EMAIL]", 1),
        ("a@b and @c", "a@b and @c", 0),
    ],
)
def test_whole_addresses_are_replaced(text: str, expected: str, places: int) -> None:
    assert replace_emails(text) == (expected, places)


@pytest.mark.parametrize(
    ("text", "expected", "places"),
    [
        (f"The token {TOKEN}, and {JWT}.", "The token [SECRET], and [SECRET].", 2),
        (f"a\n{KEY}\nb", "a\n[SECRET]\nb", 1),
        (f"{KEY}{KEY}", "[SECRET][SECRET]", 2),
        (KEY.replace("\n", "\\n"), "[SECRET]", 1),
        (KEY.partition("\n-----END")[0] + "\n\nThat was it.", "[SECRET]\n\nThat was it.", 1),
        (KEY[:60], "[SECRET]", 1),
        (KEY[:60] + "\n" + KEY, "[SECRET]\n[SECRET]", 2),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBF\n-----END PGP PRIVATE KEY BLOCK-----", "[SECRET]", 1),
        ("sk-ship is no key", "sk-ship is no key", 0),
    ],
)
def test_whole_secrets_are_replaced(text: str, expected: str, places: int) -> None:
    assert replace_secrets(text) == (expected, places)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lâ€™humanitÃ© naÃ¯ve", "l’humanité naïve"),
        ("def f():\n    return 'Ã©'  # ﬁ ① stays\n", "def f():\n    return 'é'  # ﬁ ① stays\n"),
        ("a\x1b[31mred\x1b[0m\x00b\x0cc\u202e", "aredb\nc"),
        ("naïve “ﬁ” ① Å\r\n\tx = 1", "naïve “ﬁ” ① Å\r\n\tx = 1"),
        ("lost for good: \ufffd", "lost for good: \ufffd"),
        ("\x00", "\x00"),
    ],
)
def test_only_what_is_garbled_is_repaired(text: str, expected: str) -> None:
    assert repair(text) == (expected, int(text != expected))


def test_nothing_is_found_in_what_was_mended() -> None:
    text = f"joe@b.com\n{TOKEN}\n{JWT}\n{KEY}\nnaÃ¯ve\x00"
    for mend in TEXT_ACTIONS.values():
        text, places = mend(text)
        assert places
    assert list(text_faults(text)) == []


def test_long_text_without_an_end_takes_no_long_time() -> None:
    assert replace_emails("a" * 500_000 + "@")[1] == 0
    assert replace_secrets("-----BEGIN PRIVATE KEY-----" * 20_000)[1] == 20_000


def test_every_text_of_a_row_is_mended_and_all_else_is_kept() -> None:
    call = {"type": "function", "id": "1", "function": {"name": "mail", "arguments": {"to": ["a@b.com"], "n": 1}}}
    row: dict[str, Any] = {
        "messages": [
            {"role": "user", "content": "Write to a@b.com", "weight": 0},
            {"role": "assistant", "content": "", "tool_calls": [call], "reasoning_content": "a@b.com it is"},
            {"role": "tool", "content": "sent", "name": "a@b.com"},
        ],
        "tools": [{"type": "function", "function": {"name": "mail", "description": "as a@b.com"}}],
        "label": "mail",
    }
    paths: list[str] = []
    new = mend_row(row, replace_emails, lambda path, old, new: paths.append(path))
    assert paths == [
        "messages[0].content", "messages[1].reasoning_content", "messages[1].tool_calls[0]", "tools",
    ]  # fmt: skip
    assert new["messages"][0] == {"role": "user", "content": "Write to [EMAIL]", "weight": 0}
    assert new["messages"][1]["reasoning_content"] == "[EMAIL] it is"
    assert new["messages"][1]["tool_calls"] == [
        {"type": "function", "id": "1", "function": {"name": "mail", "arguments": {"to": ["[EMAIL]"], "n": 1}}}
    ]
    assert new["messages"][2] == row["messages"][2]
    assert new["tools"][0]["function"] == {"name": "mail", "description": "as [EMAIL]"}
    assert new["label"] == "mail"
    assert row["messages"][1]["tool_calls"][0]["function"]["arguments"]["to"] == ["a@b.com"]
    assert mend_row({"text": "a@b.com"}, replace_emails) == {"text": "[EMAIL]"}
