"""Recognises the format of a file by its columns, and by what stands in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from studio.domain.datasets.columns import columns_of, nested_columns, value_of
from studio.domain.datasets.formats import PARTS, VERDICT_OF, Format, Layout, excerpt
from studio.domain.datasets.turns.lists import holds_turns, is_pair, is_turn
from studio.domain.datasets.turns.reader import ROLE_OF, parsed
from studio.domain.datasets.turns.spellings import ROLE_KEYS, as_turn
from studio.domain.datasets.turns.transcripts import transcript_turns
from studio.domain.errors import InvalidInput, StudioError

Rows = Sequence[Mapping[str, Any]]

_CHOSEN = (
    "chosen", "chosen_response", "response_chosen", "chosen_messages", "preferred_output", "preferred_response",
    "preferred", "accepted", "response_j",
)  # fmt: skip
_REJECTED = (
    "rejected", "rejected_response", "response_rejected", "rejected_messages", "non_preferred_output",
    "dispreferred_output", "dispreferred_response", "non_preferred", "dispreferred", "response_k",
)  # fmt: skip
_PROMPT = (
    "prompt", "question", "query", "input", "problem", "input_text", "text_input", "inputs", "问题", "提问",
)  # fmt: skip
_ANSWER = (
    "completion", "response", "solution", "answer", "output", "answers.text", "answers", "target", "output_text",
    "targets", "ideal", "reference_answer", "回答", "答案", "输出",
)  # fmt: skip
CONVERSATION = ("conversations", "conversation", "dialogue", "dialog", "turns", "transcript", "对话")
"""The names of columns that hold a conversation, beside “messages”."""
_LABEL = ("label", "labels", "category", "class", "topic", "intent", "sentiment")
_OPTIONAL: dict[str, Sequence[str]] = {
    "system": ("system", "system_prompt", "systeminstruction", "system_instruction", "system_message", "系统"),
    "tools": ("tools", "functions", "input.tools"),
    "label": _LABEL,
    "input": ("input", "context", "passage", "输入"),
    "history": ("history", "历史"),
    "reasoning": ("reasoning_content", "reasoning", "thinking", "complex_cot", "chain_of_thought", "cot"),
    "prompt": (
        "prompt",
        "question",
        "query",
        "instruction",
        "messages",
        "contents",
        *CONVERSATION,
        "input.messages",
        "input",
    ),
}


@dataclass(frozen=True)
class _Shape:
    """The spellings of each part's column that make a format, those that go before others first."""

    format: Format
    needed: Mapping[str, Sequence[str]]


# A file with the columns of several formats has the first of them.
_SHAPES = (
    _Shape(Format.PREFERENCE, {"chosen": _CHOSEN, "rejected": _REJECTED}),
    _Shape(
        Format.PREFERENCE,
        {
            "prompt": ("prompt", "question", "query", "instruction"),
            "chosen": ("response", "answer", "output", "completion"),
            "rejected": _REJECTED,
        },
    ),
    _Shape(Format.PREFERENCE, {"prompt": ("messages", *CONVERSATION), "rejected": _REJECTED}),
    _Shape(Format.PROMPT_COMPLETION, {"prompt": ("messages", "contents", *CONVERSATION), "completion": _ANSWER}),
    _Shape(Format.CHAT, {"messages": ("messages", "contents")}),
    _Shape(Format.SHAREGPT, {"messages": CONVERSATION}),
    _Shape(Format.ALPACA, {"instruction": ("instruction", "指令"), "output": ("output", "输出", *_ANSWER)}),
    _Shape(Format.PROMPT_COMPLETION, {"prompt": _PROMPT, "completion": _ANSWER}),
    _Shape(Format.TEXT, {"text": ("text", "content")}),
)
_MOSTLY = 0.9  # of the labels are verdicts: the others are faults
_VERDICTS = ("label", "kto_tag")
KNOWN_COLUMNS = frozenset(
    spelling
    for spellings in (*_OPTIONAL.values(), *(each for shape in _SHAPES for each in shape.needed.values()), _VERDICTS)
    for spelling in spellings
)
"""Every spelling of a column's name that some format knows, in lower case."""
_SURE_VERDICTS = frozenset(VERDICT_OF)
_OF_TURNS = ("messages", "contents", *CONVERSATION)
_PAIRS_OF_TEXTS = (
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("question1", "question2"),
    ("text1", "text2"),
)
"""Texts that a label is of together."""
_MAYBE_ANSWERS = (*(name for name in _ANSWER if "." not in name), "summary", "translation")


class UnclearFormat(InvalidInput):
    """The columns do not tell the format. `guess` is a layout that may be meant, for a person to look at;
    `is_ambiguous` where the columns are those of a format, and may be meant in another way too."""

    def __init__(self, problem: StudioError, rows: Rows, guess: Layout | None, *, is_ambiguous: bool = True) -> None:
        self.is_ambiguous = is_ambiguous
        self.columns = columns_of(rows)
        self.guess = guess
        super().__init__(problem.template, problem.remedy_template, **problem.values)


