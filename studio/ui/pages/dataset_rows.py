"""Handlers of the datasets page for single rows: look at one, try and save edits, see what cleaning would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studio.domain.datasets.clean_actions import read_actions
from studio.domain.datasets.edits import read_edits
from studio.domain.datasets.row_parts import Row
from studio.services.datasets import browse
from studio.services.datasets.editing import check_edit, kind_of, look_up, refused_rows
from studio.services.datasets.preview import preview
from studio.ui.language import language_of
from studio.ui.presenters.dataset import shown_dataset, shown_row
from studio.ui.presenters.dataset_row import (
    MAX_CHARACTERS,
    pretty,
    shown_preview,
    shown_problems,
    shown_refused,
    turn_forms,
)

if TYPE_CHECKING:
    import gradio as gr

    from studio.app import Studio
    from studio.services.datasets.token_counts import TokenCount
    from studio.store.tables.models import Model

ON_A_PAGE = 50


def edited_row(
    studio: Studio, name: str, edit: dict[str, Any], model: Model | None, request: gr.Request
) -> dict[str, Any]:
    """One row as it would be after an edit, or as it is where that changes nothing: its turns, its JSON, what the model
    sees of it, and all that is wrong with it. `usable` says whether it can be saved so.

    Raises:
        NotFound: there is no such row.
        InvalidInput: the edit cannot be meant.
    """
    dataset, language = studio.datasets.get(name), language_of(request)
    (parsed,) = read_edits([edit])
    row = look_up(dataset, parsed)
    is_as_it_was = row is not None and parsed.raw is None and not parsed.set and not parsed.remove
    names = [file.name for file in dataset.details.files]
    usable: Row | None
    if is_as_it_was and row is not None:
        draft = row.base
        usable = draft if parsed.refused is None else None
        problems = row.problems
        raw = pretty(draft) if parsed.refused is None else row.raw
    elif parsed.is_new and parsed.raw is None and not parsed.set:
        draft, usable, problems, raw = None, None, [], ""
    else:
        result = check_edit(dataset, parsed, row)
        draft, usable, problems = result.draft, result.row, result.problems
        raw = parsed.raw if draft is None else pretty(draft)
    is_long = raw is not None and len(raw) > MAX_CHARACTERS
    return {
        "row": parsed.row,
        "refused": parsed.refused,
        "line": row.line if row else 0,
        "file": names[row.file] if row and len(names) > 1 and row.file < len(names) else "",
        "kind": kind_of(dataset),
        "usable": usable is not None,
        "editable": not is_long,
        "kept": row is None or row.raw is not None or parsed.refused is None,
        "turns": [] if is_long else turn_forms(draft),
        "raw": "" if is_long or raw is None else raw,
        "problems": shown_problems(problems, names, language),
        "seen": _seen(usable, model, language),
        "model": model.name if model else "",
    }


def _seen(row: Row | None, model: Model | None, language: str) -> dict[str, Any] | None:
    if row is None or model is None:
        return None
    (rendered,) = browse.render_rows([{**row, "number": 0, "line": 0}], model)
    return shown_row(rendered, language, MAX_CHARACTERS)


def refused(studio: Studio, name: str, request: gr.Request, offset: int = 0) -> dict[str, Any]:
    """One page of the rows that could not be used; `not_kept` of them are not known any more."""
    dataset, language = studio.datasets.get(name), language_of(request)
    rows, total = refused_rows(dataset, offset, ON_A_PAGE)
    names = [file.name for file in dataset.details.files]
    return {
        "offset": offset,
        "page": ON_A_PAGE,
        "total": total,
        "not_kept": dataset.bad_rows - dataset.details.refused_kept,
        "rows": [shown_refused(row, names, language) for row in rows],
    }


def save_edits(studio: Studio, name: str, edits: list[dict[str, Any]], request: gr.Request) -> dict[str, Any]:
    """Begins the next version of the dataset, with all of the edits.

    Raises:
        InvalidInput: one of them cannot be used; `fields` says which, by its place.
    """
    return {"dataset": shown_dataset(studio.datasets.edit(name, edits), language_of(request))}


def preview_cleaning(
    studio: Studio, name: str, actions: dict[str, Any], token_count: TokenCount | None, request: gr.Request
) -> dict[str, Any]:
    """What these actions would do to how many rows, each after those before it."""
    found = preview(studio.datasets.get(name), read_actions(actions), token_count=token_count)
    return shown_preview(found, language_of(request))
