"""What cleaning would do, before it is done: how many rows and places, and the first of them before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from studio.domain.datasets.clean_actions import ACTIONS, Action, CleanActions, Value
from studio.domain.datasets.healing import HEALING, healed, parse_raw
from studio.domain.datasets.row_parts import Row
from studio.domain.datasets.rows import draft_row
from studio.domain.datasets.text_mending import TEXT_ACTIONS, mend_row, replace_secrets
from studio.domain.graphemes import cut
from studio.domain.jobs.ingest import layouts_of_files
from studio.services.datasets.cleaning import check_can_be_cleaned, problem_paths
from studio.services.datasets.editing import readable
from studio.services.datasets.token_counts import TokenCount
from studio.store.datasets.folder import NEAR_FILE, PROBLEMS, REFUSED
from studio.store.datasets.near_file import near_rows
from studio.store.datasets.problem_file import ProblemLookup, row_of_refused, rows_with
from studio.store.datasets.refused_file import read_refused
from studio.store.datasets.row_file import RowLookup
from studio.store.tables.datasets import Dataset

SHOWN = 5  # examples of each action
MAX_LOOKED_AT = 5000  # rows in which places are counted; in more, it would take too long to wait for
_AROUND = 60  # characters of an example before what is changed, and twice as many from there on


@dataclass(frozen=True)
class Example:
    """A text that is changed, by its part around the first change. `row` counts from 0 on, among the rows that could
    not be used where `refused`."""

    row: int
    refused: bool
    line: int
    field: str
    before: str
    after: str


@dataclass
class Effect:
    """What one action does after those before it. `rows` is None where only a count of tokens can tell; more than that
    are meant where it is `at_least`."""

    action: str
    value: Value
    rows: int | None = 0
    places: int = 0
    at_least: bool = False
    examples: list[Example] = field(default_factory=list)


@dataclass(frozen=True)
class Preview:
    """`rows` and `bad_rows` are how many there would be."""

    effects: list[Effect]
    rows: int
    bad_rows: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def preview(
    dataset: Dataset, actions: CleanActions, *, token_count: TokenCount | None = None, shown: int = SHOWN
) -> Preview:
    """Raises InvalidInput where the dataset cannot be cleaned."""
    check_can_be_cleaned(dataset)
    effects = {action.name: Effect(action.name, value) for action, value in actions.items()}
    is_counted = token_count is not None and token_count.status == "done"
    with readable(dataset):
        healed_rows, left = _heal(dataset, [effects[name] for name in HEALING if name in effects], shown)
        removed: set[int] = set()
        for action, value in actions.items():
            effect = effects[action.name]
            if action.name in HEALING or action.name in TEXT_ACTIONS:
                continue
            rows = _rows_with(dataset, action, value, token_count if is_counted else None) - removed
            effect.rows = len(rows)
            if action.changes_rows:
                effect.rows = len(rows) if is_counted else None
                continue
            removed |= rows
            if action.traits.skips_bad_rows:
                effect.rows += left
                left = 0
        texts = [effects[name] for name in TEXT_ACTIONS if name in effects]
        if texts:
            _mend(dataset, texts, healed_rows, removed, shown)
    rows_left = dataset.rows - len(removed) + len(healed_rows)
    return Preview(list(effects.values()), rows_left, left)


def _rows_with(dataset: Dataset, action: Action, value: Value, token_count: TokenCount | None) -> set[int]:
    if isinstance(value, float):  # near duplicates from a threshold on
        exact = rows_with(dataset.own_folder / PROBLEMS, action.fixes("exact"))
        return exact | near_rows(dataset.own_folder / NEAR_FILE, value)
    paths = problem_paths(dataset, token_count.folder if token_count else None)
    return {row for path in paths for row in rows_with(path, action.fixes(value))}


@dataclass(frozen=True)
class _HealedRow:
    number: int
    line: int
    row: Row


def _heal(dataset: Dataset, effects: Sequence[Effect], shown: int) -> tuple[list[_HealedRow], int]:
    """The rows that the actions make usable, and how many stay that are not."""
    by_name = {effect.action: effect for effect in effects}
    rows: list[_HealedRow] = []
    if effects:
        layouts = layouts_of_files(dataset.details)
        with ProblemLookup(dataset.own_folder / PROBLEMS) as problems:
            for number, refused in read_refused(dataset.own_folder / REFUSED):
                if refused.raw is None or not refused.parsed:
                    continue
                layout = layouts[min(refused.file, len(layouts) - 1)]
                raw = parse_raw(refused.raw)
                own = problems.of(row_of_refused(number))
                mended = healed(layout, raw, own, refused.line, refused.file, by_name)
                if mended is None:
                    continue
                rows.append(_HealedRow(number, refused.line, mended.row))
                for name in mended.actions:
                    effect = by_name[name]
                    effect.rows = (effect.rows or 0) + 1
                    effect.places += 1
                    if len(effect.examples) < shown:
                        draft, _, _ = draft_row(layout, raw, refused.line, refused.file)
                        before, after = _differing_turns(_turns(draft), _turns(mended.row))
                        example = Example(number, True, refused.line, own[0].field, before, after)
                        effect.examples.append(example)
    return rows, dataset.bad_rows - len(rows)


def _turns(row: Row) -> list[str]:
    return [
        f"{turn['role']}: {turn['content']}"
        for part in ("messages", "prompt", "completion")
        for turn in row.get(part, ())
    ]


def _differing_turns(before: list[str], after: list[str]) -> tuple[str, str]:
    """What is behind the turns that both begin with, in short."""
    same = next((i for i, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), len(after))
    return cut("\n\n".join(before[same:]), 3 * _AROUND), cut("\n\n".join(after[same:]), 3 * _AROUND)


def _mend(
    dataset: Dataset, effects: Sequence[Effect], healed_rows: Iterable[_HealedRow], removed: set[int], shown: int
) -> None:
    """Each of the effects in turn, on every row that has what it mends."""
    rows_by_action = {
        effect.action: rows_with(dataset.own_folder / PROBLEMS, ACTIONS[effect.action].fixes(effect.value)) - removed
        for effect in effects
    }
    numbers = sorted(set().union(*rows_by_action.values()))
    too_many = len(numbers) > MAX_LOOKED_AT
    if numbers:
        with RowLookup(dataset.rows_path) as lookup:
            for number in numbers[:MAX_LOOKED_AT]:
                (row,), ((line, _),) = lookup.rows([number]), lookup.places([number])
                own = [effect for effect in effects if number in rows_by_action[effect.action]]
                _mend_one(row, own, shown, number=number, refused=False, line=line)
    for one in healed_rows:
        _mend_one(one.row, effects, shown, number=one.number, refused=True, line=one.line)
    for effect in effects:
        if too_many:
            effect.rows = max(effect.rows or 0, len(rows_by_action[effect.action]))
            effect.at_least = True


def _mend_one(row: Row, effects: Sequence[Effect], shown: int, **place: Any) -> None:
    for effect in effects:
        changes: list[tuple[str, str, str]] = []
        mend = TEXT_ACTIONS[effect.action]
        places = 0

        def counted(text: str, mend: Callable[[str], tuple[str, int]] = mend) -> tuple[str, int]:
            nonlocal places
            new, count = mend(text)
            places += count
            return new, count

        row = mend_row(row, counted, lambda path, old, new: changes.append((path, old, new)))  # noqa: B023
        if not changes:
            continue
        effect.rows = (effect.rows or 0) + 1
        effect.places += places
        if len(effect.examples) < shown:
            path, old, new = changes[0]
            before, after = _around(old, new)
            effect.examples.append(Example(place["number"], place["refused"], place["line"], path, before, after))


def _around(old: str, new: str) -> tuple[str, str]:
    """Both texts from a little before where they begin to differ; secrets are shown by their beginning alone."""
    old, new = (replace_secrets(text, lambda secret: secret[:4] + "…")[0] for text in (old, new))
    same = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    start = max(0, same - _AROUND)
    before, after = (
        ("…" if start else "") + cut(text, 3 * _AROUND) + ("…" if len(text) > 3 * _AROUND else "")
        for text in (old[start:], new[start:])
    )
    return before, after
