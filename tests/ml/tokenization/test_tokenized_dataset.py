"""What a row becomes: token ids, and the tokens that are learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from studio.domain.chat.templates import TEMPLATES
from studio.domain.errors import StudioError
from studio.domain.spec.run_spec import RunSpec, read_spec
from studio.store.datasets.row_file import RowFileWriter
from studio.worker.tokenization.tokenized_dataset import TokenizedSplits, read_examples
from tests.support.tool_conversations import HERMES, WEATHER
from tests.support.training_jobs import conversation, write_rows


@pytest.fixture(scope="module")
def tokenizer(starter: Path) -> Any:
    return AutoTokenizer.from_pretrained(starter)


def with_tools(tokenizer: Any) -> Any:
    """A tokenizer like it whose chat template knows tools."""
    changed = AutoTokenizer.from_pretrained(tokenizer.name_or_path)
    changed.chat_template = HERMES
    return changed


def said(words: str) -> dict[str, Any]:
    return {"role": "assistant", "content": words}


def spec(*, max_length: int = 512, split: float = 0.0, **data: Any) -> RunSpec:
    return read_spec(
        {"data": {"name": "rows", "validation_split": split, **data}, "training": {"max_length": max_length}}
    )


def read(tmp_path: Path, rows: list[Any], spec: RunSpec, tokenizer: Any, kind: str = "") -> TokenizedSplits:
    """With a `kind`, from a file as datasets have it now; else from one as they had it before."""
    path = tmp_path / "rows.arrow"
    if kind:
        with RowFileWriter(path, kind) as file:
            file.write(rows, range(1, len(rows) + 1), [0] * len(rows))
    else:
        write_rows(path, rows)
    return read_examples(path, spec, tokenizer, tmp_path / "examples")


def learned_text(example: Any, tokenizer: Any) -> str:
    return tokenizer.decode(example["input_ids"][example["labels"] != -100])


TWO_TURNS = {
    "messages": [
        {"role": "user", "content": "Where to?"},
        {"role": "assistant", "content": "West — 西へ 🧭"},
        {"role": "user", "content": "And then?"},
        {"role": "assistant", "content": "Home."},
    ]
}


def test_only_answers_with_their_end_tokens_are_learned(tmp_path: Path, tokenizer: Any):
    train, _, _ = read(tmp_path, [TWO_TURNS], spec(), tokenizer)
    assert learned_text(train.rows[0], tokenizer) == "West — 西へ 🧭<|im_end|>Home.<|im_end|>"
    assert train.target_tokens == int((train.rows[0]["labels"] != -100).sum()) < train.tokens


def test_a_token_that_reaches_into_an_answer_is_learned_too(tmp_path: Path, tokenizer: Any):
    train, _, _ = read(tmp_path, [conversation("Where to?", "  Home.")], spec(), tokenizer)
    assert learned_text(train.rows[0], tokenizer) == "\n  Home.<|im_end|>"  # one token holds the line's end and blanks


def test_the_ids_are_those_that_the_chat_template_gives_when_the_model_is_used(tmp_path: Path, tokenizer: Any):
    train, _, _ = read(tmp_path, [TWO_TURNS], spec(), tokenizer)
    expected = tokenizer.apply_chat_template(TWO_TURNS["messages"], return_dict=True)["input_ids"]
    assert train.rows[0]["input_ids"].tolist() == expected


def test_labels_are_the_tokens_themselves(tmp_path: Path, tokenizer: Any):
    train, _, _ = read(tmp_path, [TWO_TURNS], spec(), tokenizer)
    row = train.rows[0]
    learned = row["labels"] != -100
    assert (row["labels"][learned] == row["input_ids"][learned]).all()


def test_all_words_are_learned_where_answers_only_is_off(tmp_path: Path, tokenizer: Any):
    train, _, _ = read(tmp_path, [TWO_TURNS], spec(answers_only=False), tokenizer)
    assert (train.rows[0]["labels"][1:] == train.rows[0]["input_ids"][1:]).all()
    assert train.rows[0]["labels"][0] == -100


def test_texts_are_learned_whole_and_end_with_the_end_token(tmp_path: Path, tokenizer: Any):
    train, _, _ = read(tmp_path, [{"text": "Once upon a time"}], spec(), tokenizer)
    assert tokenizer.decode(train.rows[0]["input_ids"]) == "Once upon a time<|im_end|>"
    assert (train.rows[0]["labels"][1:] == train.rows[0]["input_ids"][1:]).all()


def test_long_rows_are_cut_at_the_end_and_dropped_where_nothing_learned_is_left(tmp_path: Path, tokenizer: Any):
    rows = [conversation("Hello?", "Aye. " * 100), conversation("Well? " * 100, "Aye.")]
    train, _, _ = read(tmp_path, rows, spec(max_length=60), tokenizer)
    assert (len(train), train.dropped_rows) == (1, 1)
    assert len(train.rows[0]["input_ids"]) == 60 == train.tokens


def test_when_nothing_is_left_the_error_names_the_length(tmp_path: Path, tokenizer: Any):
    with pytest.raises(StudioError, match=r"first 20 tokens.*Raise max length"):
        read(tmp_path, [conversation("Well? " * 100, "Aye.")], spec(max_length=20), tokenizer)


def test_a_row_that_the_template_refuses_is_told_with_its_reason(tmp_path: Path, tokenizer: Any):
    tokenizer = AutoTokenizer.from_pretrained(tokenizer.name_or_path)
    tokenizer.chat_template = "{{ raise_exception('No such talk here') }}"
    with pytest.raises(StudioError, match="No such talk here"):
        read(tmp_path, [TWO_TURNS], spec(), tokenizer)


def test_chatml_ends_an_answer_with_the_models_own_end_token(tmp_path: Path, tokenizer: Any):
    tokenizer = AutoTokenizer.from_pretrained(tokenizer.name_or_path)
    tokenizer.chat_template = TEMPLATES["chatml"].source
    tokenizer.eos_token = "<|endoftext|>"
    train, _, _ = read(tmp_path, [conversation("Who?", "Me.")], spec(), tokenizer)
    assert learned_text(train.rows[0], tokenizer) == "Me.<|endoftext|>"


def test_of_a_preference_the_chosen_answer_is_learned(tmp_path: Path, tokenizer: Any):
    asked, good, bad = TWO_TURNS["messages"][:1], [said("Here.")], [said("Nowhere.")]
    rows = [{"prompt": asked, "chosen": good, "rejected": bad}]
    train, _, _ = read(tmp_path, rows, spec(), tokenizer, "preference")
    assert learned_text(train.rows[0], tokenizer) == "Here.<|im_end|>"


def test_of_rated_answers_those_rated_good_are_learned(tmp_path: Path, tokenizer: Any):
    asked = TWO_TURNS["messages"][:1]
    rows = [{"prompt": asked, "completion": [said(str(i))], "label": i % 2 == 1} for i in range(4)]
    train, _, (split,) = read(tmp_path, rows, spec(), tokenizer, "unpaired")
    assert [learned_text(row, tokenizer) for row in train.rows] == ["1<|im_end|>", "3<|im_end|>"]
    assert split.train.tolist() == [1, 3]


def test_a_call_of_a_tool_is_learned_and_what_the_tool_answers_is_not(tmp_path: Path, tokenizer: Any):
    tokenizer = with_tools(tokenizer)
    train, _, _ = read(tmp_path, [WEATHER], spec(), tokenizer, "chat")
    assert learned_text(train.rows[0], tokenizer) == (
        '<tool_call>\n{"name": "weather", "arguments": {"city": "Brest"}}\n</tool_call><|im_end|>Rain.<|im_end|>'
    )
    assert '"description": "The weather in a city"' in tokenizer.decode(train.rows[0]["input_ids"])


def test_a_template_without_tools_learns_words_only_and_never_to_say_nothing(tmp_path: Path, tokenizer: Any):
    train, _, _ = read(tmp_path, [WEATHER], spec(), tokenizer, "chat")
    assert learned_text(train.rows[0], tokenizer) == "Rain.<|im_end|>"


def test_a_validation_set_takes_the_place_of_the_split(tmp_path: Path, tokenizer: Any):
    path = write_rows(tmp_path / "rows.arrow", [conversation(f"Question {i}?", "Yes.") for i in range(10)])
    other = write_rows(tmp_path / "other.arrow", [conversation(f"Other {i}?", "No.") for i in range(3)])
    measured = spec(split=0.2, validation_name="other")
    train, evaluation, (split,) = read_examples(path, measured, tokenizer, tmp_path / "examples", validation=other)
    assert (len(train), len(evaluation)) == (10, 3)
    assert {learned_text(row, tokenizer) for row in evaluation.rows} == {"No.<|im_end|>"}
    assert split.evaluation.tolist() == [0, 1, 2]


def test_equal_rows_stand_on_one_side(tmp_path: Path, tokenizer: Any):
    rows = [conversation(f"Question {i % 10}?", "Yes.") for i in range(40)]
    train, evaluation, (split,) = read(tmp_path, rows, spec(split=0.5), tokenizer)
    texts = [{tokenizer.decode(row["input_ids"]) for row in part.rows} for part in (train, evaluation)]
    assert not texts[0] & texts[1]
    assert len(evaluation) + split.kept_together == 20


def test_validation_rows_are_not_among_those_trained_on(tmp_path: Path, tokenizer: Any):
    rows = [conversation(f"Question {i}?", f"Answer {i}.") for i in range(20)]
    train, evaluation, _ = read(tmp_path, rows, spec(split=0.2), tokenizer)
    texts = [{tokenizer.decode(row["input_ids"]) for row in part.rows} for part in (train, evaluation)]
    assert (len(train), len(evaluation)) == (16, 4)
    assert not texts[0] & texts[1]


def test_progress_counts_every_row_and_may_end_the_work(tmp_path: Path, tokenizer: Any):
    class Enough(Exception):
        pass

    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        if done >= 500:
            raise Enough

    path = write_rows(tmp_path / "rows.arrow", [{"text": f"Line {i}"} for i in range(1200)])
    with pytest.raises(Enough):
        read_examples(path, spec(), tokenizer, tmp_path / "examples", progress)
    assert seen == [(0, 0), (500, 1200)]
