"""Sweeps: runs with several values of some settings, queued together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from studio.domain.naming import check_name
from studio.domain.spec.run_spec import Values
from studio.domain.spec.sweep import combine, read_axes
from studio.services.runs.service import Runs
from studio.store.catalogue import Catalogue
from studio.store.tables.runs import Run


class Sweeps:
    def __init__(self, catalogue: Catalogue, runs: Runs) -> None:
        self._catalogue = catalogue
        self._runs = runs

    def submit(
        self, values: Values, axes: Mapping[str, str], name: str, *, key: str | None = None, owner: str = ""
    ) -> int:
        """Queues a run for each combination, or none where one of them cannot be; returns the sweep's id. `axes` are
        texts of values by knob, {"lora.r": "8, 16"}. The same `key` queues once.

        Raises:
            InvalidInput: a value, the name, model or dataset cannot be used; `fields` says which.
        """
        name = check_name(name)
        read = read_axes(axes)
        rows = [
            {**self._runs.prepare(each.spec, self._runs.free_name(f"{name}-{each.suffix}")), "owner": owner}
            for each in combine(values, read)
        ]
        return self._catalogue.add_sweep(rows, name=name, key=key, axes=read, owner=owner).id

    def runs(self, id: int) -> Sequence[Run]:
        """In the order they were queued. Raises NotFound."""
        self._catalogue.sweep(id)
        return self._catalogue.runs(sweep_id=id)[::-1]
