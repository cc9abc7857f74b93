"""Which list of a JSON document holds its rows: also in columns, in tables, and inside of other rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from studio.domain.datasets.columns import value_of
from studio.domain.datasets.formats import PARTS
from studio.domain.datasets.notes import Notes
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.read_questions import MAX_CHOICES, ReadChoice, UnclearReading, preview_of
from studio.domain.datasets.recognition import holds_conversation, is_ambiguous, is_known, layout_of
from studio.domain.datasets.turns.lists import are_answers, is_pair
from studio.domain.datasets.turns.lists import is_turn as is_any_turn
from studio.domain.errors import InvalidInput
from studio.domain.translation import N_
from studio.worker.ingest.readers.item import Item, as_json
from studio.worker.ingest.readers.shapes.columns import is_conversation, is_turn, rows_of_columns

_LEVELS = 3  # of objects in objects that are looked into for lists, and of lists in rows
_SAMPLED = 20  # rows
_MAX_PATHS = 50  # inside of a row: each costs a look at all columns
_MAX_LISTED = 20  # lists, in a message
ALL = "*"
"""Chosen: all lists together."""
EACH = "[]"
"""Chosen: each element of the document, or each line, is a row as it is."""
_SQUAD = ("paragraphs", "qas")


@dataclass(frozen=True)
class RowsPath:
    """Where the rows are: in the lists at `lists` (keys in keys), and there in each element behind `inner` keys."""

    text: str
    lists: tuple[tuple[str, ...], ...]
    inner: tuple[str, ...] = ()


class WholeDocument:
    def __init__(self, value: dict[str, Any], file: str, chosen: str, notes: Notes) -> None:
        self._value = value
        self._file = file
        self._chosen = chosen
        self._notes = notes

    def rows(self) -> list[Any]:
        """Raises InvalidInput, UnclearReading: see rows_path."""
        path = rows_path(self._value, self._file, self._chosen)
        return [self._value] if path is None else self._rows_at(path)

    def _rows_at(self, path: RowsPath) -> list[Any]:
        if any(isinstance(_value_at(self._value, keys), dict) for keys in path.lists):
            self._notes.add("rows_of_columns", rows=0)
        if path.inner:
            self._notes.add("rows_inside", rows=0, path=path.text)
        return _rows_at(_all_lists(self._value), path)


def rows_path(
    value: Mapping[str, Any], file: str, chosen: str, counts: Mapping[str, int] | None = None
) -> RowsPath | None:
    """Where the object has its rows; None where it is a row itself.

    Args:
        counts: How many elements the lists have, where only the first of each are given.

    Raises:
        UnclearReading: several of its lists may be.
        InvalidInput: none is, or it has no such list as was chosen.
    """
    lists = _all_lists(value)
    fitting = [keys for keys, rows in lists.items() if fits(rows)]
    inside = [] if fitting else [
        path for keys, rows in lists.items() for path in _inside(rows, keys) if _inner_fits(rows, path)
    ]  # fmt: skip
    plain = [RowsPath(".".join(keys), (keys,)) for keys in lists]
    paths = plain + [path for keys, rows in lists.items() for path in _inside(rows, keys)]
    together = (
        RowsPath(ALL, tuple(fitting)) if len(fitting) > 1 and _are_alike([lists[keys] for keys in fitting]) else None
    )
    if chosen == EACH or (not chosen and _is_one_row(value)):
        return None
    if chosen:
        return _chosen([path for path in [*paths, together] if path], file, chosen)
    if len(fitting) == 1:
        return RowsPath(".".join(fitting[0]), (fitting[0],))
    if squad := _squad(inside):
        return squad
    if len(lists) == 1 and not inside:
        return plain[0]
    if not lists:
        raise InvalidInput(
            "“{file}” is an object without a list of rows in it.",
            "Save the rows as a JSON array, or one object per line as .jsonl.",
            file=file,
        )
    offered = [path for path in plain if path.lists[0] in fitting] or [*inside, *plain]
    raise UnclearReading(
        "“{file}” has {count} lists that may be its rows.", "Say which holds the rows.", "rows",
        [_choice(lists, path, counts or {}) for path in [*offered[: MAX_CHOICES - 1], together] if path],
        file=file, count=len(offered),
    )  # fmt: skip


def holds_rows(value: Mapping[str, Any]) -> bool:
    """Rather than being a row."""
    return not _is_one_row(value) and bool(_all_lists(value))


def wraps_rows(value: Mapping[str, Any]) -> bool:
    """Rather than being a row, beyond doubt: it holds nothing but one list of rows, and what is said of it."""
    if (rows := rows_of_columns(value)) is not None:
        return _surely_fit(rows)
    lists = [inner for inner in value.values() if isinstance(inner, list)]
    return not _is_one_row(value) and len(lists) == 1 and _surely_fit(lists[0])


def _surely_fit(rows: Sequence[Any]) -> bool:
    objects = [row for row in rows[:_SAMPLED] if isinstance(row, dict)]
    return any(map(is_conversation, rows[:_SAMPLED])) if not objects else fits(rows) and not is_ambiguous(objects)


def unnested(items: Iterator[Item], first: Sequence[Item], file: str, chosen: str, notes: Notes) -> Iterator[Item]:
    """The items; or what is inside of them, where their own columns fit no format, and a person has said so.

    Raises:
        UnclearReading: the rows may be inside.
        InvalidInput: there is no such list inside as was chosen.
    """
    rows = [item[1] for item in first if not isinstance(item, Problem) and isinstance(item[1], dict)]
    if not rows or (chosen and not chosen.startswith(f"{EACH}.")):
        return items
    if chosen:
        path = _chosen(_inside(rows, ()), file, chosen)
        notes.add("rows_inside", rows=0, path=path.text)
        return flattened(items, path, notes)
    if all(_tree_in(row) is not None for row in rows):
        notes.add("rows_inside", rows=0, path="[].replies")
        return _messages_of_trees(items)
    if fits(rows) or not (paths := [path for path in _inside(rows, ()) if _inner_fits(rows, path)]):
        return items
    if squad := _squad(paths):
        notes.add("rows_inside", rows=0, path=squad.text)
        return flattened(items, squad, notes)
    as_they_are = ReadChoice(
        value=EACH, label=N_("Each row as it is"), preview=preview_of([_shown(row) for row in rows[:_SAMPLED]])
    )
    raise UnclearReading(
        "The columns of “{file}” fit no format, but there are rows inside of them.",
        "Say which are the rows.",
        "rows",
        [*(_inside_choice(rows, path) for path in paths), as_they_are],
        file=file,
    )


def _tree_in(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The first message of a thread, with the replies to it inside, as OpenAssistant's trees have them."""
    for message in (row, row.get("prompt")):
        if isinstance(message, dict) and {"message_id", "text", "role", "replies"} <= message.keys():
            return message
    return None


