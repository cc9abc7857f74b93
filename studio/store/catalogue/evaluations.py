"""The catalogue's queries of prompt sets, evaluations and their answers."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import and_, case, delete, exists, func, insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from studio.domain.errors import InvalidInput, NotFound
from studio.domain.metrics import SCORES
from studio.store.catalogue.idempotency import KeyedRecords
from studio.store.catalogue.paging import page_of
from studio.store.tables.evaluations import Evaluation, EvaluationAnswer, Prompt, PromptSet
from studio.store.tables.playground import Comparison

OPEN = ("queued", "running")

Answer = EvaluationAnswer


class EvaluationRecords(KeyedRecords):
    # prompt sets

    def add_prompt_set(self, prompts: Sequence[Mapping[str, Any]], **fields: Any) -> PromptSet:
        """The set with its prompts (messages, text, reference), or nothing. Raises InvalidInput: the name is taken."""
        references = sum(bool(prompt["reference"]) for prompt in prompts)
        record = PromptSet(prompts=len(prompts), references=references, created_at=time.time(), **fields)
        try:
            with self._session() as session:
                session.add(record)
                session.flush()
                rows = [{"set_id": record.id, "place": place, **prompt} for place, prompt in enumerate(prompts)]
                session.execute(insert(Prompt), rows)
        except IntegrityError as error:
            raise _set_name_taken(fields["name"]) from error
        return record

    def prompt_set(self, id: int) -> PromptSet:
        """Raises NotFound."""
        with self._session() as session:
            record = session.get(PromptSet, id)
        if record is None or record.name is None:
            raise NotFound("There is no prompt set {id}.", "Choose another one, or add it again.", id=id)
        return record

    def prompt_set_named(self, name: str) -> PromptSet:
        """Raises NotFound."""
        with self._session() as session:
            record = session.scalar(select(PromptSet).where(PromptSet.name == name))
        if record is None:
            names = ", ".join(each.name or "" for each in self.prompt_sets()[:8])
            raise NotFound(
                "There is no prompt set named “{name}”.", "There are: {names}." if names else "There are none yet.",
                name=name, names=names,
            )  # fmt: skip
        return record

    def prompt_sets(self) -> Sequence[PromptSet]:
        """Newest first."""
        with self._session() as session:
            return session.scalars(
                select(PromptSet).where(PromptSet.name.is_not(None)).order_by(PromptSet.id.desc())
            ).all()

    def rename_prompt_set(self, id: int, name: str) -> None:
        """Its evaluations follow. Raises InvalidInput: the name is taken."""
        try:
            with self._session() as session:
                session.execute(update(PromptSet).where(PromptSet.id == id).values(name=name))
                session.execute(update(Evaluation).where(Evaluation.set_id == id).values(set_name=name))
        except IntegrityError as error:
            raise _set_name_taken(name) from error

    def delete_prompt_set(self, id: int) -> None:
        """Its prompts stay as long as an evaluation has answers to them."""
        with self._session() as session:
            session.execute(update(PromptSet).where(PromptSet.id == id).values(name=None))
            _drop_unused_sets(session)

    def prompts(
        self, set_id: int, offset: int = 0, limit: int | None = None, *, search: str = "", evaluation_id: int = 0
    ) -> tuple[Sequence[Prompt], int]:
        """By place, and how many there are. Every word of `search` must stand in the prompt, its reference or an answer
        of that evaluation."""
        conditions = [Prompt.set_id == set_id]
        for word in search.split():
            has_answer = exists().where(
                Answer.evaluation_id == evaluation_id,
                Answer.place == Prompt.place,
                Answer.text.icontains(word, autoescape=True),
            )
            fields = (Prompt.text, Prompt.reference)
            conditions.append(or_(*(f.icontains(word, autoescape=True) for f in fields), has_answer))
        with self._session() as session:
            count = session.scalar(select(func.count()).select_from(Prompt).where(*conditions)) or 0
            query = page_of(select(Prompt).where(*conditions).order_by(Prompt.place), offset, limit)
            return session.scalars(query).all(), count

    # evaluations

    def add_evaluation(self, **fields: Any) -> Evaluation:
        """A queued one, or the one there is already where the same `key` was submitted before.

        Raises NotFound: its prompt set was deleted.
        """

        def make(session: Session) -> Evaluation:
            record = Evaluation(status="queued", created_at=time.time(), **fields)
            session.add(record)
            session.flush()
            return record

        try:
            return self._once(Evaluation, fields.get("key"), make)
        except IntegrityError:
            self.prompt_set(fields["set_id"])
            raise

    def evaluation_by_key(self, key: str) -> Evaluation | None:
        return self._by_key(Evaluation, key)

    def evaluation(self, id: int) -> Evaluation:
        """Raises NotFound."""
        with self._session() as session:
            record = session.get(Evaluation, id)
        if record is None:
            raise NotFound("There is no evaluation {id}.", "The list of evaluations shows all of them.", id=id)
        return record

    def all_evaluations(self, *statuses: str) -> Sequence[Evaluation]:
        """Newest first; only those of the given statuses, if any are given."""
        query = select(Evaluation).order_by(Evaluation.id.desc())
        with self._session() as session:
            return session.scalars(query.where(Evaluation.status.in_(statuses)) if statuses else query).all()

    def change_evaluation(self, id: int, *, only: Sequence[str] = (), **fields: Any) -> bool:
        """False where it is gone, or has none of the statuses in `only`: nothing is changed then."""
        query = update(Evaluation).where(Evaluation.id == id)
        if only:
            query = query.where(Evaluation.status.in_(only))
        with self._session() as session:
            return session.scalar(query.values(**fields).returning(Evaluation.id)) is not None

    def reopen_evaluation(self, id: int) -> None:
        """Queued again, without the answers that failed. Votes on prompts that it asks anew stay, apart from it."""
        with self._session() as session:
            failed_places = select(Answer.place).where(Answer.evaluation_id == id, Answer.failed)
            session.execute(
                update(Comparison)
                .where(Comparison.evaluation_id == id, Comparison.place.in_(failed_places))
                .values(evaluation_id=None, place=None)
                .execution_options(synchronize_session=False)
            )
            session.execute(delete(Answer).where(Answer.evaluation_id == id, Answer.failed))
            session.execute(
                update(Evaluation)
                .where(Evaluation.id == id, Evaluation.status.not_in(OPEN))
                .values(status="queued", fault={}, corpus={}, ended_at=None)
            )

    def delete_evaluation(self, id: int) -> None:
        """With its answers. The comparisons that people voted on stay."""
        with self._session() as session:
            session.execute(delete(Evaluation).where(Evaluation.id == id))
            _drop_unused_sets(session)

    # answers

    def prompts_to_ask(self, evaluation: Evaluation, start: int, limit: int) -> Sequence[tuple[Prompt, set[int]]]:
        """The next prompts from `start` on that not all columns have answered, with those that have."""
        answer_counts = (
            select(Answer.place, func.count().label("count"))
            .where(Answer.evaluation_id == evaluation.id, Answer.place >= start)
            .group_by(Answer.place)
            .subquery()
        )
        query = (
            select(Prompt)
            .outerjoin(answer_counts, answer_counts.c.place == Prompt.place)
            .where(Prompt.set_id == evaluation.set_id, Prompt.place >= start)
            .where(func.coalesce(answer_counts.c.count, 0) < len(evaluation.columns))
            .order_by(Prompt.place)
            .limit(limit)
        )
        with self._session() as session:
            prompts = session.scalars(query).all()
            places = [prompt.place for prompt in prompts]
            answered_columns = select(Answer.place, Answer.column).where(
                Answer.evaluation_id == evaluation.id, Answer.place.in_(places)
            )
            there = session.execute(answered_columns).all()
        return [(p, {row.column for row in there if row.place == p.place}) for p in prompts]

    def record_answer(self, evaluation_id: int, place: int, column: int, **fields: Any) -> bool:
        """Puts an answer down, once. False where the evaluation is not running any more: it is not put down then."""
        values = {"text": "", "error": {}, "failed": False, "tokens": 0, "tokens_per_second": 0.0, "label": {}}
        values |= {"scores": {}, "first_token_seconds": 0.0, "finish": "", "note": "", "at": time.time(), **fields}
        values |= {"evaluation_id": evaluation_id, "place": place, "column": column}
        table = Answer.__table__
        row = select(*(literal(value, table.c[name].type) for name, value in values.items()))
        running = exists().where(Evaluation.id == evaluation_id, Evaluation.status == "running")
        dialect_insert = sqlite_insert if self.engine.dialect.name == "sqlite" else postgresql_insert
        try:
            with self._session() as session:
                session.execute(
                    dialect_insert(Answer).from_select(list(values), row.where(running)).on_conflict_do_nothing()
                )
                return bool(session.scalar(select(running)))
        except IntegrityError:  # deleted in this very moment
            return False

    def answers(self, evaluation_id: int, places: Sequence[int] | None = None) -> Sequence[EvaluationAnswer]:
        """By place and column; all, or those to the prompts at the given places."""
        query = select(Answer).where(Answer.evaluation_id == evaluation_id).order_by(Answer.place, Answer.column)
        with self._session() as session:
            return session.scalars(query if places is None else query.where(Answer.place.in_(places))).all()

    def answers_to_measure(self, evaluation: Evaluation, limit: int) -> Sequence[tuple[EvaluationAnswer, Prompt]]:
        """Those whose prompt has a reference that was not read yet."""
        query = (
            select(Answer, Prompt)
            .join(Prompt, and_(Prompt.set_id == evaluation.set_id, Prompt.place == Answer.place))
            .where(Answer.evaluation_id == evaluation.id, Answer.loss_tokens.is_(None), ~Answer.failed)
            .where(Prompt.reference != "")
            .order_by(Answer.place, Answer.column)
            .limit(limit)
        )
        with self._session() as session:
            return [(row[0], row[1]) for row in session.execute(query)]

    def record_loss(self, answer: EvaluationAnswer, loss: float | None, tokens: int) -> None:
        place = (Answer.evaluation_id == answer.evaluation_id, Answer.place == answer.place)
        with self._session() as session:
            session.execute(
                update(Answer).where(*place, Answer.column == answer.column).values(loss=loss, loss_tokens=tokens)
            )

    def answer_counts(self, evaluation_id: int | None = None) -> dict[int, tuple[int, int]]:
        """By evaluation: how many answers are there, and how many of them failed."""
        query = select(Answer.evaluation_id, func.count(), func.sum(case((Answer.failed, 1), else_=0)))
        if evaluation_id is not None:
            query = query.where(Answer.evaluation_id == evaluation_id)
        with self._session() as session:
            return {row[0]: (row[1], row[2]) for row in session.execute(query.group_by(Answer.evaluation_id))}

    def figures(self, evaluation_id: int) -> dict[int, dict[str, Any]]:
        """By column: answered, failed, tokens, tokens_per_second, the mean of each score, loss, loss_tokens."""
        done = case((Answer.failed, None), else_=1)
        weighted = func.sum(Answer.loss * Answer.loss_tokens) / func.nullif(func.sum(Answer.loss_tokens), 0)
        query = select(
            Answer.column,
            func.count(done).label("answered"),
            (func.count() - func.count(done)).label("failed"),
            func.sum(Answer.tokens).label("tokens"),
            func.avg(Answer.tokens_per_second * done).label("tokens_per_second"),
            *(func.avg(Answer.scores[score.name].as_float()).label(score.name) for score in SCORES),
            weighted.label("loss"),
            func.coalesce(func.sum(Answer.loss_tokens), 0).label("loss_tokens"),
        ).where(Answer.evaluation_id == evaluation_id)
        with self._session() as session:
            rows = session.execute(query.group_by(Answer.column)).mappings()
            return {row["column"]: {k: v for k, v in row.items() if k != "column"} for row in rows}

    def answers_and_references(self, evaluation: Evaluation, column: int) -> Sequence[tuple[str, str]]:
        """Of every prompt with a reference that the column has answered, in order: its answer, the reference."""
        query = (
            select(Answer.text, Prompt.reference)
            .join(Prompt, and_(Prompt.set_id == evaluation.set_id, Prompt.place == Answer.place))
            .where(Answer.evaluation_id == evaluation.id, Answer.column == column, ~Answer.failed)
            .where(Prompt.reference != "")
            .order_by(Answer.place)
        )
        with self._session() as session:
            return [(row[0], row[1]) for row in session.execute(query)]


def _drop_unused_sets(session: Session) -> None:
    """Deleted sets that no evaluation needs any more."""
    used_sets = select(Evaluation.set_id)
    session.execute(
        delete(PromptSet)
        .where(PromptSet.name.is_(None), PromptSet.id.not_in(used_sets))
        .execution_options(synchronize_session=False)
    )


def _set_name_taken(name: str) -> InvalidInput:
    fault = InvalidInput("There is already a prompt set named “{name}”.", "Choose another name.", name=name)
    return InvalidInput.at("name", fault)
