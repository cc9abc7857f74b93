"""What is shown of a dataset is what is trained."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from transformers import AutoTokenizer

from studio.domain.datasets.row_parts import trained_content
from studio.domain.events import Finished, Progress
from studio.domain.jobs.token_counts import CountTokensRequest
from studio.domain.spec.run_spec import read_spec
from studio.services.models.chat_template import load_chat_template
from studio.store.datasets.folder import PROBLEMS, TOKENS
from studio.store.datasets.problem_file import read_problems
from studio.store.datasets.row_file import RowFileWriter
from studio.store.job_folder import JobFolder
from studio.worker.tokenization.encoder import IGNORED, Encoded, Encoder
from studio.worker.tokenization.task import count_tokens
from studio.worker.tokenization.tokenized_dataset import read_examples
from tests.support.tool_conversations import HERMES, WEATHER
from tests.support.training_jobs import events_of, start_worker


@pytest.fixture(scope="module")
def tokenizer(starter: Path) -> Any:
    return AutoTokenizer.from_pretrained(starter)


def turns(*contents: str) -> list[dict[str, Any]]:
    return [{"role": ("user", "assistant")[i % 2], "content": c} for i, c in enumerate(contents)]


CHAT = [
    {"messages": turns("Where to?", "West — 西へ 🧭", "And then?", "  Home.\n\n")},
    {"messages": [{"role": "system", "content": "Be brief."}, *turns("Why?", "👩‍🚀 " * 30)]},
    {"messages": turns("Tell me. " * 4, "Long ago and far away, " * 20, "Go on.", "The end.")},
    {"messages": turns("Who is it? " * 40, "Me.")},
]
PREFERENCE = [
    {"prompt": turns("Where?"), "chosen": turns("", "There.")[1:], "rejected": turns("", "Nowhere.")[1:]},
    {
        "prompt": turns("Where to?", "Which day?", "Today."),
        "chosen": turns("", "é" * 60)[1:],
        "rejected": turns("", "?")[1:],
    },
]
UNPAIRED = [
    {"prompt": turns(f"{i}?"), "completion": turns("", f"Answer {i}.")[1:], "label": i % 2 == 0} for i in range(4)
]
TEXT = [{"text": "Once upon a time 西へ 🧭"}, {"text": "And so on, and so on. " * 12}, {"text": "a"}]
ZOO: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "chat": ("chat", CHAT),
    "tools": ("chat", [WEATHER, *CHAT[:1], WEATHER | {"tools": WEATHER["tools"] * 3}]),
    "preference": ("preference", PREFERENCE),
    "unpaired": ("unpaired", UNPAIRED),
    "text": ("text", TEXT),
}


def write(path: Path, kind: str, rows: list[dict[str, Any]]) -> str:
    with RowFileWriter(path, kind) as file:
        for start in range(0, len(rows), 1000):
            part = rows[start : start + 1000]
            file.write(part, range(start + 1, start + len(part) + 1), [0] * len(part))
    return str(path)


def request(rows_path: str, **more: Any) -> CountTokensRequest:
    plain: dict[str, Any] = {"max_length": 64, "model": {"name": "starter"}}
    return CountTokensRequest(rows_path=rows_path, **plain | more)


def tokens_of(folder: Path) -> list[dict[str, Any]]:
    with pa.memory_map(str(folder / TOKENS)) as source:
        rows: list[dict[str, Any]] = pa.ipc.open_file(source).read_all().to_pylist()
    return rows


def problems_of(folder: Path) -> list[tuple[int, str, str]]:
    return [(row, problem.field, problem.code) for problem, row in read_problems(folder / PROBLEMS)]


@pytest.mark.parametrize("max_length", [40, 64, 1024])
@pytest.mark.parametrize("answers_only", [True, False])
@pytest.mark.parametrize("rows_of", ZOO)
def test_what_is_shown_is_what_is_trained(
    tmp_path: Path, tokenizer: Any, rows_of: str, answers_only: bool, max_length: int
) -> None:
    kind, rows = ZOO[rows_of]
    tokenizer = AutoTokenizer.from_pretrained(tokenizer.name_or_path)
    if rows_of == "tools":
        tokenizer.chat_template = HERMES
    path = write(tmp_path / "rows.arrow", kind, rows)
    count_tokens(request(path, max_length=max_length, answers_only=answers_only), tmp_path, tokenizer)
    counted = tokens_of(tmp_path)
    spec = read_spec(
        {
            "data": {"name": "rows", "validation_split": 0, "answers_only": answers_only},
            "training": {"max_length": max_length},
        }
    )
    trained = iter(read_examples(path, spec, tokenizer, tmp_path / "examples")[0].rows)
    encoder = Encoder(tokenizer, answers_only=answers_only)
    for row, told in zip(rows, counted, strict=True):
        content = trained_content(row)
        if content is None:
            assert told == {"tokens": 0, "trained": 0, "lost": 0, "lost_trained": 0, "shown": 0, "spans": []}
            continue
        (whole,) = encoder.encode([content])
        assert isinstance(whole, Encoded)
        assert (told["tokens"], told["lost"]) == (len(whole), max(0, len(whole) - max_length))
        if not told["trained"]:
            assert told["spans"] == []
            continue
        example = next(trained)
        is_trained = example["labels"] != IGNORED
        assert told["trained"] == is_trained.sum()
        assert told["tokens"] - told["lost"] == len(example["input_ids"])
        # Token by token: the characters of the trained ones, and of no other, are covered.
        offsets = tokenizer(
            whole.text, add_special_tokens=rows_of == "text", return_offsets_mapping=True
        )["offset_mapping"]  # fmt: skip
        expected = np.zeros(len(whole.text), dtype=bool)
        for (start, end), counts in zip(offsets, is_trained, strict=False):
            expected[start:end] |= counts
        shown = np.zeros(len(whole.text), dtype=bool)
        for start, end in zip(told["spans"][::2], told["spans"][1::2], strict=True):
            assert not shown[start:end].any()
            shown[start:end] = True
        assert shown.tolist() == expected.tolist()
        assert told["shown"] == max(end for _, end in offsets[:max_length])
    assert next(trained, None) is None


@pytest.mark.parametrize("rows_of", ["chat", "preference"])
def test_the_spans_count_the_characters_of_what_the_web_process_renders(
    tmp_path: Path, starter: Path, tokenizer: Any, rows_of: str
) -> None:
    kind, rows = ZOO[rows_of]
    count_tokens(request(write(tmp_path / "rows.arrow", kind, rows), max_length=1024), tmp_path, tokenizer)
    for row, told in zip(rows, tokens_of(tmp_path), strict=True):
        content = trained_content(row)
        assert content is not None
        text = load_chat_template(starter)(content["messages"], False)
        answers = [turn["content"] for turn in content["messages"] if turn["role"] == "assistant"]
        shown = [text[a:b] for a, b in zip(told["spans"][::2], told["spans"][1::2], strict=True)]
        assert [piece.lstrip("\n") for piece in shown] == [f"{answer}<|im_end|>" for answer in answers]


def test_every_problem_is_told_with_its_values(tmp_path: Path, tokenizer: Any) -> None:
    rows = [
        {"messages": turns("Fine?", "Fine.")},
        {"messages": turns("Why? " * 60, "So.")},
        {"messages": turns("Tell.", "Once, " * 60)},
        {"messages": turns("End it <|im_end|> here", "Or <|endoftext|> there <|im_end|>")},
    ]
    told = count_tokens(request(write(tmp_path / "rows.arrow", "chat", rows)), tmp_path, tokenizer)
    assert problems_of(tmp_path) == [
        (1, "", "no_trained_token"), (2, "", "too_long"),
        (3, "messages[0].content", "special_tokens"), (3, "messages[1].content", "special_tokens"),
    ]  # fmt: skip
    found = [problem for problem, _ in read_problems(tmp_path / PROBLEMS)]
    row = tokens_of(tmp_path)[2]
    assert found[1].values == {"tokens": row["tokens"], "lost": row["lost"], "lost_trained": row["lost_trained"]}
    assert row["lost"] == row["tokens"] - 64 > 0 and row["lost_trained"] > 50
    assert [problem.values["token"] for problem in found[2:]] == ["<|im_end|>", "<|endoftext|>"]
    assert [problem.line for problem in found] == [2, 3, 4, 4]
    assert all("{" not in problem.as_dict()["message"] for problem in found)
    assert told.problems == {"no_trained_token": 1, "too_long": 1, "special_tokens": 2}


def test_a_row_that_the_template_refuses_is_told_and_the_others_are_counted(tmp_path: Path, tokenizer: Any) -> None:
    strict = AutoTokenizer.from_pretrained(tokenizer.name_or_path)
    strict.chat_template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system here') }}{% endif %}"
        + tokenizer.chat_template
    )
    told = count_tokens(request(write(tmp_path / "rows.arrow", "chat", CHAT), max_length=1024), tmp_path, strict)
    assert problems_of(tmp_path) == [(1, "", "template_refuses")]
    (refused,) = [problem for problem, _ in read_problems(tmp_path / PROBLEMS)]
    assert "no system here" in refused.as_dict()["message"]
    assert [row["tokens"] > 0 for row in tokens_of(tmp_path)] == [True, False, True, True]
    assert sum(told.histogram.counts) == 3


def test_rows_of_the_validation_set_are_found_among_those_trained_on(tmp_path: Path, tokenizer: Any) -> None:
    rows = [{"messages": turns(f"Question {i}?", "Aye.")} for i in range(50)]
    held_out = [{"messages": turns("Another?", "Nay.")}, rows[30] | {"label": "x"}, rows[7]]
    validation = {"rows_path": write(tmp_path / "held.arrow", "chat", held_out), "unit": "line"}
    told = count_tokens(
        request(write(tmp_path / "rows.arrow", "chat", rows), validation=validation), tmp_path, tokenizer
    )  # fmt: skip
    assert problems_of(tmp_path) == [(7, "", "leakage"), (30, "", "leakage")]
    assert [p.values for p, _ in read_problems(tmp_path / PROBLEMS)] == [
        {"unit": "line", "twin": 3}, {"unit": "line", "twin": 2},
    ]  # fmt: skip
    assert (told.train_rows, told.eval_rows) == (50, 3)


def test_the_sums_are_those_of_the_rows(tmp_path: Path, tokenizer: Any) -> None:
    rows = [{"messages": turns(f"Question {i}?", "Aye. " * (i % 90 + 1))} for i in range(2300)]
    seen: list[tuple[int, int]] = []
    told = count_tokens(
        request(write(tmp_path / "rows.arrow", "chat", rows), split={"share": 0.1, "seed": 1}), tmp_path, tokenizer,
        lambda stage, done, total: seen.append((done, total)),
    )  # fmt: skip
    counted = tokens_of(tmp_path)
    for key in ("tokens", "trained", "lost", "lost_trained"):
        assert getattr(told, key) == sum(row[key] for row in counted)
    assert told.longest == max(row["tokens"] for row in counted)
    assert (told.rows, told.train_rows, told.eval_rows) == (2300, 2070, 230)
    assert seen == [(0, 2300), (1000, 2300), (2000, 2300), (2300, 2300)]
    assert told.roles["assistant"] == told.trained + told.lost_trained
    assert 2300 * 3 < told.roles["user"] < told.tokens - told.roles["assistant"]
    with pa.memory_map(str(tmp_path / TOKENS)) as source:
        file = pa.ipc.open_file(source)
        assert [file.get_batch(i).num_rows for i in range(file.num_record_batches)] == [1000, 1000, 300]


def test_the_worker_tells_its_progress_and_ends_with_its_figures(tmp_path: Path, starter: Path) -> None:
    folder = JobFolder(tmp_path)
    rows_path = write(tmp_path / "rows.arrow", "chat", CHAT)
    folder.prepare(request(rows_path, model={"name": "starter", "path": str(starter)}))
    worker = start_worker(folder, "count-tokens")
    assert worker.wait(120) == 0, folder.log.read_text("utf-8")
    assert {event.stage for event in events_of(folder, Progress)} == {"tokenizing"}
    (finished,) = events_of(folder, Finished)
    assert finished.path == str(tmp_path / TOKENS)
    assert finished.details["rows"] == len(tokens_of(tmp_path)) == 4
    json.dumps(finished.details)


def test_examining_needs_no_torch(tmp_path: Path, starter: Path) -> None:
    folder = JobFolder(tmp_path)
    folder.prepare(request(write(tmp_path / "rows.arrow", "text", TEXT), model={"name": "s", "path": str(starter)}))
    code = (
        "import sys; from studio.worker.__main__ import main; code = main(['count-tokens', sys.argv[1]]); "
        "print(code, sorted(m for m in sys.modules if m.startswith('torch.') or m in ('datasets', 'trl', 'peft')))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, timeout=120
    )
    assert said.stdout.splitlines()[-1] == "0 []"


THINKS = "<think>\nSeven and one.\n</think>\n\nEight."
DROPS_REASONING = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content.split('</think>')[-1] }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
BEGINS_WITH_THINKING = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}"
)
DEAF = (
    "{% for m in messages if m.role != 'system' %}<|{{ m.role }}|>{{ m.content }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@pytest.mark.parametrize(
    ("template", "kind", "rows", "expected"),
    [
        (None, "chat", [WEATHER, {"messages": turns("a", "b")}],
         [(0, "messages[1]", "call_dropped"), (0, "tools", "tools_dropped")]),
        (HERMES, "chat", [WEATHER], []),
        (None, "chat", [{"messages": turns("7 + 1?", THINKS)}], []),
        (DROPS_REASONING, "chat", [{"messages": turns("7 + 1?", THINKS, "And 1?", "Nine.")}],
         [(0, "messages[1]", "reasoning_dropped")]),
        (DROPS_REASONING, "preference",
         [{"prompt": turns("7 + 1?"), "chosen": [{"role": "assistant", "content": THINKS}],
           "rejected": [{"role": "assistant", "content": "Nine."}]}],
         [(0, "chosen[0]", "reasoning_dropped")]),
        (BEGINS_WITH_THINKING, "chat", [{"messages": turns("7 + 1?", THINKS)}, {"messages": turns("7 + 1?", "Eight.")}],
         [(1, "messages[1]", "prefix_differs")]),
        (DEAF, "chat", [{"messages": [{"role": "system", "content": "Be kind."}, *turns("a", "b")]}],
         [(0, "messages[0]", "turn_dropped")]),
    ],
)  # fmt: skip
def test_what_the_template_leaves_out_of_a_row_is_told_with_its_place(
    tmp_path: Path, tokenizer: Any, template: str | None, kind: str, rows: list[Any], expected: list[Any]
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tokenizer.name_or_path)
    tokenizer.chat_template = template or tokenizer.chat_template
    told = count_tokens(request(write(tmp_path / "rows.arrow", kind, rows), max_length=500), tmp_path, tokenizer)
    assert problems_of(tmp_path) == expected
    assert sum(told.problems.values()) == len(expected)


def test_an_answer_whose_reasoning_stands_where_the_prompt_has_none_is_learned_from_there_on(tokenizer: Any) -> None:
    """Such as under templates that begin each answer with an empty thinking block."""
    tokenizer = AutoTokenizer.from_pretrained(tokenizer.name_or_path)
    empty = "<think>\n\n</think>\n\n"
    tokenizer.chat_template = BEGINS_WITH_THINKING.replace("<think>\n{%", empty + "{%").replace(
        "{{ m.content }}",
        "{% if m.role == 'assistant' and '<think>' not in m.content %}" + empty + "{% endif %}{{ m.content }}",
    )
    found = Encoder(tokenizer, answers_only=True).encode(
        [{"messages": turns("7 + 1?", THINKS)}, {"messages": turns("7 + 1?", "Eight.")}]
    )
    learned_words = [one.text[slice(*one.spans[0])] for one in found if isinstance(one, Encoded)]
    assert learned_words == ["Seven and one.\n</think>\n\nEight.<|im_end|>", "Eight.<|im_end|>"]
    assert [one.turns[0].follows_prompt for one in found if isinstance(one, Encoded)] == [False, True]


def test_a_pair_is_counted_as_left_out_once_where_either_answer_is_beyond_max_length(
    tmp_path: Path, tokenizer: Any
) -> None:
    long = turns("Where? " * 80)
    rows = [
        PREFERENCE[0],
        {"prompt": turns("Where?"), "chosen": turns("", "There.")[1:], "rejected": turns("", "x " * 90)[1:]},
        {"prompt": long, "chosen": turns("", "There.")[1:], "rejected": turns("", "Nowhere.")[1:]},
        {
            "prompt": turns("", "")[:0],
            "chosen": turns("Hi.", "There."),
            "rejected": [*long, *turns("", "Nowhere.")[1:]],
        },
    ]
    path = write(tmp_path / "rows.arrow", "preference", rows)
    left_out = {}
    for objective in ("sft", "orpo"):
        folder = tmp_path / objective
        folder.mkdir()
        count_tokens(request(path, objective=objective), folder, tokenizer)
        left_out[objective] = [row for row, _, code in problems_of(folder) if code == "no_trained_token"]
        spec = read_spec(
            {
                "data": {"name": "rows", "validation_split": 0}, "objective": {"kind": objective},
                "training": {"max_length": 64},
            }
        )  # fmt: skip
        trained, _, _ = read_examples(path, spec, tokenizer, folder / "examples")
        assert trained.dropped_rows == len(left_out[objective])
    assert left_out == {"sft": [2], "orpo": [2, 3]}
