"""Several answers read by several models: what can share a batch does."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from itertools import groupby
from typing import Any

from studio.domain.errors import StudioError
from studio.worker.adapter_bank import Mix
from studio.worker.adapter_shelf import AdapterShelf
from studio.worker.likelihood import Reading, Text, portions, read_answers
from studio.worker.model import LoadedModel
from studio.worker.text_stream import TextStream

logger = logging.getLogger(__name__)


class Readings:
    """`texts` are read by the adapters of `mixes`, both by the place of the question."""

    def __init__(self, base: LoadedModel, shelf: AdapterShelf, mixes: Mapping[int, Mix], texts: Mapping[int, Text]):
        self._base = base
        self._shelf = shelf
        self._mixes = mixes
        self._texts = texts

    def all(self) -> dict[int, dict[str, Any] | StudioError]:
        """By place: {"logprobs", "tokens": [text…], "likeliest": [{"id", "text"}…]}, or what went wrong. Call it in
        the thread that generates."""
        places = sorted(self._texts, key=lambda place: (self._mixes[place], place))
        results: dict[int, dict[str, Any] | StudioError] = {}
        for alone, some in groupby(places, key=lambda place: self._own_batch(place)):
            group = list(some)
            width = self._base.model.config.get_text_config().vocab_size
            parts = [slice(i, i + 1) for i in range(len(group))] if alone else None
            for part in parts or portions([self._texts[p] for p in group], width):
                results |= self._together(group[part])
        return results

    def _own_batch(self, place: int) -> str:
        return self._shelf.why_alone(self._mixes[place])

    def _together(self, places: list[int]) -> dict[int, dict[str, Any] | StudioError]:
        try:
            with self._shelf.serving([self._mixes[p] for p in places]) as model:
                pad = self._base.tokenizer.pad_token_id
                found = read_answers(model, [self._texts[p] for p in places], pad=pad, device=self._base.device)
        except StudioError as fault:
            return dict.fromkeys(places, fault)
        except Exception as error:
            logger.exception("%d answers could not be read", len(places))
            reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
            unread = StudioError("The model could not read the answer: {reason}.", reason=reason)
            return dict.fromkeys(places, unread)
        return {place: self._told(reading, self._texts[place][1]) for place, reading in zip(places, found, strict=True)}

    def _told(self, reading: Reading, answer: Any) -> dict[str, Any]:
        stream = TextStream(self._base.tokenizer)
        return {
            "logprobs": [round(p, 5) for p in reading.log_probabilities],
            "tokens": [stream.add(token) for token in answer],
            "likeliest": [{"id": t, "text": self._base.tokenizer.decode([t])} for t in reading.likeliest],
        }
