"""The datasets page: add files, fix problems, see rows as a model will."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.domain.datasets.clean_actions import read_actions
from studio.domain.datasets.columns import nested_columns
from studio.domain.datasets.file_format import ENCODINGS, PACKED, SUFFIXES, read_options, shown_encoding
from studio.domain.errors import InvalidInput, NotFound, StudioError
from studio.domain.jobs.ingest import Tokenizer
from studio.domain.translation import N_
from studio.samples import sample_path
from studio.services.datasets import browse, export
from studio.services.datasets.status import check_ready
from studio.services.datasets.token_counts import TokenCount, TokenCountRequest
from studio.services.datasets.twins import twins as find_twins
from studio.ui.language import language_of
from studio.ui.page import Page
from studio.ui.pages import dataset_rows, datasets_hub
from studio.ui.presenters.dataset import (
    MAX_ROW_CHARACTERS,
    shown_dataset,
    shown_fault,
    shown_formats,
    shown_groups,
    shown_offers,
    shown_problem,
    shown_question,
    shown_row,
    shown_steps,
    shown_twins,
)
from studio.ui.upload_route import add_upload_route
from studio.ui.view import view

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI

    from studio.app import Studio
    from studio.store.tables.datasets import Dataset
    from studio.store.tables.models import Model

PAGE = Page(
    "datasets", N_("Datasets"), order=1, icon="M4 6c0-4 16-4 16 0s-16 4-16 0v12c0 4 16 4 16 0V6M4 12c0 4 16 4 16 0"
)
LEAD = N_("The examples that an adapter learns from. Files are copied into the studio; yours stay as they are.")

ON_A_PAGE = 50  # rows, or problems, in a list
MAX_LENGTH = 1024  # tokens; that of the training form


def build(studio: Studio) -> None:
    handlers = (
        listing, add, add_sample, look, rows, whole_row, problems, twins, count_tokens, stop_counting,
        clean, preview_cleaning, edited_row, dataset_rows.refused, dataset_rows.save_edits, read_again, columns,
        try_columns, delete, *datasets_hub.HANDLERS,
    )  # fmt: skip
    view("datasets", *(partial(handler, studio) for handler in handlers), skeleton="table")


def routes(app: FastAPI, studio: Studio) -> None:
    """Where files arrive, and what can be downloaded: the clean rows, and the list of problems."""
    add_upload_route(app, studio.uploads)
    from fastapi import HTTPException
    from fastapi.responses import StreamingResponse

    def find_dataset(id: str) -> Dataset:
        is_one = id.isascii() and id.isdecimal() and len(id) < 19  # what the catalogue can count
        dataset = studio.catalogue.dataset_by_id(int(id)) if is_one else None
        if dataset is None:
            raise HTTPException(404)
        return dataset

    def download(lines: Iterator[Any], name: str, kind: str) -> StreamingResponse:
        quoted = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
        headers = {"Content-Disposition": f'attachment; filename="{quoted}"', "Cache-Control": "no-store"}
        return StreamingResponse(lines, media_type=kind, headers=headers)

    @app.get("/download/datasets/{id}/clean.jsonl")
    def clean_file(id: str) -> StreamingResponse:
        dataset = find_dataset(id)
        try:
            check_ready(dataset)
        except StudioError as error:
            raise HTTPException(409, str(error)) from error
        return download(export.clean_lines(dataset), f"{dataset.reference}.jsonl", "application/x-ndjson")

    @app.get("/download/datasets/{id}/problems.csv")
    def problems_file(
        id: str, model: str = "", max_length: int = MAX_LENGTH, validation: str = ""
    ) -> StreamingResponse:
        dataset = find_dataset(id)
        lines = export.problem_lines(dataset, _finished_count(studio, dataset, model, max_length, validation))
        return download((line.encode("utf-8-sig" if i == 0 else "utf-8") for i, line in enumerate(lines)),
                    f"{dataset.reference}-problems.csv", "text/csv; charset=utf-8")  # fmt: skip


def listing(studio: Studio, request: gr.Request) -> dict[str, Any]:
    """The newest version of each dataset, the base models that rows can be rendered for, and what can be brought."""
    versions = Counter(dataset.name for dataset in studio.catalogue.datasets())
    language = language_of(request)
    return {
        "rows": [shown_dataset(dataset, language, versions[dataset.name]) for dataset in studio.datasets.list()],
        "models": [{"name": m.name, "ready": m.status == "ready"} for m in studio.models.list()],
        "sample": sample_path().stem,
        "suffixes": [*SUFFIXES, *PACKED],
        "encodings": [{"value": name, "label": shown_encoding(name)} for name in ENCODINGS],
    }


def add(studio: Studio, uploads: list[str], names: list[str], request: gr.Request) -> dict[str, Any]:
    """Takes in these uploads, called `names` where they came from, as one dataset. They are gone in any case.

    Raises:
        InvalidInput: a file cannot be used at all.
    """
    with studio.uploads.taking(uploads) as files:
        if len(names) != len(files):
            raise InvalidInput("Each file needs a name of its own.", "Add the files again.")
        file_names = [Path(name).name or file.name for name, file in zip(names, files, strict=True)]
        return {"dataset": shown_dataset(studio.datasets.add(files, file_names=file_names), language_of(request))}


def add_sample(studio: Studio, request: gr.Request) -> dict[str, Any]:
    return {"dataset": shown_dataset(studio.datasets.add_sample(), language_of(request))}


def look(studio: Studio, name: str, request: gr.Request) -> dict[str, Any]:
    """All of one version, `name` or `name@version`, but its rows.

    Raises:
        NotFound: there is no such dataset.
    """
    dataset = studio.datasets.get(name)
    language = language_of(request)
    versions = studio.datasets.versions(dataset.name)
    question = dataset.details.unclear.question if dataset.status == "unclear" and dataset.details.unclear else None
    return {
        "dataset": shown_dataset(dataset, language, len(versions)),
        "question": question and shown_question(question, language),
        "versions": [
            {**shown_dataset(v, language), "steps": shown_steps(v, language)[-1:], "adapters": _adapters(studio, v)}
            for v in versions
        ],
        "steps": shown_steps(dataset, language),
        "groups": shown_groups(dataset.details.problems, language),
        "offers": shown_offers(dataset, language),
        "adapters": _adapters(studio, dataset),
    }


def _adapters(studio: Studio, dataset: Dataset) -> list[str]:
    return [adapter.name for adapter in studio.datasets.adapters(dataset)]


def rows(
    studio: Studio, name: str, request: gr.Request, offset: int = 0, model: str = "", max_length: int = MAX_LENGTH,
    validation: str = "", search: str = "",
) -> dict[str, Any]:  # fmt: skip
    """One page of rows, rendered for the model, or for the first one that is ready; `model` is empty where none is."""
    dataset, base_model = studio.datasets.get(name), _model_for(studio, model)
    result = browse.rows(
        dataset, offset, ON_A_PAGE, search=search, model=base_model,
        token_count=_finished_count(studio, dataset, base_model.name if base_model else "", max_length, validation),
    )  # fmt: skip
    language = language_of(request)
    return {
        "offset": offset,
        "page": ON_A_PAGE,
        "total": result["total"],
        "model": base_model.name if base_model else "",
        "rows": [shown_row(row, language) for row in result["rows"]],
    }


def whole_row(
    studio: Studio, name: str, number: int, request: gr.Request, model: str = "", max_length: int = MAX_LENGTH,
    validation: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Row `number`, without anything cut. Raises NotFound."""
    dataset, base_model = studio.datasets.get(name), _model_for(studio, model)
    token_count = _finished_count(studio, dataset, base_model.name if base_model else "", max_length, validation)
    result = browse.rows(dataset, number, 1, model=base_model, token_count=token_count)
    if not result["rows"]:
        raise NotFound(
            "“{name}” has no such row.", "It has {count}: reload the page.", name=name, count=result["total"]
        )
    return shown_row(result["rows"][0], language_of(request), MAX_ROW_CHARACTERS)


