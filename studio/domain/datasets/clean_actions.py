"""What cleaning can do to a dataset: the one declaration of every action.

The flags of `studio datasets clean`, the offers on the page, the request to the worker and the history of a version are
all made from the fields of CleanActions. What an action does to the rows stands in studio/worker/ingest/cleaning.py;
one that only leaves out the rows whose problems it fixes needs nothing there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from studio.domain.datasets.nearness import LEAST_NEAR
from studio.domain.datasets.problem_kinds import PROBLEM_KINDS
from studio.domain.errors import InvalidInput

Value = bool | int | str | float


@dataclass(frozen=True)
class Way:
    """One way of doing an action, with its words.

    `label` stands on its button, `help` beside its flag. `found` says of how many rows it is offered, `also` the same
    beside a milder way that is offered too, and `done` what it has done; in `found` and `done`, `amount` is how far.
    `done_from` is for a way that has a threshold, of near duplicates: a number from 0 to 1, which stands for its value.
    `fixes` are the kinds of problems that it makes go away.
    """

    label: str
    help: str
    found: str
    done: str
    fixes: tuple[str, ...]
    also: str = ""
    done_from: str = ""
    flag: str = ""  # without one, it is offered on the page alone; behind a space stands the choice of an option


@dataclass(frozen=True)
class Traits:
    """What the studio has to know of an action beside its words.

    Attributes:
        counted_as: Its name in the counts of rows that were left out; without one, its own.
        skips_bad_rows: Rows of the files that could not be used are left out too, not carried over.
        changes: What it changes instead of leaving it out: rows, the texts in them, or rows that could not be used.
        not_changed: An action that changes rows says by this how many it had to leave out.
        amount: What its number is, for an action that has one: a setting of the command and of the page.
        needs_tokenizer: It is done with the tokenizer of a base model.
    """

    counted_as: str = ""
    skips_bad_rows: bool = False
    changes: Literal["", "rows", "texts", "refused rows"] = ""
    not_changed: str = ""
    amount: Literal["", "max_length"] = ""
    needs_tokenizer: bool = False


class CleanActions(BaseModel):
    """What is asked, in the order in which it is done. An action has a Way for each of its values, the milder ones
    first; the others include them."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    cut_to_answer: Annotated[
        bool,
        Way(
            "Cut after the last answer",
            "cut conversations that end without an answer after their last one, so that they can be trained on",
            "{n} {n:conversation goes|conversations go} on after the last answer.",
            "cut after the last answer ({n})",
            fixes=("no_answer",),
            flag="--cut-to-answer",
        ),
        Traits(changes="refused rows"),
    ] = False
    join_turns: Annotated[
        bool,
        Way(
            "Join the turns",
            "join two turns in a row by the same role, so that the row can be trained on",
            "{n} {n:row has|rows have} two turns in a row by the same role.",
            "turns by the same role joined ({n})",
            fixes=("same_role",),
            flag="--join-turns",
        ),
        Traits(changes="refused rows"),
    ] = False
    skip_bad_rows: Annotated[
        bool,
        Way(
            "Skip bad rows",
            "leave out rows that cannot be trained on",
            "{n} {n:row|rows} cannot be trained on.",
            "bad rows skipped ({n})",
            fixes=tuple(code for code, kind in PROBLEM_KINDS.items() if kind.level == "error"),
            flag="--skip-bad",
        ),
        Traits(counted_as="skip", skips_bad_rows=True),
    ] = False
    drop_duplicates: Annotated[
        Literal["exact", "near"] | Annotated[float, Field(strict=True, ge=LEAST_NEAR, le=1)] | None,
        Way(
            "Drop duplicates",
            "keep the first of identical rows",
            "{n} {n:duplicate|duplicates}.",
            "duplicates dropped ({n})",
            fixes=("duplicate",),
            flag="--drop-duplicates",
        ),
        Way(
            "Drop near duplicates",
            "drop near duplicates too",
            "{n} near {n:duplicate|duplicates}.",
            "duplicates and near duplicates dropped ({n})",
            fixes=("near_duplicate",),
            also="and {n} near {n:duplicate|duplicates}",
            done_from="duplicates and near duplicates from {amount} on dropped ({n})",
            flag="--near",
        ),
        Traits(counted_as="drop"),
    ] = None
    drop_leaks: Annotated[
        bool,
        Way(
            "Drop them here",
            "leave out rows that are in the validation set too",
            "{n} {n:row is|rows are} also in the validation set.",
            "rows of the validation set dropped ({n})",
            fixes=("leakage",),
        ),
        Traits(counted_as="drop"),
    ] = False
    repair_text: Annotated[
        bool,
        Way(
            "Repair the text",
            "repair garbled characters, and remove control characters",
            "{n} {n:text has|texts have} garbled or control characters.",
            "garbled text repaired ({n})",
            fixes=("mojibake", "control_characters"),
            flag="--repair",
        ),
        Traits(changes="texts"),
    ] = False
    redact_secrets: Annotated[
        bool,
        Way(
            "Replace secrets",
            "replace likely secrets by [SECRET]",
            "{n} {n:text seems|texts seem} to hold a secret.",
            "secrets replaced ({n})",
            fixes=("secret",),
            flag="--redact secrets",
        ),
        Traits(changes="texts"),
    ] = False
    redact_emails: Annotated[
        bool,
        Way(
            "Replace e-mail addresses",
            "replace e-mail addresses by [EMAIL]",
            "{n} {n:text has|texts have} an e-mail address.",
            "e-mail addresses replaced ({n})",
            fixes=("email",),
            flag="--redact emails",
        ),
        Traits(changes="texts"),
    ] = False
    trim: Annotated[
        int | None,
        Field(ge=1),
        Way(
            "Trim",
            "cut rows to --max-length tokens of --model, after a complete answer",
            "{n} {n:row is|rows are} longer than {amount} tokens.",
            "trimmed to {amount} tokens ({n})",
            fixes=("too_long",),
            flag="--trim",
        ),
        Traits(
            changes="rows",
            not_changed="left out because they cannot be trimmed ({n})",
            amount="max_length",
            needs_tokenizer=True,
        ),
    ] = None

    def items(self) -> Iterator[tuple[Action, Value]]:
        """Each action that is to be done, with its value."""
        return ((action, value) for action in ACTIONS.values() if (value := getattr(self, action.name)))


