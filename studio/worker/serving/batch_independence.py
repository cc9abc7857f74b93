"""Which rows may share a batch of this model without changing each other's answers: found by trying, when the model is
checked or first asked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from studio.domain.translation import N_
from studio.worker.decoding.logits_rules import set_aside
from studio.worker.models.load import LoadedModel
from studio.worker.models.probes import equal_rows_stand_alone, rows_stand_alone
from studio.worker.serving.adapter_manager import AdapterManager
from studio.worker.serving.log_likelihood import padded_readings_stand_alone

logger = logging.getLogger(__name__)

ANY_ROW = N_("In this model, the rows of a batch affect each other.")
OTHER_LENGTHS = N_("In this model, prompts of different lengths affect each other in a batch.")

Probe = Callable[[Any, int], bool]
PROBES: dict[str, Probe] = {
    "equal_lengths": equal_rows_stand_alone,
    "any_lengths": rows_stand_alone,
    "readings": padded_readings_stand_alone,
}
"""What may share a batch: prompts of one length, prompts of any length, and texts of any length that are read."""


def try_batches(model: Any, pad: int) -> dict[str, bool]:
    """Of each of PROBES, whether it may."""
    return {name: _stand_alone(probe, model, pad) for name, probe in PROBES.items()}


def _stand_alone(probe: Probe, model: Any, pad: int) -> bool:
    try:
        with set_aside(model):
            return probe(model, pad)
    except Exception:  # alone is right in any case
        logger.exception("Whether rows stand alone could not be found out")
        return False


class BatchIndependence:
    """Not for several threads: all calls come from the one that generates. `known_results` is what try_batches has
    found of this model before; what is not in it is tried when it is needed, which takes seconds."""

    def __init__(
        self, base: LoadedModel, manager: AdapterManager, known_results: Mapping[str, bool] | None = None
    ) -> None:
        self._base = base
        self._manager = manager
        self._results = dict(known_results or {})

    def why_apart(self, lengths: Sequence[int]) -> str:
        """Why prompts of these lengths must not be answered in one batch; empty where they may."""
        if len(lengths) < 2:
            return ""
        if not self._may("equal_lengths"):
            return ANY_ROW
        return "" if len(set(lengths)) == 1 or self._may("any_lengths") else OTHER_LENGTHS

    def may_read_together(self, lengths: Sequence[int]) -> bool:
        """Whether texts of these lengths may be read in one batch, padded on the right."""
        if len(lengths) < 2:
            return True
        return self._may("equal_lengths") and (len(set(lengths)) == 1 or self._may("readings"))

    def _may(self, what: str) -> bool:
        if what not in self._results:
            with self._manager.active([()]) as model:
                self._results[what] = _stand_alone(PROBES[what], model, self._base.tokenizer.pad_token_id)
            logger.info("In one batch, %s: %s", what, "stand alone" if self._results[what] else "change each other")
        return self._results[what]
