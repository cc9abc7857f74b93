"""A version's rows, a page at a time, as a model sees them; search; its problems."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from studio.domain.chat.spans import masked_spans, spans_of
from studio.domain.chat.template_faults import TemplateExceeds
from studio.domain.chat.templates import AUTOMATIC, TemplateChoice
from studio.domain.datasets.formats import read_layout
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.problem_kinds import PROBLEM_KINDS
from studio.domain.datasets.row_parts import TEXT_PARTS, TURN_TEXTS, Row, trained_content
from studio.domain.datasets.rows import read_row
from studio.domain.errors import StudioError
from studio.rendering.chat_template import Rendered
from studio.services.datasets.status import check_ready
from studio.services.datasets.token_counts import TokenCount
from studio.services.models.chat_template import load_chat_template
from studio.services.models.status import check_ready as check_model
from studio.store.arrow_file import ArrowFile
from studio.store.datasets.folder import PROBLEMS, SAMPLE, TOKENS
from studio.store.datasets.problem_file import count_problems, read_problems
from studio.store.datasets.row_file import RowLookup, read_rows
from studio.store.job_folder import read_json
from studio.store.tables.datasets import Dataset
from studio.store.tables.models import Model

MAX_ROWS = 1000
_SEARCHERS = 4  # threads


def rows(
    dataset: Dataset,
    offset: int = 0,
    limit: int = 50,
    *,
    search: str = "",
    model: Model | None = None,
    chat_template: TemplateChoice = AUTOMATIC,
    token_count: TokenCount | None = None,
) -> dict[str, Any]:
    """Up to `limit` rows (at most 1,000) from the `offset`-th on, and `total` rows in all; only those in which the
    words of `search` stand, upper and lower case alike.

    A row is a domain.dataset_rows.Row with `number` (its index) and `line` (its place in the file). With a model it has
    `rendered` too, what that model learns from, and `spans`, the [start, end) characters of it that are trained
    (`masked`: of turns that the dataset says are not to be trained on); or
    `error`, a StudioError, where the model's chat template refuses it. With a token count that is done, `spans` are
    those of the tokens that training labels, and `tokens`, `trained`, `lost` and `shown` are theirs (see
    worker.tokenization.task).

    Raises:
        InvalidInput: the dataset has no rows yet.
        StudioError: its file is gone, or the model is not ready or its chat template is damaged.
    """
    check_ready(dataset)
    limit, offset = min(max(1, limit), MAX_ROWS), max(0, offset)
    try:
        if search.strip():
            matches = _matching_rows(dataset.rows_path, dataset.sha256, search.strip())
            numbers, total = matches[offset : offset + limit].tolist(), len(matches)
            with RowLookup(dataset.rows_path) as lookup:
                page = lookup.rows(numbers)
                places = lookup.places(numbers)
        else:
            total = dataset.rows
            numbers = list(range(offset, min(offset + limit, total)))
            page, places = read_rows(dataset.rows_path, offset, limit), []
            if numbers:
                with RowLookup(dataset.rows_path) as lookup:
                    places = lookup.places(numbers)
        page = [{**row, "number": n, "line": line} for row, n, (line, _) in zip(page, numbers, places, strict=True)]
        if model is not None:
            page = render_rows(page, model, chat_template)
        if token_count is not None and token_count.status == "done":
            page = [
                row | token_fields for row, token_fields in zip(page, _token_fields(token_count, numbers), strict=True)
            ]
    except OSError as error:
        raise StudioError(
            "The rows of “{name}” cannot be read: {reason}.", "Delete the dataset and add its file again.",
            name=dataset.name, reason=error.strerror or str(error),
        ) from error  # fmt: skip
    return {"rows": page, "total": total, "format": dataset.format}


@lru_cache(maxsize=16)
def _matching_rows(path: str, sha256: str, search: str) -> NDArray[np.int64]:
    """The numbers of the rows that have the text. A version never changes, so that they stay the same."""
    with ArrowFile(path) as file, ThreadPoolExecutor(_SEARCHERS) as searchers:  # Arrow lets go of Python's lock
        starts = file.starts
        found = searchers.map(lambda number: starts[number] + _hits(file.batch(number), search), range(len(file)))
        return np.concatenate([np.empty(0, np.int64), *found])


def _hits(batch: pa.RecordBatch, search: str) -> NDArray[np.int64]:
    """Which rows of a batch have the text."""
    hits = [np.empty(0, np.int64)]
    for name in TEXT_PARTS:
        if name in batch.schema.names:
            column = batch[name]
            turns = column.flatten() if pa.types.is_list(column.type) else None
            texts = (
                [column] if turns is None else [turns.field(each) for each in TURN_TEXTS if each in turns.type.names]
            )
            for each in texts:
                if each.null_count == len(each):
                    continue
                has = pc.indices_nonzero(pc.match_substring(each, search, ignore_case=True))
                rows_with_it = has if turns is None else pc.list_parent_indices(column).take(has)
                hits.append(rows_with_it.to_numpy().astype(np.int64))
    return np.unique(np.concatenate(hits))


def render_rows(
    page: Sequence[dict[str, Any]], model: Model, chat_template: TemplateChoice = AUTOMATIC
) -> list[dict[str, Any]]:
    """The rows with what the model learns from: see `rows`."""
    check_model(model)
    contents = [trained_content(row) for row in page]
    renderings = iter(
        _conversations([content for content in contents if content and "messages" in content], model, chat_template)
    )
    rendered_rows = []
    for row, content in zip(page, contents, strict=True):
        if content is None:
            rendered_rows.append(row)
        elif "text" in content:
            rendered_rows.append(row | {"rendered": content["text"], "spans": [(0, len(content["text"]))]})
        elif isinstance(one := next(renderings), StudioError):
            rendered_rows.append(row | {"error": one})
        else:
            text, turns = one
            spans = {"spans": spans_of(text, turns), "masked": masked_spans(turns)}
            rendered_rows.append(row | {"rendered": text, **spans})
    return rendered_rows


def _conversations(
    contents: Sequence[Row], model: Model, chat_template: TemplateChoice
) -> Sequence[Rendered | StudioError]:
    if not contents:
        return []
    try:
        return load_chat_template(model.path, chat_template, model.name).turns(contents)
    except TemplateExceeds as fault:
        return [fault] * len(contents)


def _token_fields(token_count: TokenCount, numbers: Sequence[int]) -> list[dict[str, Any]]:
    with RowLookup(token_count.folder / TOKENS) as lookup:
        records = lookup.records(numbers)
    for row in records:
        flat = row["spans"] or []
        row["spans"] = list(zip(flat[::2], flat[1::2], strict=True))
    return records


def problems(
    dataset: Dataset,
    offset: int = 0,
    limit: int | None = 50,
    *,
    codes: Sequence[str] = (),
    search: str = "",
    token_count: TokenCount | None = None,
) -> tuple[list[Problem], int]:
    """Problems from the `offset`-th on, errors first, and how many there are in all.

    Raises:
        StudioError: their file cannot be read.
    """
    found, total = numbered_problems(dataset, offset, limit, codes=codes, search=search, token_count=token_count)
    return [problem for problem, _ in found], total


def numbered_problems(
    dataset: Dataset,
    offset: int = 0,
    limit: int | None = 50,
    *,
    codes: Sequence[str] = (),
    search: str = "",
    token_count: TokenCount | None = None,
) -> tuple[list[tuple[Problem, int]], int]:
    """The same, each with the index of its row, which is negative where it is in none (see store.problem_file)."""
    matches: list[tuple[Problem, int]] = []
    total = 0
    for level_codes, path in product(_by_level(codes), _problem_files(dataset, token_count)):
        try:
            count = count_problems(path, codes=level_codes, search=search)
            if limit is None or len(matches) < limit:
                missing = None if limit is None else limit - len(matches)
                start = max(0, offset - total)
                if start < count:
                    matches += read_problems(path, start, missing, codes=level_codes, search=search)
        except OSError as error:
            raise StudioError(
                "The problems of “{name}” cannot be read: {reason}.", "Delete the dataset and add its file again.",
                name=dataset.name, reason=error.strerror or str(error),
            ) from error  # fmt: skip
        total += count
    return matches, total


def _by_level(codes: Sequence[str]) -> list[list[str]]:
    """Those of the codes, all where there are none, that are errors; and those that are warnings."""
    kinds = [(code, kind.level) for code, kind in PROBLEM_KINDS.items() if not codes or code in codes]
    levels = [[code for code, level in kinds if level == level_name] for level_name in ("error", "warning")]
    return [level for level in levels if level]


def _problem_files(dataset: Dataset, token_count: TokenCount | None) -> list[Path]:
    files = [dataset.own_folder / PROBLEMS]
    if token_count is not None and token_count.status == "done":
        files.append(token_count.folder / PROBLEMS)
    return [file for file in files if file.exists()]


def sample(dataset: Dataset) -> list[dict[str, Any]]:
    """The first rows of the file as they came; none where they are not known."""
    content = read_json(dataset.own_folder / SAMPLE)
    return content if isinstance(content, list) else []


def try_layout(dataset: Dataset, layout: dict[str, Any]) -> list[dict[str, Any]]:
    """The first rows read by that layout: each with `row`, or its `problems`.

    Raises:
        InvalidInput: the layout is not whole.
    """
    parsed_layout = read_layout(layout)
    results = []
    for number, raw in enumerate(sample(dataset), 1):
        row, row_problems = read_row(parsed_layout, raw, number)
        results.append({"row": row, "problems": row_problems})
    return results
