"""Which settings differ between runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from studio.domain.spec.run_spec import whole_sections
from studio.store.tables.runs import Run

Settings = dict[str, Any]


@dataclass(frozen=True)
class SettingsDiff:
    """`values_by_run` has each run's values of the settings that are not the same in all, in the runs' order; `same`
    the others, once."""

    names: list[str]
    values_by_run: list[Settings]
    same: Settings


def compare_settings(runs: Sequence[Run]) -> SettingsDiff:
    """Settings by their place, such as "lora.r"; the dataset with its very version."""
    all_of_them = [
        {
            f"{section}.{field}": value
            for section, fields in whole_sections(run.spec).items()
            for field, value in fields.items()
        }
        | {"data.name": f"{run.dataset_name}@{run.dataset_version}"}
        for run in runs
    ]
    names = list(dict.fromkeys(name for settings in all_of_them for name in settings))
    changed_names = [name for name in names if len({repr(settings.get(name)) for settings in all_of_them}) > 1]
    return SettingsDiff(
        names=changed_names,
        values_by_run=[{name: settings.get(name) for name in changed_names} for settings in all_of_them],
        same={name: all_of_them[0].get(name) for name in names if name not in changed_names} if all_of_them else {},
    )
