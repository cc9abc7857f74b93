"""Prompt sets: prompts, some with a reference answer, that columns are evaluated on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from studio.domain.datasets.problem import Problem
from studio.domain.datasets.prompt_lines import PromptRow, prompt_of, read_prompts
from studio.domain.datasets.row_parts import trained_content
from studio.domain.errors import InvalidInput, StudioError
from studio.domain.graphemes import cut
from studio.domain.jobs.ingest import DatasetReference
from studio.domain.jobs.training import TrainRequest
from studio.domain.naming import MAX_NAME_CHARACTERS, check_name
from studio.domain.translation import N_
from studio.services.datasets.status import check_ready
from studio.store.catalogue import Catalogue
from studio.store.datasets.row_file import RowLookup
from studio.store.job_folder import JobFolder
from studio.store.tables.datasets import Dataset
from studio.store.tables.evaluations import Prompt, PromptSet

MAX_PROMPTS = 5000
MAX_CHARACTERS = 8_000_000
PAGE = 50  # prompts
MAX_RUNS = 50  # that are offered
NAMED = 100  # problems of a list that are told one by one


class PromptSets:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def add(self, name: str, text: str, *, skip_bad: bool = False, owner: str = "") -> int:
        """Keeps the prompts in `text` (see domain.prompt_lines); returns the set's id.

        Args:
            skip_bad: Leave out what cannot be used.

        Raises:
            InvalidInput: the name is bad or taken, there is no prompt or too much of them, or some cannot be used:
                `fields` says of each what is wrong, by "line 3".
        """
        name = check_name(name)
        if len(text) > MAX_CHARACTERS:
            raise _at(
                "text",
                N_("The list has {size:.0f} million characters."),
                N_("Split it: a set has at most {most:.0f} million."),
                size=len(text) / 1e6,
                most=MAX_CHARACTERS / 1e6,
            )
        rows, problems = read_prompts(text)
        if problems and not skip_bad:
            raise _problems_of(problems, len(rows))
        return self._add(name, rows, owner=owner)

    def from_dataset(self, reference: str, most: int = 200, *, name: str = "", owner: str = "") -> int:
        """Keeps rows of a dataset as a set: what comes before the last answer is the prompt, the answer its reference.
        Of a dataset with more than `most` rows, as many evenly spread over it. Returns the set's id.

        Raises:
            NotFound: there is no such dataset.
            InvalidInput: it is not ready, or has no row with a question and an answer in words alone.
            StudioError: its rows cannot be read.
        """
        dataset = self._catalogue.dataset(reference)
        check_ready(dataset)
        return self._add_rows(
            [(dataset, range(dataset.rows))], most, name=name, free=dataset.reference, source=dataset.reference,
            owner=owner,
        )  # fmt: skip

    def from_run(self, run_id: int, most: int = 200, *, name: str = "", owner: str = "") -> int:
        """As `from_dataset`, of the rows that the run measured itself by: those that it held out of its dataset, or
        its validation set. Adapters of the run have not learned them.

        Raises:
            NotFound: there is no such run, or its dataset was deleted.
            InvalidInput: it held nothing out, has not come so far, or the dataset of that name is another by now.
            StudioError: the rows cannot be read.
        """
        run = self._catalogue.run(run_id)
        folder = JobFolder(run.folder) if run.folder else None
        if folder is None or not folder.request.exists():
            raise InvalidInput(
                "Run {run} has not started, or its folder is missing.", "Wait until training has started.", run=run_id
            )
        request = folder.read_request(TrainRequest)
        measured_by = [request.validation] if request.validation else request.datasets
        datasets = [self._as_used(run_id, reference) for reference in measured_by]
        first: Sequence[int] | None = range(datasets[0].rows) if request.validation else folder.held_out
        if first is None:
            raise InvalidInput(
                "Run {run} has not recorded which rows it holds out.",
                "Wait for its first training step. Runs of older versions do not record this: train again.", run=run_id,
            )  # fmt: skip
        others = [] if request.validation else folder.held_out_of_mixture
        sources = [each for each in zip(datasets, [first, *others], strict=False) if each[1]]
        if not sources:
            raise InvalidInput("Run {run} trained on all rows.", "Choose a dataset that was held out.", run=run_id)
        source = f"{', '.join(dataset.reference for dataset in datasets)}, run {run_id}"
        return self._add_rows(sources, most, name=name, free=f"{run.name} held out", source=source, owner=owner)

    def _as_used(self, run_id: int, reference: DatasetReference) -> Dataset:
        """Raises InvalidInput: the dataset of that name and version is not ready, or another by now."""
        dataset = self._catalogue.dataset(f"{reference.name}@{reference.version}")
        check_ready(dataset)
        if dataset.sha256 != reference.sha256:
            raise InvalidInput(
                "The dataset {name} is not the one that run {run} used.", "Choose a dataset that was held out.",
                name=dataset.reference, run=run_id,
            )  # fmt: skip
        return dataset

    def runs_with_held_out_rows(self) -> Sequence[dict[str, Any]]:
        """The newest 50 of them: {"id", "name", "dataset", "rows"}."""
        rows_by_run = (
            (run, run.started.eval_rows) for run in self._catalogue.runs() if run.started and run.started.eval_rows
        )
        return [
            {"id": run.id, "name": run.name, "dataset": " + ".join(run.dataset_names), "rows": rows}
            for run, rows in islice(rows_by_run, MAX_RUNS)
        ]

    def _add_rows(
        self,
        sources: Sequence[tuple[Dataset, Sequence[int]]],
        most: int,
        *,
        name: str,
        free: str,
        source: str,
        owner: str,
    ) -> int:
        most = min(max(1, most), MAX_PROMPTS)
        set_name = check_name(name) if name else self._free_name(free)
        total = sum(len(rows) for _, rows in sources)
        count = min(most, total)
        places = [i * total // count for i in range(count)]  # among the rows of all
        rows_found, first = [], 0
        for dataset, rows in sources:
            end = first + len(rows)
            rows_found += _read(dataset, [rows[place - first] for place in places if first <= place < end])
            first = end
        contents = [trained_content(row) or {} for row in rows_found]
        prompts = [prompt_of(c["messages"]) for c in contents if "messages" in c and "tools" not in c]
        questions = [prompt for prompt in prompts if prompt is not None]
        if not questions:
            raise InvalidInput(
                "“{name}” has no row with a text-only question and answer.",
                "Choose a dataset of conversations, or write the prompts yourself.", name=sources[0][0].name,
            )  # fmt: skip
        return self._add(set_name, questions, source=source, owner=owner)

    def list(self) -> list[dict[str, Any]]:
        """Newest first: id, name, source (a dataset's reference and perhaps a run, or ""), prompts, references (how
        many prompts have one), created_at."""
        return [_head(record) for record in self._catalogue.prompt_sets()]

    def get(self, id: int, page: int = 1, *, search: str = "") -> dict[str, Any]:
        """As `list` has it, with `items` [{"place", "text", "messages", "reference"}], 50 a page from 1 on, `page`,
        `pages` and `total`. Raises NotFound."""
        record = self._catalogue.prompt_set(id)
        page = max(1, page)
        prompts, total = self._catalogue.prompts(record.id, (page - 1) * PAGE, PAGE, search=search)
        items = [_prompt_fields(prompt) for prompt in prompts]
        return _head(record) | {"items": items, "page": page, "pages": -(-total // PAGE), "total": total}

    def find(self, name: str) -> int:
        """The id of the set with this name. Raises NotFound."""
        return self._catalogue.prompt_set_named(name).id

    def rename(self, id: int, name: str) -> None:
        """Raises NotFound, or InvalidInput where the name is bad or taken."""
        record = self._catalogue.prompt_set(id)
        self._catalogue.rename_prompt_set(record.id, check_name(name))

    def delete(self, id: int) -> None:
        """Evaluations keep the prompts that they need. Raises NotFound."""
        self._catalogue.delete_prompt_set(self._catalogue.prompt_set(id).id)

    def _add(self, name: str, rows: Sequence[PromptRow], *, source: str = "", owner: str = "") -> int:
        if not rows:
            raise _at("text", N_("There is no prompt."), N_("Write one per line."))
        if len(rows) > MAX_PROMPTS:
            raise _at(
                "text",
                N_("There are {count} prompts."),
                N_("A prompt set holds at most {most}."),
                count=len(rows),
                most=MAX_PROMPTS,
            )
        return self._catalogue.add_prompt_set([row.as_dict() for row in rows], name=name, source=source, owner=owner).id

    def _free_name(self, preferred_name: str) -> str:
        names = {record.name for record in self._catalogue.prompt_sets()}
        name, number = check_name(cut(preferred_name, MAX_NAME_CHARACTERS - 6)), 1
        while name in names:
            number += 1
            name = f"{check_name(cut(preferred_name, MAX_NAME_CHARACTERS - 6))} {number}"
        return name


def _read(dataset: Dataset, rows: Sequence[int]) -> list[dict[str, Any]]:
    try:
        with RowLookup(dataset.rows_path) as lookup:
            return lookup.rows(rows)
    except OSError as error:
        raise StudioError(
            "The rows of “{name}” cannot be read: {reason}.", "Delete the dataset and add its file again.",
            name=dataset.name, reason=error.strerror or str(error),
        ) from error  # fmt: skip


def _head(record: PromptSet) -> dict[str, Any]:
    return {k: getattr(record, k) for k in ("id", "name", "source", "prompts", "references", "created_at")}


def _prompt_fields(prompt: Prompt) -> dict[str, Any]:
    return {k: getattr(prompt, k) for k in ("place", "text", "messages", "reference")}


def _problems_of(problems: Sequence[Problem], good: int) -> InvalidInput:
    fields: dict[str, StudioError] = {}
    for problem in problems:
        fields.setdefault(f"line {problem.line}", problem.error)
    return InvalidInput(
        "{bad} of {all} {all:prompt|prompts} cannot be used; the first is on line {line}.",
        "Fix them at the source, or leave them out.",
        fields=dict(list(fields.items())[:NAMED]),
        bad=len(fields), all=len(fields) + good, line=problems[0].line,
    )  # fmt: skip


def _at(field: str, problem: str, remedy: str, **values: Any) -> InvalidInput:
    return InvalidInput.at(field, StudioError(problem, remedy, **values))
