"""Evaluations: a prompt set over several columns, as a background job of the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from studio.domain.chat.sampling import Sampling
from studio.domain.columns import Column
from studio.domain.errors import InvalidInput, StudioError
from studio.domain.graphemes import cut
from studio.domain.naming import MAX_NAME_CHARACTERS, check_name
from studio.services.adapters.locate import check_base
from studio.services.evaluation import results
from studio.services.evaluation.runner import EvaluationRunner, Responder
from studio.services.models.status import check_ready
from studio.services.playground.column_identity import compared_as, identity_of, read_columns
from studio.services.playground.votes import Votes, check_format
from studio.services.shared.fault_isolation import each_by_itself
from studio.store.catalogue import Catalogue
from studio.store.catalogue.evaluations import OPEN
from studio.store.tables.evaluations import Evaluation

SECONDS_TO_END = 10.0
MAX_ROWS = 200  # of a page

__all__ = ["Evaluations", "Responder"]


class Evaluations:
    """`bench` is what answers. One evaluation is worked on at a time, by the process that calls `tick`."""

    def __init__(self, catalogue: Catalogue, bench: Responder, votes: Votes) -> None:
        self._catalogue = catalogue
        self._bench = bench
        self._votes = votes
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    # asked for

    def submit(
        self,
        set_id: int,
        columns: Sequence[Column | Mapping[str, Any]],
        sampling: Sampling | Mapping[str, Any],
        name: str = "",
        key: str | None = None,
        *,
        owner: str = "",
    ) -> int:
        """Queues it; returns its id at once. The same `key` queues once. Without a name it has that of its set.

        Raises:
            NotFound: there is no such prompt set, model, adapter or run.
            InvalidInput: columns, sampling or name cannot be used; `fields` says which, such as "columns[1]".
        """
        if key and (earlier := self._catalogue.evaluation_by_key(key)):
            return earlier.id
        prompt_set = self._catalogue.prompt_set(set_id)
        read = read_columns(columns)
        adapters = self._judge(read)
        try:
            how = Sampling.model_validate(sampling)
        except ValidationError as error:
            first = error.errors()[0]
            raise InvalidInput.at(
                "sampling",
                StudioError(
                    "“{field}” cannot be used: {reason}.", "Choose another value.",
                    field=".".join(map(str, first["loc"])), reason=first["msg"],
                ),
            ) from error  # fmt: skip
        return self._catalogue.add_evaluation(
            name=check_name(name or cut(prompt_set.name or "", MAX_NAME_CHARACTERS)), key=key, set_id=prompt_set.id,
            set_name=prompt_set.name, prompts=prompt_set.prompts, references=prompt_set.references,
            columns=[column.model_dump(mode="json") for column in read], adapters=adapters,
            sampling=how.model_dump(mode="json"), owner=owner,
        ).id  # fmt: skip

    def _judge(self, columns: Sequence[Column]) -> dict[str, int]:
        """The ids of all adapters in them by name. Raises InvalidInput at the first column that cannot be asked."""
        adapters: dict[str, int] = {}
        identities: set[str] = set()
        for number, column in enumerate(columns):
            try:
                model = self._catalogue.model(column.model)
                check_ready(model)
                for share in column.shares:
                    if share.run:
                        self._catalogue.run(share.run)
                    else:
                        adapter = self._catalogue.adapter(share.adapter)
                        check_base(adapter, model)
                        adapters[adapter.name] = adapter.id
            except InvalidInput as fault:
                raise type(fault)(
                    fault.template, fault.remedy_template, fields={f"columns[{number}]": fault}, **fault.values
                ) from fault
            who = compared_as(identity_of(column, adapters))
            if who in identities:
                raise InvalidInput.at(
                    f"columns[{number}]",
                    StudioError("Column {number} appears twice.", "Leave it out.", number=number + 1),
                )
            identities.add(who)
        return adapters

    def stop(self, id: int) -> None:
        """What is answered stays. Raises NotFound, or InvalidInput where it is over already."""
        evaluation = self._catalogue.evaluation(id)
        if not self._catalogue.change_evaluation(id, only=OPEN, status="stopped", fault={}, ended_at=time.time()):
            raise InvalidInput("The evaluation “{name}” has already ended.", name=evaluation.name)

    def resume(self, id: int) -> None:
        """Goes on where it was, and asks again what failed. Raises NotFound, or InvalidInput where nothing is left."""
        evaluation = self._catalogue.evaluation(id)
        if evaluation.status in OPEN:
            raise InvalidInput("The evaluation “{name}” has not ended.", "Wait until it ends.", name=evaluation.name)
        failures = self._catalogue.answer_counts(id).get(id, (0, 0))[1]
        if evaluation.status == "finished" and not failures:
            raise InvalidInput("The evaluation “{name}” has all its answers.", name=evaluation.name)
        self._catalogue.reopen_evaluation(id)

    def delete(self, id: int) -> None:
        """With its answers, also while it is under way. Votes stay. Raises NotFound."""
        self._catalogue.delete_evaluation(self._catalogue.evaluation(id).id)

    # worked on

    def tick(self) -> None:
        """Keeps one thread at work on the oldest open one. Called each second by whoever holds the home's lock."""
        if self._thread is not None and self._thread.is_alive():
            return
        waiting = self._catalogue.all_evaluations(*OPEN)
        if waiting:
            each_by_itself(waiting[-1:], self._work_on, self._fail)

    def _work_on(self, evaluation: Evaluation) -> None:
        self._over = threading.Event()
        work = EvaluationRunner(self._catalogue, self._bench, evaluation, self._over)
        self._thread = threading.Thread(target=work.run, name="evaluation", daemon=True)
        self._thread.start()

    def _fail(self, evaluation: Evaluation, fault: StudioError) -> None:
        self._catalogue.change_evaluation(
            evaluation.id, only=OPEN, status="failed", fault=fault.as_dict(), ended_at=time.time()
        )

    def close(self) -> None:
        """Ends the thread; whoever ticks next goes on."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(SECONDS_TO_END)

    # looked at

    def list(self) -> list[dict[str, Any]]:
        """Newest first; see evaluation_results.head."""
        counts, names = self._catalogue.answer_counts(), self._catalogue.adapter_names()
        return [results.head(e, counts.get(e.id, (0, 0)), names) for e in self._catalogue.all_evaluations()]

    def get(self, id: int) -> dict[str, Any]:
        """See evaluation_results.head. Raises NotFound."""
        evaluation = self._catalogue.evaluation(id)
        counts = self._catalogue.answer_counts(id).get(id, (0, 0))
        return results.head(evaluation, counts, self._catalogue.adapter_names())

    def summary(self, id: int) -> dict[str, Any]:
        """See evaluation_results.summary. Raises NotFound."""
        return results.summary(self._catalogue, self._catalogue.evaluation(id))

    def page(self, id: int, offset: int = 0, limit: int = 20, search: str = "") -> dict[str, Any]:
        """See evaluation_results.page; at most 200 prompts. Raises NotFound."""
        evaluation = self._catalogue.evaluation(id)
        return results.page(self._catalogue, evaluation, max(0, offset), min(max(1, limit), MAX_ROWS), search)

    def vote(
        self,
        id: int,
        place: int,
        choice: str,
        column: int | None = None,
        blind: bool = False,
        *,
        owner: str = "",
    ) -> None:
        """A vote on the answers to the prompt at `place`: see Votes.vote; the best one is that at `column`.

        Raises:
            NotFound: there is no such evaluation.
            InvalidInput: not all columns have answered it, or the vote cannot be.
        """
        evaluation = self._catalogue.evaluation(id)
        comparison = self._catalogue.comparisons_of(id, [place]).get(place)
        if comparison is None:
            answers = self._catalogue.answers(id, [place])
            if len(answers) < len(evaluation.columns):
                raise InvalidInput("Not all columns have answered this prompt.", "Wait until they have answered.")
            prompts, _ = self._catalogue.prompts(evaluation.set_id, place, 1)
            comparison_id = self._votes.record(
                prompts[0].text, "", evaluation.sampling, evaluation.columns, results.states(answers),
                id, place, adapters=evaluation.adapters, owner=owner,
            )  # fmt: skip
        else:
            comparison_id = comparison.id
        self._votes.vote(comparison_id, choice, column, blind, owner=owner)

    def export(self, id: int, format: str) -> str:
        """`jsonl` has a line for each prompt with all its answers, `csv` one for each answer.

        Raises:
            NotFound: there is no such evaluation.
            InvalidInput: there is no such format.
        """
        check_format(format)
        return results.export(self._catalogue, self._catalogue.evaluation(id), format)

    def of_adapter(self, name: str) -> Sequence[dict[str, Any]]:
        """Before and after: see evaluation_results.before_and_after. Raises NotFound."""
        return results.before_and_after(self._catalogue, self._catalogue.adapter(name))
