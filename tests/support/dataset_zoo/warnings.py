"""Rows with something to look at: in their words, or beside other rows."""

from __future__ import annotations

from tests.support.dataset_zoo.making import LABELLED_TEXT, A, B, Case, dumps, lines, said

CAPTAIN = "The old captain stood at the rail and watched the harbour lights fade into the evening fog, and he smiled."
LABELLED = [
    {"text": f"A film about {place}", "label": "pos"}
    for place in (
        "ships",
        "whales",
        "islands",
        "storms",
        "maps",
        "ports",
        "pirates",
        "gulls",
        "tides",
        "ropes",
        "sails",
    )
]
WARNINGS = [
    Case(
        "weights in part",
        "a.jsonl",
        lines(A, {"messages": [{**turn, "weight": 0.5} for turn in B["messages"]]}),
        [A, B],
        [(2, "weight_in_part", "messages[1].weight")],
    ),
    Case(
        "a secret in reasoning",
        "a.jsonl",
        lines(
            {"messages": [A["messages"][0], {**A["messages"][1], "reasoning_content": "The mail is joe@example.org."}]}
        ),
        [{"messages": [A["messages"][0], {**A["messages"][1], "reasoning_content": "The mail is joe@example.org."}]}],
        [(1, "email", "messages[1].reasoning_content")],
    ),
    Case(
        "control characters",
        "a.jsonl",
        lines({"text": "one\u0000"}, {"text": "\u202etwo"}, {"text": "a\tb\n"}),
        [{"text": "one\u0000"}, {"text": "\u202etwo"}, {"text": "a\tb\n"}],
        [(1, "control_characters", "text"), (2, "control_characters", "text")],
    ),
    Case(
        "garbled texts",
        "a.jsonl",
        lines(
            said("CafÃ© crÃ¨me?", "Oui."), said("Why?", "It is broken: \ufffd"), said("Ça va ?", "Très bien, à Évian.")
        ),
        [said("CafÃ© crÃ¨me?", "Oui."), said("Why?", "It is broken: \ufffd"), said("Ça va ?", "Très bien, à Évian.")],
        [(1, "mojibake", "messages[0].content"), (2, "mojibake", "messages[1].content")],
    ),
    *(
        Case(
            f"a secret: {what}",
            "a.jsonl",
            lines({"text": f"My key: {secret} so."}),
            [{"text": f"My key: {secret} so."}],
            [(1, "secret", "text")],
        )
        for what, secret in (
            ("Hugging Face", "hf_" + "aB3" * 11),
            ("OpenAI", "sk-proj-" + "x" * 24),
            ("Anthropic", "sk-ant-" + "x" * 24),
            ("GitHub", "ghp_" + "x" * 36),
            ("GitLab", "glpat-" + "x" * 20),
            ("AWS", "AKIA" + "X" * 16),
            ("Google", "AIza" + "x" * 35),
            ("Slack", "xoxb-" + "1" * 12),
            ("Stripe", "sk_live_" + "x" * 24),
            ("web token", "eyJ" + "x" * 12 + ".eyJ" + "x" * 12 + ".sig"),
            ("key file", "-----BEGIN RSA PRIVATE KEY-----"),
        )
    ),
    Case(
        "an address, in the answer alone",
        "a.csv",
        "question,answer\nWho?,Write to ann.lee@example.org!\n",
        [said("Who?", "Write to ann.lee@example.org!")],
        [(1 + 1, "email", "answer")],
    ),
    Case("equal rows", "a.jsonl", lines(A, B, A, "", A), [A, B, A, A], [(3, "duplicate", ""), (5, "duplicate", "")]),
    Case(
        "equal rows in several files",
        "a.jsonl",
        lines(A, B),
        [A, B, A],
        [(1, "duplicate", "")],
        more={"b.json": dumps([A])},
    ),
    Case(
        "nearly equal rows",
        "a.jsonl",
        lines({"text": CAPTAIN}, {"text": "So it is."}, {"text": CAPTAIN.upper() + "!"}),
        [{"text": CAPTAIN}, {"text": "So it is."}, {"text": CAPTAIN.upper() + "!"}],
        [(3, "near_duplicate", "")],
    ),
    Case(
        "labels out of balance",
        "a.jsonl",
        lines(*LABELLED, {"text": "Nothing at all.", "label": "neg"}),
        [*LABELLED, {"text": "Nothing at all.", "label": "neg"}],
        [(0, "label_imbalance", "label")],
        request=LABELLED_TEXT,
    ),
]
