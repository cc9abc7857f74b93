"""Identity of a column: what makes two columns the same, whatever they are called.

A contender is plain data: {"model", "precision", "shares": [{"adapter", "id", "run", "step", "strength"}], "answered"}.
`id` is the adapter's in the catalogue, None where it is not known; a base model has no shares.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from studio.domain.columns import Column, Share
from studio.domain.errors import InvalidInput

MAX_COLUMNS = 16

ColumnIdentity = dict[str, Any]


def read_columns(columns: Sequence[Column | Mapping[str, Any]]) -> list[Column]:
    """Columns, or columns as JSON.

    Raises:
        InvalidInput: there are none or more than 16, or one is none; `fields` names it.
    """
    if not columns:
        raise InvalidInput("There is no column.", "Choose the base model or an adapter.")
    if len(columns) > MAX_COLUMNS:
        raise InvalidInput("There are {count} columns.", "Choose at most {most}.", count=len(columns), most=MAX_COLUMNS)
    read = []
    for number, column in enumerate(columns, 1):
        try:
            read.append(Column.model_validate(column))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "column"
            fault = InvalidInput(
                "Column {number} cannot be used: {reason} at “{place}”.", "Choose its base model and adapters again.",
                number=number, place=place, reason=first["msg"],
            )  # fmt: skip
            raise InvalidInput(
                fault.template, fault.remedy_template, fields={f"columns[{number - 1}]": fault}, **fault.values
            ) from error
    return read


def identity_of(
    column: Column, ids: Mapping[str, int], *, precision: str = "", has_answered: bool = True
) -> ColumnIdentity:
    """`ids` are the adapters' in the catalogue by name; `precision` the one it has in truth, where that is known."""
    shares = [share.model_dump() | {"id": ids.get(share.adapter)} for share in column.shares]
    return {
        "model": column.model, "precision": precision or column.precision, "shares": shares, "answered": has_answered,
    }  # fmt: skip


def compared_as(one: ColumnIdentity) -> str:
    """Equal for the same contender, whatever its adapters were called and in whatever order they were named."""
    shares = sorted(
        (s["id"] or 0, "" if s["id"] else s["adapter"], s["run"], s["step"], float(s["strength"]))
        for s in one["shares"]
    )
    return json.dumps([one["model"], one["precision"], shares])


def base_of(one: ColumnIdentity) -> str:
    """The identity of its base model alone."""
    return compared_as({**one, "shares": []})


def name_of(one: ColumnIdentity, names: Mapping[int, str]) -> str:
    """As a column shows it, by what its adapters are called now (`names`, by id); empty for a base model."""
    shares = tuple(
        Share(
            adapter=names.get(s["id"], s["adapter"]) if s["id"] else s["adapter"],
            run=s["run"], step=s["step"], strength=s["strength"],
        )
        for s in one["shares"]
    )  # fmt: skip
    return Column(model=one["model"], shares=shares).name


def key_of(prompt: str, system: str, contenders: Sequence[ColumnIdentity]) -> str:
    """Equal for the same prompt, system prompt and set of contenders that answered."""
    identities = sorted({compared_as(one) for one in contenders if one["answered"]})
    return hashlib.sha256(json.dumps([prompt, system, identities]).encode()).hexdigest()
