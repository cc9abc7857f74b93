"""The catalogue's queries of the playground: conversations, comparisons and the votes on them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import defer

from studio.domain.errors import NotFound
from studio.store.catalogue.idempotency import KeyedRecords
from studio.store.catalogue.paging import page_of
from studio.store.tables.adapters import Adapter
from studio.store.tables.playground import Comparison, Conversation, Vote


class CastVote(NamedTuple):
    """A vote with what it was cast on."""

    choice: str
    place: int | None
    blind: bool
    at: float
    key: str
    contenders: list[dict[str, Any]]


class PlaygroundRecords(KeyedRecords):
    # conversations

    def add_conversation(self, **fields: Any) -> Conversation:
        now = time.time()
        record = Conversation(created_at=now, changed_at=now, **fields)
        with self._session() as session:
            session.add(record)
        return record

    def conversation(self, id: int) -> Conversation:
        """Raises NotFound."""
        with self._session() as session:
            record = session.get(Conversation, id)
        if record is None:
            raise _no_conversation(id)
        return record

    def conversations(self, search: str = "") -> Sequence[Conversation]:
        """The last changed first, without their `content`. Every word of `search` must stand in the name."""
        words = [Conversation.name.icontains(word, autoescape=True) for word in search.split()]
        query = select(Conversation).where(and_(True, *words)).options(defer(Conversation.content))
        with self._session() as session:
            return session.scalars(query.order_by(Conversation.changed_at.desc(), Conversation.id.desc())).all()

    def change_conversation(self, id: int, **fields: Any) -> None:
        """Raises NotFound."""
        with self._session() as session:
            statement = update(Conversation).where(Conversation.id == id).values(changed_at=time.time(), **fields)
            if session.scalar(statement.returning(Conversation.id)) is None:
                raise _no_conversation(id)

    def delete_conversation(self, id: int) -> None:
        """Raises NotFound."""
        with self._session() as session:
            if session.scalar(delete(Conversation).where(Conversation.id == id).returning(Conversation.id)) is None:
                raise _no_conversation(id)

    # comparisons

    def add_comparison(self, **fields: Any) -> Comparison:
        """The one there is already where the same prompt of an evaluation was put down before."""
        record = Comparison(at=time.time(), **fields)
        try:
            with self._session() as session:
                session.add(record)
        except IntegrityError:
            place = (fields.get("evaluation_id"), fields.get("place"))
            if earlier := self.comparisons_of(place[0] or 0).get(place[1] or 0):
                return earlier
            raise
        return record

    def comparison(self, id: int) -> Comparison:
        """Raises NotFound."""
        with self._session() as session:
            record = session.get(Comparison, id)
        if record is None:
            raise NotFound("There is no comparison {id}.", "Compare again, then vote.", id=id)
        return record

    def comparisons_of(self, evaluation_id: int, places: Sequence[int] | None = None) -> dict[int, Comparison]:
        """Those that were put down of an evaluation, by the prompt's place; all, or those of the given places."""
        query = select(Comparison).where(Comparison.evaluation_id == evaluation_id)
        if places is not None:
            query = query.where(Comparison.place.in_(places))
        with self._session() as session:
            return {record.place: record for record in session.scalars(query) if record.place is not None}

    def comparisons(self, offset: int = 0, limit: int | None = None) -> tuple[Sequence[Comparison], int]:
        """Newest first, and how many there are in all."""
        query = page_of(select(Comparison).order_by(Comparison.id.desc()), offset, limit)
        with self._session() as session:
            count = session.scalar(select(func.count()).select_from(Comparison)) or 0
            return session.scalars(query).all(), count

    def delete_comparison(self, id: int) -> None:
        """With its votes. Raises NotFound."""
        self.comparison(id)
        with self._session() as session:
            session.execute(delete(Comparison).where(Comparison.id == id))

    # votes

    def add_vote(self, **fields: Any) -> None:
        """Raises NotFound: the comparison was deleted."""
        try:
            with self._session() as session:
                session.add(Vote(at=time.time(), **fields))
        except IntegrityError:
            self.comparison(fields["comparison_id"])
            raise

    def votes_on(self, comparisons: Sequence[int]) -> dict[int, list[Vote]]:
        """The votes on those comparisons, in the order they were cast."""
        votes: dict[int, list[Vote]] = {id: [] for id in comparisons}
        with self._session() as session:
            for vote in session.scalars(select(Vote).where(Vote.comparison_id.in_(comparisons)).order_by(Vote.id)):
                votes[vote.comparison_id].append(vote)
        return votes

    def votes(self, *, evaluation_id: int | None = None, blind_only: bool = False) -> Sequence[CastVote]:
        """In the order they were cast; all, or those of one evaluation."""
        query = select(Vote.choice, Vote.place, Vote.blind, Vote.at, Comparison.key, Comparison.contenders)
        query = query.join(Comparison, Comparison.id == Vote.comparison_id).order_by(Vote.id)
        if evaluation_id is not None:
            query = query.where(Comparison.evaluation_id == evaluation_id)
        if blind_only:
            query = query.where(Vote.blind)
        with self._session() as session:
            return [CastVote(*row) for row in session.execute(query)]

    def adapter_names(self) -> dict[int, str]:
        """What the adapters are called now, by id."""
        with self._session() as session:
            return {row.id: row.name for row in session.execute(select(Adapter.id, Adapter.name))}


def _no_conversation(id: int) -> NotFound:
    return NotFound("There is no conversation {id}.", "It was deleted. Save it as a new one.", id=id)
