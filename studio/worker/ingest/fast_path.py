"""Fast path: a thousand rows at once, where none of them needs a closer look.

The answer is the same as that of `domain.dataset_rows.read_row` for each, many times as quickly; where anything is out
of the ordinary there is none, and each row is looked at by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from studio.domain.datasets.formats import Format, Layout
from studio.domain.datasets.turns.fields import NOTHING
from studio.domain.datasets.turns.text_parts import is_media_column
from studio.store.datasets.row_file import turn_lists

_ROLES = pa.array(["system", "user", "assistant"])
_SYSTEM, _ASSISTANT = 0, 2


Columns = dict[str, pa.Array]
"""What store.row_file keeps of a batch of rows: those columns that are not all null."""


def plain_rows(layout: Layout, raws: Sequence[Any]) -> Columns | None:
    """The rows where all are whole and of the simplest form; else None."""
    try:
        if any(map(is_media_column, set().union(*raws))):
            return None
        match layout.format:
            case Format.CHAT if len(layout.columns) == 1:
                return _conversations([raw[layout.columns["messages"]] for raw in raws])
            case Format.PROMPT_COMPLETION if len(layout.columns) == 2:
                sides = ([raw[layout.columns[part]] for raw in raws] for part in ("prompt", "completion"))
                return _pairs(*map(_texts, sides))
            case Format.TEXT if len(layout.columns) == 1:
                return _text_columns(_texts([raw[layout.columns["text"]] for raw in raws]))
    except (
        KeyError,
        TypeError,
        IndexError,
        ValueError,
        pa.ArrowException,
    ):  # not what it must be: a closer look is due
        return None
    return None


def plain_columns(layout: Layout, batch: pa.RecordBatch) -> Columns | None:
    """The same of rows that come in columns."""
    if any(map(is_media_column, batch.schema.names)):
        return None
    try:
        match layout.format:
            case Format.CHAT if len(layout.columns) == 1:
                return _columns_of_turns(batch[layout.columns["messages"]])
            case Format.PROMPT_COMPLETION if len(layout.columns) == 2:
                return _pairs(*(_whole(batch[layout.columns[part]]) for part in ("prompt", "completion")))
            case Format.TEXT if len(layout.columns) == 1:
                return _text_columns(_whole(batch[layout.columns["text"]]))
    except (KeyError, pa.ArrowException):
        return None
    return None


def _texts(values: list[Any]) -> pa.Array | None:
    """As an array, where all are text, and none is blank."""
    if set(map(type, values)) != {str}:
        return None
    return _whole(pa.array(values, pa.string()))  # UnicodeEncodeError, a ValueError, at half of a character


def _whole(array: pa.Array) -> pa.Array | None:
    """Text without blanks alone; as Arrow's usual type."""
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)) or array.null_count:
        return None
    array = array.cast(pa.string())
    array.validate(full=True)  # ArrowInvalid where it is no UTF-8
    blank = pc.or_(pc.equal(pc.binary_length(array), 0), pc.utf8_is_space(array))
    return None if pc.any(blank).as_py() else array


def _text_columns(texts: pa.Array | None) -> Columns | None:
    return None if texts is None else {"text": texts}


def _pairs(prompts: pa.Array | None, completions: pa.Array | None) -> Columns | None:
    if prompts is None or completions is None:
        return None
    count = len(prompts)
    both = pa.concat_arrays([prompts, completions])
    order = np.arange(2 * count).reshape(2, count).T.ravel()  # each prompt before its completion
    roles = pa.DictionaryArray.from_arrays(np.tile([1, 2], count), _ROLES).cast(pa.string())
    return {"messages": turn_lists(range(0, 2 * count + 1, 2), roles, both.take(pa.array(order)))}


def _conversations(lists: list[Any]) -> Columns | None:
    if set(map(type, lists)) != {list}:
        return None
    turns = [turn for turns in lists for turn in turns]
    if set(map(type, turns)) != {dict} or set(map(len, turns)) != {2}:
        return None
    roles, contents = [turn["role"] for turn in turns], [turn["content"] for turn in turns]
    if set(map(type, roles)) != {str}:
        return None
    return _conversation_columns(
        np.fromiter(map(len, lists), np.int64, len(lists)), pa.array(roles, pa.string()), _texts(contents)
    )


def _columns_of_turns(lists: pa.Array) -> Columns | None:
    if not pa.types.is_list(lists.type) or not pa.types.is_struct(lists.type.value_type) or lists.null_count:
        return None
    turns = lists.flatten()
    names = [field.name for field in turns.type]
    if turns.null_count or sorted(names) != ["content", "role"]:
        return None
    role, content = turns.field("role"), _whole(turns.field("content"))
    if not pa.types.is_string(role.type) or role.null_count:
        return None
    return _conversation_columns(lists.value_lengths().to_numpy(zero_copy_only=False), role, content)


def _conversation_columns(lengths: np.ndarray, role: pa.Array, content: pa.Array | None) -> Columns | None:
    """lengths: how many turns each conversation has."""
    codes = pc.index_in(role, _ROLES)
    if content is None or codes.null_count or not lengths.all():
        return None
    ends = np.cumsum(lengths)
    if not _in_order(codes.to_numpy(), ends):
        return None
    return {"messages": turn_lists([0, *ends.tolist()], role, content)}


def _in_order(codes: np.ndarray, ends: np.ndarray) -> bool:
    """No role twice in a row, a system message only at the start, an answer at the end. ends: of each conversation."""
    first = np.zeros(len(codes), dtype=bool)
    first[0] = True
    first[ends[:-1]] = True
    twice = (codes[1:] == codes[:-1]) & ~first[1:]
    late = (codes == _SYSTEM) & ~first
    return not twice.any() and not late.any() and bool((codes[ends - 1] == _ASSISTANT).all())


def unused_of_rows(layout: Layout, raws: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """What `plain_rows` has not looked at of rows that it took: by column, how many rows say something there."""
    used = set(layout.columns.values())
    if max(map(len, raws)) == len(used):
        return Counter()
    counts: Counter[str] = Counter()
    for name in set().union(*raws) - used:
        values = [raw.get(name) for raw in raws]
        counts[str(name)] = len(values) - sum(map(values.count, NOTHING))  # counted outside of Python's loops
    return +counts


def unused_of_columns(layout: Layout, batch: pa.RecordBatch) -> Counter[str]:
    """The same of what `plain_columns` took."""
    used = set(layout.columns.values())
    counts: Counter[str] = Counter()
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name not in used and (count := len(column) - column.null_count - _empty_count(column)):
            counts[name] = count
    return counts


def _empty_count(column: pa.Array) -> int:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        lengths = pc.binary_length(column)
    elif pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        lengths = pc.list_value_length(column)
    else:
        return 0
    return pc.sum(pc.equal(lengths, 0)).as_py() or 0