def _messages_of_trees(items: Iterator[Item]) -> Iterator[Item]:
    """Each message as a row that names the one that it answers."""
    for item in items:
        tree = None if isinstance(item, Problem) or not isinstance(item[1], dict) else _tree_in(item[1])
        if isinstance(item, Problem) or tree is None:
            yield item
            continue
        left: list[tuple[Any, Mapping[str, Any]]] = [(None, tree)]
        while left:
            parent, message = left.pop()
            yield item[0], {**{k: v for k, v in message.items() if k != "replies"}, "parent_id": parent}
            replies = message.get("replies")
            answers = [each for each in replies if isinstance(each, dict)] if isinstance(replies, list) else []
            left += [(message.get("message_id"), each) for each in reversed(answers)]


def flattened(items: Iterator[Item], path: RowsPath, notes: Notes) -> Iterator[Item]:
    """What is inside of the items, each with the line of the item."""
    for item in items:
        if isinstance(item, Problem) or not isinstance(item[1], dict):
            yield item
            continue
        count = 0
        for row in _inner_rows(item[1], path.inner):
            count += 1
            yield item[0], row
        if not count:
            notes.add("nothing_inside", item[0], path=path.text)


def _chosen(paths: Sequence[RowsPath], file: str, chosen: str) -> RowsPath:
    for path in paths:
        if path.text == chosen:
            return path
    raise InvalidInput(
        "“{file}” has no list of rows at “{rows}”.", "It has {lists}.",
        file=file, rows=chosen, lists=", ".join(path.text for path in paths[:_MAX_LISTED]) or "–",
    )  # fmt: skip


def _all_lists(value: Mapping[str, Any]) -> dict[tuple[str, ...], list[Any]]:
    return dict(_lists_in(value, (), _LEVELS)) or dict(_lists_in(value, (), _LEVELS, texts=True))