@dataclass(frozen=True)
class Action:
    """An action as CleanActions declares it. `values` are those of its ways; of an action with an amount, none."""

    name: str
    values: tuple[Value, ...]
    ways: tuple[Way, ...]
    traits: Traits

    @property
    def counted_as(self) -> str:
        return self.traits.counted_as or self.name

    @property
    def changes_rows(self) -> bool:
        return bool(self.traits.changes)

    @property
    def leaves_out_rows(self) -> bool:
        return not self.changes_rows or bool(self.traits.not_changed)

    def value_of(self, way: Way, amounts: Mapping[str, int]) -> Value:
        """What asks for that way."""
        return amounts[self.traits.amount] if self.traits.amount else self.values[self.ways.index(way)]

    def way_of(self, value: Value) -> Way:
        if isinstance(value, float):
            return next(way for way in self.ways if way.done_from)
        return self.ways[self.values.index(value)] if value in self.values else self.ways[0]

    def fixes(self, value: Value) -> list[str]:
        """The kinds of problems that go away."""
        ways = self.ways[: self.ways.index(self.way_of(value)) + 1]
        return [code for way in ways for code in way.fixes]


def _declared(name: str) -> Action:
    field = CleanActions.model_fields[name]
    ways = tuple(each for each in field.metadata if isinstance(each, Way))
    traits = next((each for each in field.metadata if isinstance(each, Traits)), Traits())
    choices = [each for each in (field.annotation, *get_args(field.annotation)) if get_origin(each) is Literal]
    values = get_args(choices[0]) if choices else () if traits.amount else (True,)
    return Action(name, values, ways, traits)


ACTIONS: Mapping[str, Action] = {name: _declared(name) for name in CleanActions.model_fields}


def read_actions(values: Mapping[str, Any]) -> CleanActions:
    """Raises InvalidInput where one of them is unknown or cannot have its value."""
    try:
        return CleanActions.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        raise InvalidInput("“{field}” cannot be used: {reason}.", field=name, reason=first["msg"]) from error