def recognise(rows: Rows) -> Layout:
    """The layout of a file from its first rows. Upper and lower case count as one.

    Raises:
        UnclearFormat: the columns are those of no format, or may be meant in two ways.
    """
    columns = columns_of(rows)
    column_by_spelling = {str(column).strip().lower(): column for column in reversed(columns)}
    for shape in _SHAPES:
        layout = _fit(shape, rows, column_by_spelling)
        if layout is not None:
            _check_text(layout, rows, column_by_spelling)
            return _layout_with_verdicts(layout, rows, column_by_spelling) or layout
    raise UnclearFormat(
        StudioError(
            "The columns match no known format: {columns}.",
            "Say which column holds what.",
            columns=", ".join(map(excerpt, columns[:20])) or "–",
        ),
        rows,
        guess(rows),
        is_ambiguous=False,
    )


def layout_of(rows: Rows) -> Layout | None:
    """As `recognise`, with the guess where it has to be asked for which of two is meant; None where there is none."""
    try:
        return recognise(rows)
    except UnclearFormat as unclear:
        return unclear.guess if unclear.is_ambiguous else None


def is_ambiguous(rows: Rows) -> bool:
    """Whether it has to be asked for which of two formats is meant."""
    try:
        recognise(rows)
    except UnclearFormat as unclear:
        return unclear.is_ambiguous
    return False


def is_known(rows: Rows) -> bool:
    """Whether their columns are those of a format, be it one that has to be asked for."""
    return layout_of(rows) is not None


def holds_conversation(row: Mapping[str, Any]) -> bool:
    """Whether turns stand in one of its columns, under a name that tells nothing."""
    layout = guess([row], pairs=False)
    return layout is not None and "messages" in layout.columns


def _fit(shape: _Shape, rows: Rows, column_by_spelling: Mapping[str, str]) -> Layout | None:
    columns: dict[str, str] = {}
    optional = {part: _OPTIONAL[part] for part in PARTS[shape.format].optional if part not in shape.needed}
    for part, spellings in {**shape.needed, **optional}.items():
        taken = {*columns.values(), *(column.partition(".")[0] for column in columns.values() if "." in column)}
        found = (_column(spelling, rows, column_by_spelling) for spelling in spellings)
        column = next((name for name in found if name is not None and name not in taken), None)
        if column is not None and _suits(shape.format, part, column, rows):
            columns[part] = column
        elif part in shape.needed:
            return None
    return Layout(shape.format, columns)


def _column(spelling: str, rows: Rows, column_by_spelling: Mapping[str, str]) -> str | None:
    outer, _, inner = spelling.partition(".")
    column = column_by_spelling.get(outer)
    if column is None or not inner:
        return column
    return f"{column}.{inner}" if any(value_of(row, f"{column}.{inner}") is not None for row in rows) else None


def _suits(format: Format, part: str, column: str, rows: Rows) -> bool:
    """Whether turns stand where they have to: a text in a column called “conversation” is something else, and turns are
    the question to an answer in another column only where they have none themselves."""
    values = [value for row in rows if (value := value_of(row, column)) is not None]
    if part == "prompt" and format is Format.PROMPT_COMPLETION and column.strip().lower() in _OF_TURNS:
        return bool(values) and all(map(_lacks_answer, values))
    if part != "messages":
        return True
    return not values or any(map(holds_turns, values))


def _lacks_answer(turns: Any) -> bool:
    """Whether they are turns, and the last one is not the assistant's."""
    turns = parsed(turns)
    last = as_turn(turns[-1]) if isinstance(turns, list) and turns and is_turn(turns[-1]) else {}
    role = next((last[key] for key in ROLE_KEYS if isinstance(last.get(key), str)), None)
    return role is not None and ROLE_OF.get(role.strip().lower()) != "assistant"


def _check_text(layout: Layout, rows: Rows, column_by_spelling: Mapping[str, str]) -> None:
    """Raises UnclearFormat where a text may be more than that."""
    if layout.format is not Format.TEXT:
        return
    text = layout.columns["text"]
    names = (column_by_spelling[name] for name in _MAYBE_ANSWERS if name in column_by_spelling)
    label = layout.columns.get("label") or next(names, None)
    if label is not None:
        raise UnclearFormat(
            StudioError(
                "“{label}” may be what the model is to answer to “{text}”, or only a label of it.",
                "Say which column holds what: as prompt and completion the label is learned, as plain text it is not.",
                text=excerpt(text), label=excerpt(label),
            ),
            rows,
            Layout(Format.PROMPT_COMPLETION, {"prompt": text, "completion": label}),
        )  # fmt: skip
    texts = [row[text] for row in rows if isinstance(row.get(text), str) and row[text].strip()]
    if texts and all(map(transcript_turns, texts)):
        raise UnclearFormat(
            StudioError(
                "“{text}” has conversations written out as text.",
                "Read as chat messages, only the answers are learned; as plain text, every word is.",
                text=excerpt(text),
            ),
            rows,
            Layout(Format.CHAT, {"messages": text}),
        )


