"""Scores given answers, batched where that changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from studio.domain.errors import StudioError
from studio.worker.decoding.detokenizer import IncrementalDetokenizer
from studio.worker.decoding.sequence import AdapterSet
from studio.worker.models.load import LoadedModel
from studio.worker.serving.adapter_manager import AdapterManager
from studio.worker.serving.batch_independence import BatchIndependence
from studio.worker.serving.log_likelihood import Text, TokenScores, portions, read_answers

logger = logging.getLogger(__name__)


class Scoring:
    """`texts` are read by the adapters of `adapter_sets`, both by the place of the question."""

    def __init__(
        self,
        base: LoadedModel,
        manager: AdapterManager,
        company: BatchIndependence,
        adapter_sets: Mapping[int, AdapterSet],
        texts: Mapping[int, Text],
    ) -> None:
        self._base = base
        self._manager = manager
        self._company = company
        self._adapter_sets = adapter_sets
        self._texts = texts

    def all(self) -> dict[int, dict[str, Any] | StudioError]:
        """By place: {"logprobs", "tokens": [text…], "likeliest": [{"id", "text"}…]}, or what went wrong. Call it in
        the thread that generates."""
        results: dict[int, dict[str, Any] | StudioError] = {}
        for places in self._batches():
            results |= self._together(places)
        return results

    def _batches(self) -> Iterator[list[int]]:
        """Of the places whose texts can be read together. Equal sets stand side by side."""
        width = self._base.model.config.get_text_config().vocab_size
        places = sorted(self._texts, key=lambda place: (self._adapter_sets[place], place))
        singles = [place for place in places if self._is_alone(self._adapter_sets[place])]
        yield from ([place] for place in singles)
        others = [place for place in places if place not in singles]
        for group in self._that_share(others):
            for part in portions([self._texts[place] for place in group], width):
                yield group[part]

    def _is_alone(self, adapter_set: AdapterSet) -> bool:
        try:
            return bool(self._manager.why_alone(adapter_set))
        except StudioError:  # removed since: its own turn will say so
            return True

    def _that_share(self, places: list[int]) -> list[list[int]]:
        length = {place: sum(map(len, self._texts[place])) for place in places}
        if self._company.may_read_together([length[place] for place in places]):
            return [places]
        groups = [[place for place in places if length[place] == n] for n in sorted(set(length.values()))]
        if all(self._company.may_read_together([length[place] for place in group]) for group in groups):
            return groups
        return [[place] for place in places]

    def _together(self, places: list[int]) -> dict[int, dict[str, Any] | StudioError]:
        try:
            with self._manager.active([self._adapter_sets[p] for p in places]) as model:
                pad = self._base.tokenizer.pad_token_id
                readings = read_answers(model, [self._texts[p] for p in places], pad=pad, device=self._base.device)
        except StudioError as fault:
            return dict.fromkeys(places, fault)
        except Exception as error:
            logger.exception("%d answers could not be read", len(places))
            reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
            reading_fault = StudioError("The model could not read the answer: {reason}.", reason=reason)
            return dict.fromkeys(places, reading_fault)
        return {
            place: self._payload(reading, self._texts[place][1])
            for place, reading in zip(places, readings, strict=True)
        }

    def _payload(self, reading: TokenScores, answer: Any) -> dict[str, Any]:
        stream = IncrementalDetokenizer(self._base.tokenizer)
        return {
            "logprobs": [round(p, 5) for p in reading.log_probabilities],
            "tokens": [stream.add(token) for token in answer],
            "likeliest": [{"id": t, "text": self._base.tokenizer.decode([t])} for t in reading.likeliest],
        }
