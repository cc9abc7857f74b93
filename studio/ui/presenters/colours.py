"""The colour of a run and its adapter: the same on every page, and for good.

A run's number is its id. What it ended with has its run's colour, so that a curve and its adapter go together; what was
kept from a checkpoint has one of its own beside it, as has an adapter without a run. 0 is grey, the base model's.
"""

from __future__ import annotations

from studio.store.tables.adapters import Adapter


def colour_of(adapter: Adapter) -> int:
    return adapter.id if adapter.checkpoint or adapter.run_id is None else adapter.run_id
