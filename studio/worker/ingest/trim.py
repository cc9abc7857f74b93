"""Trims rows to max length: a conversation by whole exchanges, a text at a token boundary."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from studio.domain.chat.templates import TemplateChoice
from studio.domain.datasets.row_parts import Row, pair_contents, trained_content
from studio.domain.datasets.turns.fields import all_learned, teaches
from studio.domain.errors import StudioError
from studio.worker.tokenization.encoder import Encoded, Encoder
from studio.worker.tokenization.load import load_chat_tokenizer


class Trimmer:
    """Trims rows to `max_length` tokens of the model whose tokenizer stands at `tokenizer_path`.

    Raises:
        StudioError: the tokenizer cannot be used, or a chat template is chosen and the model has its own.
    """

    def __init__(self, tokenizer_path: str, chat_template: TemplateChoice, max_length: int) -> None:
        self._encoder = Encoder(load_chat_tokenizer(tokenizer_path, chat_template), answers_only=False)
        self._max_length = max_length

    def trim(self, rows: Sequence[Row]) -> list[Row | None]:
        """Each row (all of one kind) as it is where it fits, else shorter, or None where that cannot be.

        A conversation loses exchanges from its end, and ends with an answer. A preference that is too long has no
        shorter form. What the chat template refuses is left as it is: that it is too long is not what is wrong with it.
        """
        versions = [_read(row) for row in rows]
        lengths = iter(self._lengths([version for of_row in versions for version in of_row]))
        longest = [max([next(lengths) for _ in of_row], default=0) for of_row in versions]
        return [
            row if length <= self._max_length else self._trim(row) for row, length in zip(rows, longest, strict=True)
        ]

    def _lengths(self, contents: Sequence[Row]) -> list[int]:
        return [
            len(encoded_row) if isinstance(encoded_row, Encoded) else 0
            for encoded_row in self._encoder.encode(contents)
        ]

    def _trim(self, row: Row) -> Row | None:
        if "messages" in row:
            return self._fewer_turns(row)
        return self._shorter_text(row) if "text" in row else None

    def _fewer_turns(self, row: Row) -> Row | None:
        turns = row["messages"]
        ends = [
            i + 1
            for i, turn in enumerate(turns)
            if turn["role"] == "assistant" and (i + 1 == len(turns) or turns[i + 1]["role"] == "user")
        ]
        fitting = bisect_right(ends, self._max_length, key=lambda end: self._length(row | {"messages": turns[:end]}))
        if not fitting or not teaches(turns[: ends[fitting - 1]]):
            return None
        return row | {"messages": turns[: ends[fitting - 1]]}

    def _length(self, row: Row) -> int:
        """Of a conversation that the template refuses because of where it ends: too long."""
        (encoded_row,) = self._encoder.encode(_read(row))
        return len(encoded_row) if isinstance(encoded_row, Encoded) else self._max_length + 1

    def _shorter_text(self, row: Row) -> Row | None:
        text = row["text"]
        while text.strip():
            (encoded_row,) = self._encoder.encode([{"text": text}])
            if isinstance(encoded_row, StudioError) or len(encoded_row) <= self._max_length:
                return row | {"text": text}
            # What is left may have a token more than it had within the whole: then the next one goes, too.
            over = len(encoded_row) - self._max_length
            ends = encoded_row.offsets[encoded_row.offsets[:, 0] < encoded_row.offsets[:, 1], 1]
            token_ends = ends[: max(0, len(ends) - over)]
            token_ends = token_ends[token_ends < len(text)]  # the tokens of one character end in the same place
            text = text[: token_ends[-1]] if len(token_ends) else ""
        return None


def _read(row: dict[str, Any]) -> list[Row]:
    """All that training may make of a row, and must fit: of a preference the two answers with their prompt."""
    if "rejected" in row:
        contents = pair_contents(row)
    else:
        content = trained_content(row | {"label": True} if "completion" in row else row)
        contents = [] if content is None else [content]
    return [
        content | {"messages": all_learned(content["messages"])} if "messages" in content else content
        for content in contents
    ]  # what is learned makes no difference to the length