def _layout_with_verdicts(layout: Layout, rows: Rows, column_by_spelling: Mapping[str, str]) -> Layout | None:
    """The layout with verdicts, where a column says of each answer whether it is good."""
    if layout.format in (Format.TEXT, Format.PREFERENCE):
        return None
    columns = [column_by_spelling[spelling] for spelling in _VERDICTS if spelling in column_by_spelling]
    shares = {column: _share_of_verdicts(rows, column) for column in columns}
    label = max(shares, key=lambda column: shares[column], default=None)
    if label is None or not shares[label]:
        return None
    if shares[label] < _MOSTLY:
        raise unclear_verdicts(layout, label, rows)
    return with_verdicts(layout, label)


def with_verdicts(layout: Layout, label: str) -> Layout:
    """The same with a column that says of each answer whether it is good."""
    names = {"instruction": "prompt", "output": "completion"} if layout.format is Format.ALPACA else {}
    parts = {names.get(part, part): column for part, column in layout.columns.items()}
    return Layout(Format.UNPAIRED, {**parts, "label": label})


def unclear_verdicts(layout: Layout, label: str, rows: Rows) -> UnclearFormat:
    return UnclearFormat(
        StudioError(
            "“{label}” may say whether an answer is good, or be only a label of the row.",
            "As rated answers, only those rated good are learned; as any other format, all are.",
            label=excerpt(label),
        ),
        rows,
        with_verdicts(layout, label),
    )


def are_verdicts(labels: Iterable[str]) -> bool:
    """Whether each of them says good or bad."""
    return all(label.strip().lower() in _SURE_VERDICTS for label in labels)


def _share_of_verdicts(rows: Iterable[Mapping[str, Any]], column: str) -> float:
    """Of the cells that are filled."""
    values = [
        value for row in rows if (value := str(row.get(column, "") if row.get(column) is not None else "").strip())
    ]
    return sum(map(are_verdicts, ([value] for value in values))) / len(values) if values else 0.0


def _longest_text(rows: Rows, columns: Iterable[str]) -> str | None:
    lengths = {name: sum(len(row[name]) for row in rows if isinstance(row.get(name), str)) for name in columns}
    longest = max(lengths, key=lambda name: lengths[name], default=None)
    return longest if longest is not None and lengths[longest] else None


def guess(rows: Rows, *, pairs: bool = True) -> Layout | None:
    """What the columns may be by what they hold: turns, a transcript, a text and its label, a shorter and a longer
    text, or one text; beside a system message, where a column has its name."""
    system = next((column for column in columns_of(rows) if column.strip().lower() in _OPTIONAL["system"]), None)
    others = [{column: value for column, value in row.items() if column != system} for row in rows]
    layout = _guess(others, pairs)
    if system is None or layout is None or layout.format is Format.TEXT:
        return layout if system is None else _guess(rows, pairs)
    return Layout(layout.format, {**layout.columns, "system": system})


def _guess(rows: Rows, pairs: bool) -> Layout | None:
    columns = columns_of(rows)
    nested = [*columns, *nested_columns(rows)]
    for column in nested:
        value = next((value for row in rows if (value := value_of(row, column)) is not None), None)
        if not isinstance(value, list) or not value or not (is_turn(value[0]) or (pairs and is_pair(value[0]))):
            continue
        answer = _longest_text(rows, [each for each in columns if each != column]) if _lacks_answer(value) else None
        if answer is not None:
            return Layout(Format.PROMPT_COMPLETION, {"prompt": column, "completion": answer})
        format = Format.SHAREGPT if {"from", "value"} <= value[0].keys() else Format.CHAT
        return Layout(format, {"messages": column})
    words = {column: [v for row in rows if isinstance(v := value_of(row, column), str)] for column in nested}
    texts = [column for column in columns if any(map(str.strip, words[column]))]
    texts = texts or [column for column in nested if any(map(str.strip, words[column]))]
    for text in texts:
        if all(map(transcript_turns, filter(str.strip, words[text]))):
            return Layout(Format.CHAT, {"messages": text})
    label = next((column for column in columns if column.strip().lower() in _LABEL), None)
    length = {text: sum(map(len, words[text])) for text in texts}
    by_length = sorted(texts, key=lambda c: -length[c])
    if label is not None and (others := [text for text in by_length if text != label]):
        for first, second in _PAIRS_OF_TEXTS:
            if first in others and second in others:
                return Layout(Format.PROMPT_COMPLETION, {"prompt": first, "input": second, "completion": label})
        return Layout(Format.PROMPT_COMPLETION, {"prompt": others[0], "completion": label})
    if len(texts) == 1:
        return Layout(Format.TEXT, {"text": texts[0]})
    if len(texts) < 2:
        return None
    two = sorted(by_length[:2], key=nested.index)
    return Layout(Format.PROMPT_COMPLETION, dict(zip(("prompt", "completion"), two, strict=True)))
