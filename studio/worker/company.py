"""What may stand beside a row in a batch of this model, so that the row stays what it is alone: found out by trying,
when it is first asked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cached_property

from studio.worker.adapter_shelf import AdapterShelf
from studio.worker.architecture import equal_rows_stand_alone, rows_stand_alone
from studio.worker.likelihood import padded_readings_stand_alone
from studio.worker.model import LoadedModel
from studio.worker.score_rules import set_aside

logger = logging.getLogger(__name__)

ANY_ROW = "In this model, the rows of a batch change each other."
OTHER_LENGTHS = "In this model, prompts of different lengths change each other in a batch."


class Company:
    """Not for several threads: all calls come from the one that generates."""

    def __init__(self, base: LoadedModel, shelf: AdapterShelf) -> None:
        self._base = base
        self._shelf = shelf

    def why_apart(self, lengths: Sequence[int]) -> str:
        """Why prompts of these lengths must not be answered in one batch; empty where they may."""
        if len(lengths) < 2:
            return ""
        if not self._equal_share:
            return ANY_ROW
        return "" if len(set(lengths)) == 1 or self._others_share else OTHER_LENGTHS

    def may_read_together(self, lengths: Sequence[int]) -> bool:
        """Whether texts of these lengths may be read in one batch, padded on the right."""
        if len(lengths) < 2:
            return True
        return self._equal_share and (len(set(lengths)) == 1 or self._others_read_together)

    @cached_property
    def _equal_share(self) -> bool:
        return self._found("rows of equal length", equal_rows_stand_alone)

    @cached_property
    def _others_share(self) -> bool:
        return self._found("prompts of different lengths", rows_stand_alone)

    @cached_property
    def _others_read_together(self) -> bool:
        return self._found("texts of different lengths, read", padded_readings_stand_alone)

    def _found(self, what: str, probe: Callable[..., bool]) -> bool:
        try:
            with self._shelf.serving([()]) as model, set_aside(model):
                stand_alone = probe(model, self._base.tokenizer.pad_token_id)
        except Exception:  # alone is right in any case
            logger.exception("Whether %s stand alone could not be found out", what)
            return False
        logger.info("In one batch, %s %s", what, "stand alone" if stand_alone else "change each other")
        return stand_alone