def problems(
    studio: Studio, name: str, request: gr.Request, code: str = "", search: str = "", offset: int = 0, model: str = "",
    max_length: int = MAX_LENGTH, validation: str = "",
) -> dict[str, Any]:  # fmt: skip
    """One page of what is wrong, errors first."""
    dataset, language = studio.datasets.get(name), language_of(request)
    matches, total = browse.numbered_problems(
        dataset, offset, ON_A_PAGE, codes=[code] if code else [], search=search.strip(),
        token_count=_finished_count(studio, dataset, model, max_length, validation),
    )  # fmt: skip
    names = [file.name for file in dataset.details.files]
    return {
        "offset": offset,
        "page": ON_A_PAGE,
        "total": total,
        "problems": [{**shown_problem(problem, names, language), "row": row} for problem, row in matches],
    }


def twins(studio: Studio, name: str, row: int) -> dict[str, Any]:
    """The near duplicate `row` beside the row that it is near, with what differs in either. Raises NotFound."""
    dataset = studio.datasets.get(name)
    return shown_twins(find_twins(dataset, row), [file.name for file in dataset.details.files])


def count_tokens(
    studio: Studio, name: str, request: gr.Request, model: str = "", max_length: int = MAX_LENGTH,
    validation: str = "", start: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """How many tokens the rows have, and which stand in the dataset `validation` too, where one is named; begins to
    count where that was not done yet, if `start` says so.

    Raises:
        InvalidInput: there is no such model, or the dataset has no rows yet.
    """
    dataset, base_model = studio.datasets.get(name), _model_for(studio, model)
    if base_model is None:
        return {"status": "none", "model": ""}
    question = _question(studio, base_model, max_length, validation)
    token_count = studio.token_counts.start(dataset, question) if start else studio.token_counts.look(dataset, question)
    language = language_of(request)
    return {
        "status": token_count.status,
        "model": base_model.name,
        "max_length": max_length,
        "done": token_count.done,
        "total": token_count.total,
        "details": token_count.details.model_dump(mode="json") if token_count.status == "done" else {},
        "groups": shown_groups(token_count.details.problems, language),
        "offers": shown_offers(dataset, language, token_count.details.problems, max_length),
        "fault": token_count.fault and shown_fault(token_count.fault, language),
    }


def stop_counting(studio: Studio, name: str, model: str, max_length: int = MAX_LENGTH, validation: str = "") -> None:
    if (base_model := _model_for(studio, model)) is not None:
        studio.token_counts.stop(studio.datasets.get(name), _question(studio, base_model, max_length, validation))


def clean(
    studio: Studio, name: str, actions: dict[str, Any], request: gr.Request, model: str = "",
    max_length: int = MAX_LENGTH, validation: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Begins the next version of the dataset, without what the actions take away: those of `shown_offers`, by name."""
    dataset, base_model = studio.datasets.get(name), _model_for(studio, model)
    token_count = _finished_count(studio, dataset, base_model.name if base_model else "", max_length, validation)
    cleaned_dataset = studio.datasets.clean(
        name,
        read_actions(actions),
        tokenizer=Tokenizer(model=base_model.path) if base_model else None,
        counts_folder=token_count.folder if token_count else None,
    )
    return {"dataset": shown_dataset(cleaned_dataset, language_of(request))}


def preview_cleaning(
    studio: Studio, name: str, actions: dict[str, Any], request: gr.Request, model: str = "",
    max_length: int = MAX_LENGTH, validation: str = "",
) -> dict[str, Any]:  # fmt: skip
    dataset, base_model = studio.datasets.get(name), _model_for(studio, model)
    token_count = _finished_count(studio, dataset, base_model.name if base_model else "", max_length, validation)
    return dataset_rows.preview_cleaning(studio, name, actions, token_count, request)


def edited_row(studio: Studio, name: str, edit: dict[str, Any], request: gr.Request, model: str = "") -> dict[str, Any]:
    return dataset_rows.edited_row(studio, name, edit, _model_for(studio, model), request)


def read_again(
    studio: Studio, name: str, request: gr.Request, encoding: str = "", delimiter: str = "", sheet: str = "",
    header: str = "", rows: str = "", layout: dict[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The same files read in another way: see ReadOptions, and formats.Layout."""
    reading = read_options(encoding=encoding, delimiter=delimiter, sheet=sheet, header=header, rows=rows)
    new_dataset = studio.datasets.read_again(name, reading=reading, layout=layout)
    return {"dataset": shown_dataset(new_dataset, language_of(request))}


def columns(studio: Studio, name: str, request: gr.Request) -> dict[str, Any]:
    """What a column map can be made of: the file's columns, every format with its parts, and the map there is, or
    what it may be."""
    dataset = studio.datasets.get(name)
    unclear_columns = dataset.details.unclear
    sample = browse.sample(dataset)
    return {
        "columns": [*(unclear_columns or dataset.details).columns, *nested_columns(sample)],
        "formats": shown_formats(language_of(request)),
        "layout": (unclear_columns and unclear_columns.guess) or dataset.details.layout,
        "sample": sample[:5],
    }


def try_columns(studio: Studio, name: str, layout: dict[str, Any], request: gr.Request) -> list[dict[str, Any]]:
    """The first rows as that column map makes them, each with what is wrong in it.

    Raises:
        InvalidInput: the map is not whole; `fields` says which parts are missing.
    """
    language = language_of(request)
    return [
        {
            "row": one["row"] and shown_row({**one["row"], "number": number, "line": number + 1}, language, 300),
            "problems": [shown_problem(problem, (), language) for problem in one["problems"]],
        }
        for number, one in enumerate(browse.try_layout(studio.datasets.get(name), layout)[:5])
    ]


def delete(studio: Studio, name: str) -> None:
    """A dataset with all its versions, or the one version of `name@version`."""
    studio.datasets.delete(name)


def _model_for(studio: Studio, name: str) -> Model | None:
    ready = [model for model in studio.models.list() if model.status == "ready"]
    return next((model for model in ready if model.name == name), ready[0] if ready else None)


def _question(studio: Studio, model: Model, max_length: int, validation: str) -> TokenCountRequest:
    against = studio.datasets.get(validation) if validation else None
    if against is not None:
        check_ready(against)
    return TokenCountRequest(model, max_length=min(max(8, max_length), 131072), validation=against)


def _finished_count(
    studio: Studio, dataset: Dataset, model: str, max_length: int, validation: str
) -> TokenCount | None:
    """What was counted for that model already; None where nothing was."""
    base_model = _model_for(studio, model) if model else None
    if base_model is None or dataset.status != "ready":
        return None
    token_count = studio.token_counts.look(dataset, _question(studio, base_model, max_length, validation))
    return token_count if token_count.status == "done" else None
