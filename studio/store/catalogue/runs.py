"""The catalogue's queries of runs: the queue, what workers say, histories and curves."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session, defer

from studio.domain.errors import NotFound
from studio.domain.run import RunStatus, check_transition
from studio.domain.translation import N_
from studio.store.catalogue.idempotency import KeyedRecords
from studio.store.catalogue.paging import page_of
from studio.store.catalogue.search import matches
from studio.store.tables.base import Table
from studio.store.tables.runs import Metric, Run, Sample, Sweep, Transition

Fields = Mapping[str, Any]


class RunRecords(KeyedRecords):
    """Runs, and what belongs to them. Each change of a run's status is put down in its history at once."""

    # submitted

    def add_run(self, **fields: Any) -> Run:
        """A run at the end of the queue; the one there is already where the same `key` was submitted before."""
        run = self._once(Run, fields.get("key"), lambda session: _enqueue(session, fields))
        self._keep_file(Run, run.id)
        return run

    def add_sweep(self, runs: Sequence[Fields], **fields: Any) -> Sweep:
        """A sweep with all of its runs, or nothing; the one there is already where the same `key` was submitted."""

        def make(session: Session) -> Sweep:
            sweep = Sweep(created_at=time.time(), **fields)
            session.add(sweep)
            session.flush()
            for run in runs:
                _enqueue(session, {**run, "sweep_id": sweep.id})
            return sweep

        sweep = self._once(Sweep, fields.get("key"), make)
        for run in self.runs(sweep_id=sweep.id):
            self._keep_file(Run, run.id)
        return sweep

    def run_by_key(self, key: str) -> Run | None:
        return self._by_key(Run, key)

    # looked at

    def run(self, id: int) -> Run:
        """Raises NotFound."""
        with self._session() as session:
            run = session.get(Run, id)
        if run is None:
            raise NotFound("There is no run {id}.", "The Runs page lists all runs.", id=id)
        return run

    def sweep(self, id: int) -> Sweep:
        """Raises NotFound."""
        with self._session() as session:
            sweep = session.get(Sweep, id)
        if sweep is None:
            raise NotFound("There is no sweep {id}.", "The Runs page lists all runs.", id=id)
        return sweep

    def runs(self, *statuses: RunStatus, sweep_id: int | None = None) -> Sequence[Run]:
        """Newest first; only those of the given statuses or of that sweep, if any are given."""
        query = select(Run).order_by(Run.id.desc())
        if statuses:
            query = query.where(Run.status.in_(statuses))
        if sweep_id is not None:
            query = query.where(Run.sweep_id == sweep_id)
        with self._session() as session:
            return session.scalars(query).all()

    def runs_page(
        self, *, search: str = "", statuses: Sequence[RunStatus] = (), offset: int = 0, limit: int = 50
    ) -> tuple[Sequence[Run], int]:
        """Newest first, and how many there are in all. Every word of `search` must stand in the name, the base's or
        the dataset's. Comes without what is long: `spec` and `started` are not to be read."""
        fields = (Run.name, Run.model_name, Run.dataset_name)
        conditions = [matches(word, fields, Run.mixture) for word in search.split()]
        if statuses:
            conditions.append(Run.status.in_(statuses))
        query = select(Run).where(and_(True, *conditions)).options(defer(Run.spec), defer(Run.started))
        with self._session() as session:
            count = session.scalar(select(func.count()).select_from(Run).where(and_(True, *conditions))) or 0
            return session.scalars(page_of(query.order_by(Run.id.desc()), offset, limit)).all(), count

    def runs_with_worker(self) -> Sequence[Run]:
        return self.runs(*(s for s in RunStatus if s.has_worker))

    def history(self, id: int) -> Sequence[Transition]:
        """In the order it happened."""
        with self._session() as session:
            return session.scalars(select(Transition).where(Transition.run_id == id).order_by(Transition.id)).all()

    # the queue

    def queue(self) -> Sequence[Run]:
        """All that waits, the next one first, those on hold among them."""
        query = select(Run).where(Run.status == RunStatus.QUEUED).order_by(Run.position, Run.id)
        with self._session() as session:
            return session.scalars(query).all()

    def order_queue(self, ids: Sequence[int]) -> None:
        """Puts the runs in this order, before all others that wait."""
        with self._session() as session:
            waiting = session.scalars(
                select(Run.id).where(Run.status == RunStatus.QUEUED).order_by(Run.position, Run.id)
            ).all()
            first = [id for id in ids if id in waiting]
            for position, id in enumerate([*first, *(id for id in waiting if id not in first)], start=1):
                session.execute(update(Run).where(Run.id == id).values(position=position))

    # changed

    def change_run(
        self,
        id: int,
        status: RunStatus | None = None,
        *,
        reason: str = "",
        values: Fields | None = None,
        at: float | None = None,
        **fields: Any,
    ) -> None:
        """Raises ImpossibleTransition where the run may not become `status`. A change of status goes into its history
        with its `reason`, a sentence whose placeholders stand in `values`."""
        with self._session() as session:
            if status is not None:
                now = RunStatus(session.scalars(select(Run.status).where(Run.id == id)).one())
                if now is not status:
                    check_transition(now, status)
                    fields["status"] = status
                    session.add(_transition(id, status, reason, values or {}, at))
                    if status is RunStatus.QUEUED:
                        fields.setdefault("position", _last_position(session) + 1)
            if fields:
                session.execute(update(Run).where(Run.id == id).values(**fields))
        if status is not None:
            self._keep_file(Run, id)

    def record_progress(
        self,
        id: int,
        metrics: Iterable[Fields],
        *,
        samples: Iterable[Fields] = (),
        notes: Iterable[tuple[float, str, Fields]] = (),
        forget_after: int | None = None,
        **fields: Any,
    ) -> None:
        """What a worker said, in one transaction: none lost, none doubled.

        `fields` are the run's own (`offset` among them), `notes` go into its history with their time. Figures of steps
        after `forget_after` are gone first, since the run went back to it, and its losses are those that are left.
        """
        with self._session() as session:
            if forget_after is not None:
                for table in (Metric, Sample):
                    session.execute(delete(table).where(table.run_id == id, table.step > forget_after))
            self._put(session, Metric, [dict(row, run_id=id) for row in metrics])
            self._put(session, Sample, [dict(row, run_id=id) for row in samples])
            if forget_after is not None:  # its newest figures are those of the steps that are left
                fields = _newest_losses(session, id) | fields
            session.execute(update(Run).where(Run.id == id).values(**fields))
            for at, reason, values in notes:
                status = session.scalars(select(Run.status).where(Run.id == id)).one()
                session.add(_transition(id, RunStatus(status), reason, values, at))

    def _put(self, session: Session, table: type[Table], rows: Sequence[Fields]) -> None:
        """Each row in the place of the one with the same key, if there is any."""
        if not rows:
            return
        statement = (sqlite_insert if self.engine.dialect.name == "sqlite" else _postgresql_insert())(table)
        columns = table.__table__.columns
        new_values = {c.key: statement.excluded[c.key] for c in columns if not c.primary_key}
        keys = [c.key for c in columns if c.primary_key]
        session.execute(statement.on_conflict_do_update(index_elements=keys, set_=new_values), rows)

    # curves

    def metrics(self, run_id: int, *, after: int = -1) -> Sequence[Metric]:
        """In the order they were recorded; only those with a larger `seq`."""
        query = select(Metric).where(Metric.run_id == run_id, Metric.seq > after)
        with self._session() as session:
            return session.scalars(query.order_by(Metric.seq, Metric.step)).all()

    def curve(self, run_id: int, most: int) -> Sequence[Metric]:
        """In the order of steps, at most about `most` of them: of each stretch the step with the smallest and the one
        with the largest loss are there, as are the first and the last, and every evaluation up to `most`."""
        with self._session() as session:
            points: list[Metric] = []
            for kind in ("step", "eval"):
                mine = and_(Metric.run_id == run_id, Metric.kind == kind)
                count, first, last = session.execute(
                    select(func.count(), func.min(Metric.step), func.max(Metric.step)).where(mine)
                ).one()
                if count <= most:
                    points += session.scalars(select(Metric).where(mine).order_by(Metric.step)).all()
                    continue
                stretch = _stretch(first, last, most)
                low = func.row_number().over(partition_by=stretch, order_by=(Metric.loss, Metric.step))
                high = func.row_number().over(partition_by=stretch, order_by=(Metric.loss.desc(), Metric.step))
                ranks = select(Metric.step, low.label("low"), high.label("high")).where(mine).subquery()
                extremes = select(ranks.c.step).where(or_(ranks.c.low == 1, ranks.c.high == 1))
                is_shown = or_(Metric.step.in_(extremes), Metric.step.in_((first, last)))
                points += session.scalars(select(Metric).where(mine, is_shown).order_by(Metric.step)).all()
        return points

    def means(self, run_id: int, most: int) -> Sequence[tuple[int, float | None, int]]:
        """Of each stretch of `curve` its last step, its mean training loss, and how many steps it has; none where the
        curve has every step."""
        mine = and_(Metric.run_id == run_id, Metric.kind == "step")
        with self._session() as session:
            count, first, last = session.execute(
                select(func.count(), func.min(Metric.step), func.max(Metric.step)).where(mine)
            ).one()
            if count <= most:
                return []
            stretch = _stretch(first, last, most)
            query = select(func.max(Metric.step), func.avg(Metric.loss), func.count()).where(mine)
            return [(end, mean, n) for end, mean, n in session.execute(query.group_by(stretch).order_by(stretch))]

    def newest_seq(self, run_id: int) -> int:
        """The largest `seq` of its figures and sample answers."""
        with self._session() as session:
            return max(
                session.scalar(select(func.max(table.seq)).where(table.run_id == run_id)) or 0
                for table in (Metric, Sample)
            )

    def newest_steps(self, run_id: int, most: int) -> Sequence[Metric]:
        query = select(Metric).where(Metric.run_id == run_id, Metric.kind == "step").order_by(Metric.step.desc())
        with self._session() as session:
            return session.scalars(query.limit(most)).all()[::-1]

    def evaluations(self, run_id: int) -> dict[int, float | None]:
        """The loss on the validation rows, by step."""
        query = select(Metric.step, Metric.loss).where(Metric.run_id == run_id, Metric.kind == "eval")
        with self._session() as session:
            return {row.step: row.loss for row in session.execute(query.order_by(Metric.step))}

    def losses_at(self, run_id: int, step: int) -> dict[str, float | None]:
        """After one step by kind: "step" is the mean training loss of the ten steps up to it, which is what a worker
        tells as a run's, and "eval" that on the validation rows."""
        query = select(Metric.kind, func.avg(Metric.loss).label("loss")).where(
            Metric.run_id == run_id,
            or_(
                and_(Metric.kind == "step", Metric.step > step - 10, Metric.step <= step),
                and_(Metric.kind == "eval", Metric.step == step),
            ),
        )
        with self._session() as session:
            return {row.kind: row.loss for row in session.execute(query.group_by(Metric.kind))}

    def losses(self, run: Run, most: int = 40) -> Sequence[float | None]:
        """At most about `most` training losses, evenly spread over the run, for a small picture of it."""
        every = max(1, run.step // most)
        query = select(Metric.loss).where(Metric.run_id == run.id, Metric.kind == "step", Metric.step % every == 0)
        with self._session() as session:
            return session.scalars(query.order_by(Metric.step)).all()

    def samples(self, run_id: int, *, after: int = -1) -> Sequence[Sample]:
        """By step and place; only those with a larger `seq`."""
        query = select(Sample).where(Sample.run_id == run_id, Sample.seq > after)
        with self._session() as session:
            return session.scalars(query.order_by(Sample.step, Sample.place)).all()


def _stretch(first: int, last: int, most: int) -> ColumnElement[int]:
    """Which stretch a step is in, where a curve from `first` to `last` has two points of each and `most` in all."""
    width = -(-(last - first + 1) // max(1, (most - 2) // 2))
    return (Metric.step - first) // width


def _enqueue(session: Session, fields: Fields) -> Run:
    run = Run(status=RunStatus.QUEUED, created_at=time.time(), position=_last_position(session) + 1, **fields)
    session.add(run)
    session.flush()
    session.add(_transition(run.id, RunStatus.QUEUED, reason=N_("Submitted."), values={}, at=run.created_at))
    return run


def _last_position(session: Session) -> int:
    return session.scalar(select(func.max(Run.position)).where(Run.status == RunStatus.QUEUED)) or 0


def _transition(id: int, status: RunStatus, reason: str, values: Fields, at: float | None) -> Transition:
    at = time.time() if at is None else at
    return Transition(run_id=id, at=at, status=status, reason=reason, values=dict(values))


def _postgresql_insert() -> Any:
    from sqlalchemy.dialects.postgresql import insert

    return insert


def _newest_losses(session: Session, run_id: int) -> dict[str, Any]:
    """A run's newest and best losses, as its curve has them."""
    curve = select(Metric.kind, Metric.step, Metric.loss).where(Metric.run_id == run_id).order_by(Metric.step)
    rows = session.execute(curve).all()
    train_losses = [row.loss for row in rows if row.kind == "step"]
    evaluations = [row for row in rows if row.kind == "eval"]
    finite_evaluations = [row for row in evaluations if row.loss is not None and math.isfinite(row.loss)]
    best = min(finite_evaluations, key=lambda row: row.loss, default=None)
    return {
        "train_loss": train_losses[-1] if train_losses else None,
        "eval_loss": evaluations[-1].loss if evaluations else None,
        "best_eval_loss": best.loss if best else None,
        "best_step": best.step if best else None,
    }
