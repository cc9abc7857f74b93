"""Turns that the dataset says are not to be learned, and reasoning, in what is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from studio.domain.chat.templates import TEMPLATES
from studio.domain.jobs.token_counts import CountTokensRequest
from studio.domain.spec.run_spec import RunSpec, read_spec
from studio.store.arrow_file import ArrowFile
from studio.store.datasets.problem_file import read_problems
from studio.store.datasets.row_file import RowFileWriter
from studio.worker.ingest.trim import Trimmer
from studio.worker.tokenization.encoder import Encoded, Encoder
from studio.worker.tokenization.load import load_chat_tokenizer
from studio.worker.tokenization.task import count_tokens
from studio.worker.tokenization.tokenized_dataset import read_examples
from tests.support.tool_conversations import HERMES, QWEN

MASKED = {
    "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "terrible", "weight": 0},
        {"role": "user", "content": "again"},
        {"role": "assistant", "content": "splendid"},
        {"role": "user", "content": "more"},
        {"role": "assistant", "content": "awful", "weight": 0},
    ]
}
THINKING = {
    "messages": [
        {"role": "user", "content": "2+2?"},
        {"role": "assistant", "content": "It is 4.", "reasoning_content": "two and two"},
    ]
}
REASONS = QWEN.replace(
    "{%- set content = message.content %}",
    "{%- set thought = message.reasoning_content %}"
    "{%- set content = ('<think>\n' + thought + '\n</think>\n\n' if thought else '') + message.content %}",
)
"""Writes the field, and a thinking block without thoughts where there is none."""
OWN = {"hermes": HERMES, "qwen": QWEN, "reasons": REASONS}


def tokenizer_of(starter: Path, template: str) -> Any:
    if template in TEMPLATES:
        tokenizer = AutoTokenizer.from_pretrained(starter)
        tokenizer.chat_template = TEMPLATES[template].source
        return tokenizer
    tokenizer = load_chat_tokenizer(str(starter), "auto")
    tokenizer.chat_template = OWN[template]
    return tokenizer


def encoded(tokenizer: Any, row: dict[str, Any], *, answers_only: bool = True) -> Encoded:
    (result,) = Encoder(tokenizer, answers_only=answers_only).encode([row])
    assert isinstance(result, Encoded), result
    return result


def learned(tokenizer: Any, row: Encoded) -> str:
    return str(tokenizer.decode(row.ids[row.is_target]))


@pytest.mark.parametrize("answers_only", [True, False])
@pytest.mark.parametrize("template", [*TEMPLATES, *OWN])
def test_a_masked_answer_is_read_and_never_learned(starter: Path, template: str, answers_only: bool) -> None:
    tokenizer = tokenizer_of(starter, template)
    row = encoded(tokenizer, MASKED, answers_only=answers_only)
    for words in ("terrible", "awful"):
        assert words in row.text
        assert words not in learned(tokenizer, row)
    assert "splendid" in learned(tokenizer, row)
    assert ("again" in learned(tokenizer, row)) is not answers_only
    if not answers_only:
        plain = {"messages": [{k: v for k, v in turn.items() if k != "weight"} for turn in MASKED["messages"]]}
        whole = encoded(tokenizer, plain, answers_only=False)
        assert whole.is_target.sum() > row.is_target.sum() > encoded(tokenizer, MASKED).is_target.sum()


@pytest.mark.parametrize("template", [*TEMPLATES, *OWN])
def test_of_questions_with_the_weight_0_nothing_is_learned_where_all_words_are(starter: Path, template: str) -> None:
    tokenizer = tokenizer_of(starter, template)
    first, *rest = MASKED["messages"]
    row = {"messages": [{"role": "system", "content": "gruff", "weight": 0}, {**first, "content": "ahoy", "weight": 0},
                        *rest]}  # fmt: skip
    words = learned(tokenizer, encoded(tokenizer, row, answers_only=False))
    assert "ahoy" not in words
    assert "gruff" not in words
    assert "again" in words
    assert "ahoy" not in learned(tokenizer, encoded(tokenizer, row))


def spec(**data: Any) -> RunSpec:
    return read_spec({"data": {"name": "rows", "validation_split": 0.5, **data}, "training": {"max_length": 512}})


def write(folder: Path, *rows: dict[str, Any], kind: str = "chat") -> str:
    with RowFileWriter(folder / "rows.arrow", kind) as file:
        file.write(rows, range(1, len(rows) + 1), [0] * len(rows))
    return str(folder / "rows.arrow")


@pytest.mark.parametrize("answers_only", [True, False])
def test_training_and_validation_examples_have_no_label_there(
    starter: Path, tmp_path: Path, answers_only: bool
) -> None:
    tokenizer = tokenizer_of(starter, "chatml")
    rows = [{"messages": [{**MASKED["messages"][0], "content": f"hi {i}"}, *MASKED["messages"][1:]]} for i in range(4)]
    sets = read_examples(write(tmp_path, *rows), spec(answers_only=answers_only), tokenizer, tmp_path / "examples")
    for part in (sets.train, sets.evaluation):
        assert len(part) == 2
        for example in part.rows:
            words = tokenizer.decode(example["input_ids"][example["labels"] != -100])
            assert "splendid" in words
            assert "terrible" not in words
            assert "awful" not in words


def counted(starter: Path, folder: Path, template: str, *rows: dict[str, Any], **more: Any) -> tuple[Any, list[Any]]:
    request = CountTokensRequest.model_validate(
        {"rows_path": write(folder, *rows), "model": {"path": str(starter), "name": "m"}, "max_length": 512, **more}
    )
    summary = count_tokens(request, folder, tokenizer_of(starter, template))
    return summary, [problem for problem, _ in read_problems(folder / "problems.arrow")]


def test_the_tokens_of_masked_answers_are_counted_and_not_as_trained(starter: Path, tmp_path: Path) -> None:
    summary, problems = counted(starter, tmp_path, "chatml", MASKED)
    row = encoded(tokenizer_of(starter, "chatml"), MASKED)
    assert (summary.tokens, summary.trained) == (len(row), row.is_target.sum())
    assert not problems
    with ArrowFile(tmp_path / "tokens.arrow") as file:
        (flat,) = file.batch(0)["spans"].to_pylist()
    assert "splendid" in row.text[flat[0] : flat[1]]
    assert len(flat) == 2


@pytest.mark.parametrize("template", ["reasons", *TEMPLATES])
def test_reasoning_is_learned_as_part_of_the_answer_where_the_template_writes_it(
    starter: Path, tmp_path: Path, template: str
) -> None:
    tokenizer = tokenizer_of(starter, template)
    words = learned(tokenizer, encoded(tokenizer, THINKING))
    assert words.index("two and two") < words.index("It is 4.")
    assert not counted(starter, tmp_path, template, THINKING)[1]


def test_where_the_template_leaves_reasoning_out_that_is_said_of_each_row(starter: Path, tmp_path: Path) -> None:
    summary, problems = counted(starter, tmp_path, "hermes", THINKING, MASKED, THINKING)
    assert summary.problems == {"reasoning_dropped": 2}
    assert [(p.code, p.field, p.line) for p in problems] == [
        ("reasoning_dropped", "messages[1]", 1), ("reasoning_dropped", "messages[1]", 3),
    ]  # fmt: skip


def test_nothing_is_lost_of_a_masked_answer(starter: Path, tmp_path: Path) -> None:
    masked = {**THINKING["messages"][1], "weight": 0}
    row = {"messages": [THINKING["messages"][0], masked, *MASKED["messages"][2:4]]}
    assert not counted(starter, tmp_path, "hermes", row)[1]


def test_trimming_leaves_an_answer_to_learn_or_nothing(starter: Path) -> None:
    long = {
        "messages": [*MASKED["messages"][:2], *MASKED["messages"][2:3], {"role": "assistant", "content": "x " * 300}]
    }
    fine = {"messages": [*MASKED["messages"][2:4], *long["messages"][2:]]}
    trimmer = Trimmer(str(starter), "auto", 120)
    assert trimmer.trim([long, fine, MASKED]) == [None, {"messages": MASKED["messages"][2:4]}, MASKED]


def test_in_a_pair_too_a_masked_turn_is_never_learned(starter: Path, tmp_path: Path) -> None:
    tokenizer = tokenizer_of(starter, "chatml")
    sides = {side: [{"role": "assistant", "content": side}] for side in ("chosen", "rejected")}
    pair = {"prompt": MASKED["messages"][:3], **sides}
    objective = read_spec({"data": {"name": "rows"}, "objective": {"kind": "orpo"}, "training": {"max_length": 512}})
    sets = read_examples(write(tmp_path, pair, pair, kind="preference"), objective, tokenizer, tmp_path / "examples")
    (example,) = list(sets.train.rows)[:1]
    assert len(example["lengths"]) == 2
    words = tokenizer.decode(example["input_ids"][example["labels"] != -100])
    assert words == "".join(f"{side}{tokenizer.eos_token}" for side in sides)