def _value_at(value: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        value = value[key]
    return value


def _lists_in(
    value: Any, keys: tuple[str, ...], levels: int, texts: bool = False
) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    """Every list of objects, or of lists of turns, and what holds rows in another form; not those inside of rows. Or
    those of texts."""
    if isinstance(value, list):
        if any(isinstance(each, str) if texts else isinstance(each, dict) or is_conversation(each) for each in value):
            yield keys, value
    elif isinstance(value, dict):
        if (rows := rows_of_columns(value)) is not None:
            yield keys, rows
        elif levels:
            for key, inner in value.items():
                yield from _lists_in(inner, (*keys, key), levels - 1, texts)


def _rows_at(lists: Mapping[tuple[str, ...], list[Any]], path: RowsPath) -> list[Any]:
    rows = [row for keys in path.lists for row in lists[keys]]
    if not path.inner:
        return rows
    return [inner for row in rows for inner in (_inner_rows(row, path.inner) if isinstance(row, dict) else [row])]


def _inner_rows(row: Mapping[str, Any], inner: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The objects behind these keys, each with what stands beside its list."""
    if not inner:
        answers = row.get("answers")
        if "answer" not in row and isinstance(answers, list) and all(map(_is_answer, answers)):
            row = {**row, "answer": answers[0]["text"] if answers else ""}
        yield dict(row)
        return
    beside = {key: value for key, value in row.items() if not isinstance(value, dict | list)}
    found = row.get(inner[0])
    for each in found if isinstance(found, list) else [found]:
        if isinstance(each, dict):
            yield from _inner_rows({**beside, **each}, inner[1:])


def _is_answer(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("text"), str)


def _inside(rows: Sequence[Any], keys: tuple[str, ...]) -> list[RowsPath]:
    """The lists and objects inside of rows that are objects, as deep as they go."""
    prefix = ".".join(keys)
    objects = [row for row in rows[:_SAMPLED] if isinstance(row, dict)]
    return [
        RowsPath(f"{prefix}{EACH}.{text}", (keys,), inner)
        for inner, text in islice(_paths_inside(objects, _LEVELS), _MAX_PATHS)
        if any(isinstance(row, dict) for row in islice(_all_inner(objects, inner), 1))
    ]


def _all_inner(rows: Sequence[Mapping[str, Any]], inner: Sequence[str]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield from _inner_rows(row, inner)


def _paths_inside(rows: Sequence[Mapping[str, Any]], levels: int) -> Iterator[tuple[tuple[str, ...], str]]:
    for key in dict.fromkeys(key for row in rows for key in row):
        values = [row[key] for row in rows if row.get(key)]
        inner: list[Mapping[str, Any]] = []
        mark = ""
        for value in values:
            if isinstance(value, dict):
                inner.append(value)
            elif isinstance(value, list) and all(isinstance(each, dict) for each in value):
                inner += value
                mark = EACH
        if not inner or all(map(is_turn, inner)):
            continue
        yield (key,), key
        if levels > 1:
            for more, text in _paths_inside(inner[:_SAMPLED], levels - 1):
                yield (key, *more), f"{key}{mark}.{text}"


def _squad(paths: Sequence[RowsPath]) -> RowsPath | None:
    return next((path for path in paths if (*path.lists[0], *path.inner)[-2:] == _SQUAD), None)


def _inner_fits(rows: Sequence[Any], path: RowsPath) -> bool:
    rows = [row for row in rows[:_SAMPLED] if isinstance(row, dict)]
    return fits(list(islice(_all_inner(rows, path.inner), _SAMPLED)))


def fits(rows: Sequence[Any]) -> bool:
    """Their columns are those of a format; or they are lists of turns."""
    objects = [row for row in rows[:_SAMPLED] if isinstance(row, dict)]
    if not objects:
        return any(map(is_conversation, rows[:_SAMPLED]))
    if all(map(is_turn, objects)):
        return False
    return is_known(objects)


def _is_one_row(value: Mapping[str, Any]) -> bool:
    """Rather than something that holds rows."""
    if rows_of_columns(value) is not None:
        return False
    layout = layout_of([value])
    if layout is None:
        return holds_conversation(value)
    columns = {
        name: value_of(value, name) for part in PARTS[layout.format].needed if (name := layout.columns.get(part))
    }
    lists = [inner for name, inner in columns.items() if isinstance(inner, list) and not are_answers(inner, name)]
    first = [next((x for x in inner if isinstance(x, dict)), None) for inner in lists]
    return not any(fits([inner]) and not (is_pair(inner) or is_any_turn(inner)) for inner in first if inner is not None)


def _are_alike(lists: Sequence[Sequence[Any]]) -> bool:
    """Their rows have the same columns."""
    return len({frozenset(rows[0]) if isinstance(rows[0], dict) else None for rows in lists}) == 1


def _choice(lists: Mapping[tuple[str, ...], list[Any]], path: RowsPath, counts: Mapping[str, int]) -> ReadChoice:
    rows = _rows_at(lists, path)
    known = [counts[keys[0]] for keys in path.lists if len(keys) == 1 and keys[0] in counts]
    count = sum(known) if len(known) == len(path.lists) and not path.inner else len(rows)
    label = N_("All of them together: {n} {n:row|rows}") if path.text == ALL else N_("“{path}”: {n} {n:row|rows}")
    shown = preview_of([_shown(row) for row in rows[:_SAMPLED]])
    return ReadChoice(value=path.text, label=label, values={"path": path.text, "n": count}, preview=shown)


def _inside_choice(rows: Sequence[Mapping[str, Any]], path: RowsPath) -> ReadChoice:
    shown = preview_of([_shown(row) for row in islice(_all_inner(rows, path.inner), _SAMPLED)])
    return ReadChoice(value=path.text, label=N_("Each of “{path}” as a row"), values={"path": path.text}, preview=shown)


def _shown(row: Any) -> str:
    return (as_json(row) or "")[:1000]
