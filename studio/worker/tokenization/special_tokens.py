"""Special tokens that occur in plain text, where they would be taken for a turn's start or end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any


class SpecialTokens:
    """Those that the tokenizer names, and those that it was given beside its vocabulary and marks as special."""

    def __init__(self, tokenizer: Any) -> None:
        tokens = set(tokenizer.all_special_tokens)
        tokens |= {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
        # Shortest last, so that what is found is the longest; without any, a pattern that never fits.
        self._pattern = re.compile("|".join(map(re.escape, sorted(tokens - {""}, key=len, reverse=True))) or r"(?!)")

    def find(self, texts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        """(name, token) for each (name, text) that has one: the first in it."""
        for name, text in texts:
            if match := self._pattern.search(text):
                yield name, match[0]
