"""Votes: comparisons are stored with their answers, and people say which one is best."""

from __future__ import annotations

import json
import threading
import time
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from studio.domain.columns import Column
from studio.domain.errors import InvalidInput, StudioError
from studio.services.playground.column_identity import identity_of, key_of, name_of, read_columns
from studio.services.playground.leaderboard import agreement, standings
from studio.services.shared.csv_export import csv_text
from studio.services.shared.json_limits import kept_json, kept_text
from studio.store.catalogue import Catalogue
from studio.store.tables.playground import Comparison, Vote

CHOICES = ("best", "tie", "bad")
PAGE = 20  # comparisons
EXPORTED_AT_ONCE = 200
PERSISTED_FIELDS = (
    "name", "state", "text", "tokens", "tokens_per_second", "first_token_seconds", "finish", "note", "rows", "label",
    "effect", "error",
)  # fmt: skip
"""Of a column's state; probabilities of its tokens are not."""


class Votes:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._one_at_a_time = threading.Lock()

    def record(
        self,
        prompt: str,
        system: str,
        sampling: Mapping[str, Any],
        columns: Sequence[Column | Mapping[str, Any]],
        states: Sequence[Mapping[str, Any]],
        evaluation: int | None = None,
        place: int | None = None,
        *,
        adapters: Mapping[str, int] | None = None,
        owner: str = "",
    ) -> int:
        """Keeps a comparison whose columns are all over; returns its id. A prompt of an evaluation is kept once.

        Args:
            columns, states: One of each for a place; the columns as domain.columns.Column, the states as the
                playground's ColumnState, both as JSON.
            adapters: The ids of the adapters in them by name, where they may be called otherwise by now.

        Raises:
            InvalidInput: a column still answers, none has answered, or it is too large to be kept.
        """
        read = read_columns(columns)
        if len(read) != len(states):
            raise InvalidInput(
                "There {columns:is|are} {columns} {columns:column|columns}, and {states} {states:answer|answers}.",
                "Reload the page and compare again.",
                columns=len(read), states=len(states),
            )  # fmt: skip
        if any(state.get("state") in ("waiting", "streaming") for state in states):
            raise InvalidInput("Not all columns are done.", "Wait until they are, or stop them.")
        if not any(state.get("state") == "done" for state in states):
            raise InvalidInput("No column has answered.", "Compare again.")
        ids = adapters
        if ids is None:
            ids = {name: id for id, name in self._catalogue.adapter_names().items()}
        contenders = [
            identity_of(
                column, ids,
                precision=str((state.get("label") or {}).get("precision") or ""),
                has_answered=state["state"] == "done" and is_seen(str(state.get("text") or "")),
            )
            for column, state in zip(read, states, strict=True)
        ]  # fmt: skip
        prompt, system = kept_text(prompt), kept_text(system)
        kept_json([prompt, system], "prompt")
        return self._catalogue.add_comparison(
            key=key_of(prompt, system, contenders), prompt=prompt, system=system,
            sampling=kept_json(dict(sampling), "sampling"), contenders=contenders,
            states=kept_json([_persisted_fields(state) for state in states], "states"),
            evaluation_id=evaluation, place=place, owner=owner,
        ).id  # fmt: skip

    def vote(
        self, comparison_id: int, choice: str, place: int | None = None, blind: bool = False, *, owner: str = ""
    ) -> None:
        """Keeps a vote: `best` is the answer at `place`, `tie` none in particular, `bad` that all are. A second vote on
        the same comparison is kept too; but a `blind` one, of somebody who did not know who is who, is the first and
        the last of its comparison.

        Raises:
            NotFound: there is no such comparison.
            InvalidInput: there is no such choice or answer, or nothing to choose between; it was judged blind already,
                or is to be although it was judged before, or although one of its answers cannot be seen.
        """
        comparison = self._catalogue.comparison(comparison_id)
        if choice not in CHOICES:
            raise InvalidInput("“{choice}” is not a vote.", "Choose best, tie or bad.", choice=choice)
        places = [i for i, one in enumerate(comparison.contenders) if one["answered"]]
        if len(places) < 2:
            raise InvalidInput("There is only one answer.", "Compare at least two columns, then vote.")
        if choice != "best":
            place = None
        elif place not in places:
            raise InvalidInput("There is no answer here.", "Choose a column that has answered.")
        if blind and len(places) < len(comparison.contenders):
            raise InvalidInput("Not every column has a visible answer.", "Ask again, or vote with the names shown.")
        with self._one_at_a_time:
            earlier = self._catalogue.votes_on([comparison.id])[comparison.id]
            if any(vote.blind for vote in earlier):
                raise InvalidInput("This comparison has already been judged blind.", "Ask again to judge once more.")
            if blind and earlier:
                raise InvalidInput(
                    "This comparison has already been judged with the names shown.", "Ask again to judge it blind."
                )
            self._catalogue.add_vote(comparison_id=comparison.id, choice=choice, place=place, blind=blind, owner=owner)

    def standings(self, search: str = "", *, blind_only: bool = False) -> list[dict[str, Any]]:
        """See services.standings; only those with every word of `search` in the name or the base model's."""
        rows = standings(self._catalogue.votes(blind_only=blind_only), self._catalogue.adapter_names())
        words = search.casefold().split()
        return [row for row in rows if all(word in f"{row['name']} {row['model']}".casefold() for word in words)]

    def agreement(self) -> list[dict[str, Any]]:
        """See services.standings."""
        return agreement(self._catalogue.votes())

    def history(self, page: int = 1) -> dict[str, Any]:
        """The newest comparisons, 20 a page from 1 on: {"items": [{"id", "at", "prompt", "system", "sampling",
        "columns": [{"name", "model", "precision", "answered", …state}], "votes": [{"choice", "place", "blind", "at"}],
        "evaluation", "place"}], "page", "pages", "total"}."""
        page = max(1, page)
        comparisons, total = self._catalogue.comparisons((page - 1) * PAGE, PAGE)
        return {"items": self._items(comparisons), "page": page, "pages": -(-total // PAGE), "total": total}

    def delete(self, comparison_id: int) -> None:
        """With its votes. Raises NotFound."""
        self._catalogue.delete_comparison(comparison_id)

    def export(self, format: str) -> str:
        """Everything, newest first: `jsonl` has a line for each comparison with its answers and votes, `csv` one for
        each vote.

        Raises:
            InvalidInput: there is no such format.
        """
        check_format(format)
        if format == "jsonl":
            return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in self._all())
        header = ["comparison", "at", "prompt", "system", "choice", "best", "model", "blind", "columns"]
        return csv_text(header, (row for item in self._all() for row in _vote_rows(item)))

    def _all(self) -> Iterator[dict[str, Any]]:
        offset = 0
        while comparisons := self._catalogue.comparisons(offset, EXPORTED_AT_ONCE)[0]:
            yield from self._items(comparisons)
            offset += len(comparisons)

    def _items(self, comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
        votes = self._catalogue.votes_on([c.id for c in comparisons])
        names = self._catalogue.adapter_names()
        return [_item(comparison, votes[comparison.id], names) for comparison in comparisons]


def is_seen(text: str) -> bool:
    """Whether a reader sees anything of it."""
    return any(unicodedata.category(sign)[0] not in "CZ" for sign in text)


def check_format(format: str) -> None:
    """Raises InvalidInput."""
    if format not in ("csv", "jsonl"):
        raise InvalidInput("There is no export as “{format}”.", "Choose csv or jsonl.", format=format)


def _persisted_fields(state: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: state[name] for name in PERSISTED_FIELDS if name in state}
    if isinstance(error := fields.get("error"), StudioError):
        fields["error"] = error.as_dict()
    return fields


def _item(comparison: Comparison, votes: Sequence[Vote], names: Mapping[int, str]) -> dict[str, Any]:
    columns = [
        state
        | {"name": name_of(one, names), "model": one["model"], "precision": one["precision"]}
        | {"answered": one["answered"]}
        for one, state in zip(comparison.contenders, comparison.states, strict=True)
    ]
    return {
        "id": comparison.id, "at": comparison.at, "prompt": comparison.prompt, "system": comparison.system,
        "sampling": comparison.sampling, "columns": columns,
        "votes": [{"choice": v.choice, "place": v.place, "blind": v.blind, "at": v.at} for v in votes],
        "evaluation": comparison.evaluation_id, "place": comparison.place,
    }  # fmt: skip


def _vote_rows(item: Mapping[str, Any]) -> Iterator[list[Any]]:
    columns = item["columns"]
    answers = " | ".join(f"{c['model']}: {c['name'] or 'base'}" for c in columns if c["answered"])
    for vote in item["votes"]:
        best = columns[vote["place"]] if vote["place"] is not None else None
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(vote["at"]))
        yield [
            item["id"], at, item["prompt"], item["system"], vote["choice"], best and (best["name"] or "base"),
            best and best["model"], vote["blind"], answers,
        ]  # fmt: skip
