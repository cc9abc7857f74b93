"""Versions, rows and problems of datasets, as the pages show them."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from studio.domain.chat.spans import Span, is_masked, parts_of
from studio.domain.datasets.clean_actions import ACTIONS, Action
from studio.domain.datasets.file_format import shown_encoding
from studio.domain.datasets.formats import PARTS, Format
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.problem_kinds import PROBLEM_KINDS
from studio.domain.datasets.read_questions import ReadQuestion
from studio.domain.datasets.row_parts import ANSWER_PARTS
from studio.domain.errors import StudioError
from studio.domain.graphemes import cut
from studio.domain.spec.objectives import usable_part
from studio.domain.translation import N_
from studio.services.datasets.status import fault_of
from studio.ui.language import problem_of, remedy_of, sentence_of, translate

if TYPE_CHECKING:
    from studio.services.datasets.twins import Twins
    from studio.store.tables.datasets import Dataset

MAX_CHARACTERS = 2000  # characters of a row, or of a turn in it, that a list shows
MAX_ROW_CHARACTERS = 1_000_000  # characters of one row that is asked for by itself

_PART_LABELS = {
    "messages": N_("Conversation"),
    "system": N_("System message"),
    "tools": N_("Tools"),
    "label": N_("Label"),
    "instruction": N_("Instruction"),
    "output": N_("Answer"),
    "input": N_("More input"),
    "history": N_("Earlier turns"),
    "reasoning": N_("Reasoning"),
    "prompt": N_("Prompt"),
    "completion": N_("Completion"),
    "chosen": N_("Better answer"),
    "rejected": N_("Worse answer"),
    "text": N_("Text"),
}
_HEADERS = {"first": N_("the first row names the columns"), "none": N_("no row names the columns")}
_EDITED = {
    "edited": N_("{n} {n:row|rows} edited"),
    "mended": N_("{n} mended"),
    "dropped": N_("{n} dropped"),
    "added": N_("{n} added"),
}
_SHOWN_DETAILS = (
    "ignored", "unused", "turns", "characters", "roles", "labels", "columns", "unit", "files", "seconds",
    "near_checked", "near_counts", "rows_in", "layout", "left_out", "trimmed", "changed", "reading",
)  # fmt: skip


def shown_dataset(dataset: Dataset, language: str, versions: int = 1) -> dict[str, Any]:
    fault = fault_of(dataset)
    problems: Mapping[str, int] = dataset.details.problems
    levels = {"error": 0, "warning": 0}
    for code, count in problems.items():
        levels[PROBLEM_KINDS[code].level] += count
    return {
        "id": dataset.id,
        "name": dataset.name,
        "version": dataset.version,
        "versions": versions,
        "reference": dataset.reference,
        "encoding": shown_encoding(dataset.details.files[0].encoding if dataset.details.files else ""),
        "status": dataset.status,
        "stage": dataset.stage,
        "done": dataset.done,
        "total": dataset.total,
        "fault": fault and shown_fault(fault, language),
        "rows": dataset.rows,
        "bad_rows": dataset.bad_rows,
        "trainable": dataset.trainable_rows if dataset.status == "ready" else 0,
        "errors": levels["error"],
        "warnings": levels["warning"],
        "format": Format(dataset.format).label if dataset.format else "",
        "kind": Format(dataset.format).kind if dataset.format else "",
        "trained_part": translate(usable_part(dataset.format), language),
        "size": dataset.size,
        "file_name": dataset.file_name,
        "from_files": bool(dataset.details.originals),
        "sha256": dataset.sha256,
        "created_at": dataset.created_at,
        "details": dataset.details.model_dump(mode="json", include=set(_SHOWN_DETAILS)),
        "notes": [translate(note.template, language, **note.template_values) for note in dataset.details.notes],
    }


def shown_question(question: ReadQuestion, language: str) -> dict[str, Any]:
    """What a person is asked of a file: each choice in words, with its preview."""
    return {
        "option": question.option,
        "choices": [
            {"value": each.value, "label": translate(each.label, language, **each.values), "preview": each.preview}
            for each in question.choices
        ],
    }


def shown_fault(fault: StudioError, language: str) -> dict[str, str]:
    return {"problem": problem_of(fault, language), "remedy": remedy_of(fault, language)}


def shown_groups(problems: Mapping[str, int], language: str) -> list[dict[str, Any]]:
    """The kinds of problems there are, errors first, the frequent ones first."""
    groups = [
        {
            "code": code,
            "title": translate(PROBLEM_KINDS[code].title, language),
            "level": PROBLEM_KINDS[code].level,
            "count": count,
        }
        for code, count in problems.items()
    ]
    return sorted(groups, key=lambda group: (group["level"] != "error", -group["count"]))


def shown_offers(
    dataset: Dataset, language: str, by_tokens: Mapping[str, int] | None = None, max_length: int = 0
) -> list[dict[str, Any]]:
    """What can be cleaned: for each action its rows and its button in words, and the `value` that asks for it.
    `stricter` is the same of another way that can be chosen with it, None where there is none.

    Args:
        by_tokens: The problems that a count of tokens has found, by code, with this max length.
    """
    in_files = {code: n for code, n in dataset.details.problems.items() if PROBLEM_KINDS[code].level == "warning"}
    problems = Counter(in_files) + Counter(by_tokens or {})
    return [
        offer
        for action in ACTIONS.values()
        if (dataset.rows or action.traits.changes == "refused rows")  # else nothing would be left
        and (offer := _offer(action, problems, dataset, {"max_length": max_length}, language))
    ]


def _offer(
    action: Action, problems: Mapping[str, int], dataset: Dataset, amounts: Mapping[str, int], language: str
) -> dict[str, Any] | None:
    def sentence(template: str, count: int) -> str:
        amount = f"{amounts[action.traits.amount]:,}" if action.traits.amount else ""
        return translate(template, language, n=f"{count:,}", amount=amount)

    counts = {way: sum(problems.get(code, 0) for code in way.fixes) for way in action.ways}
    if action.traits.skips_bad_rows:
        counts[action.ways[0]] += dataset.bad_rows
    if action.traits.changes == "refused rows":
        counts[action.ways[0]] = dataset.details.healable.get(action.name, 0)
    affected = [(way, count) for way, count in counts.items() if count]
    if not affected:
        return None
    (way, count), *stricter = affected
    return {
        "name": action.name,
        "level": "error" if any(PROBLEM_KINDS[code].level == "error" for code in way.fixes) else "warning",
        "text": sentence(way.found, count),
        "label": translate(way.label, language),
        "changes": bool(action.traits.changes in ("texts", "refused rows")),
        "value": action.value_of(way, amounts),
        "stricter": next(
            ({"text": sentence(w.also, n), "value": action.value_of(w, amounts)} for w, n in stricter), None
        ),
    }


def shown_problem(problem: Problem, names: Sequence[str], language: str) -> dict[str, Any]:
    return {
        "line": problem.line,
        "file": names[problem.file] if len(names) > 1 and problem.file < len(names) else "",
        "field": problem.field,
        "code": problem.code,
        "level": problem.kind.level,
        **shown_fault(problem.error, language),
    }


def shown_twins(twins: Twins, names: Sequence[str]) -> dict[str, Any]:
    """Both rows as turns whose text is in pieces, [text, does it differ]; `similarity` in percent."""
    return {
        "similarity": math.floor(100 * twins.similarity + 1e-9),
        "rows": [
            {
                "number": row.number,
                "line": row.line,
                "file": names[row.file] if len(names) > 1 and row.file < len(names) else "",
                "turns": [dataclasses.asdict(turn) for turn in row.turns],
            }
            for row in (twins.earlier, twins.later)
        ],
    }


def shown_row(row: dict[str, Any], language: str, longest: int = MAX_CHARACTERS) -> dict[str, Any]:
    """A row of `browse.rows` as its `turns`, and as the `parts` of its rendered text, [text, is it trained, is it of a
    turn that the dataset says is not to be trained on].

    `cut` says how many characters were left out, behind the first `longest` of the rendered text or of a turn; `shown`
    how many of the text are within max length, where it was counted.
    """
    fields: dict[str, Any] = {
        "number": row["number"],
        "line": row["line"],
        "turns": [_shown_turn(turn, part, longest) for part, turn in _turns(row)],
        "label": _shown_label(row.get("label")),
        **{key: row[key] for key in ("tokens", "trained", "lost") if key in row},
    }
    if (error := row.get("error")) is not None:
        return fields | {"error": sentence_of(error, language)}
    if "rendered" not in row:
        return fields
    whole = row["rendered"]
    text = cut(whole, longest)
    within = text[: row["shown"]] if row.get("tokens") else text
    return fields | {
        "parts": _parts(within, row["spans"], row.get("masked", ())),
        "beyond": text[len(within) :],
        "cut": len(whole) - len(text),
    }


def _parts(text: str, spans: Sequence[Span], masked: Sequence[Span]) -> list[list[str | bool]]:
    parts: list[list[str | bool]] = []
    here = 0
    for part, is_target in parts_of(text, spans):
        own = [(max(0, start - here), min(len(part), end - here)) for start, end in masked if not is_target]
        parts += [[words, is_target, is_masked] for words, is_masked in parts_of(part, [s for s in own if s[0] < s[1]])]
        here += len(part)
    return parts


def _turns(row: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    if "text" in row:
        return [("", {"role": "", "content": row["text"]})]
    answers = [(part, turn) for part in ANSWER_PARTS for turn in row.get(part, ())]
    return [("", turn) for part in ("messages", "prompt") for turn in row.get(part, ())] + answers


def _shown_turn(turn: Mapping[str, Any], part: str, longest: int) -> dict[str, Any]:
    content = cut(turn["content"], longest)
    whole_reasoning = turn.get("reasoning_content", "")
    reasoning = cut(whole_reasoning, longest)
    calls = [
        {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
        for call in turn.get("tool_calls", ())
    ]
    return {
        "role": turn["role"],
        "part": part,
        "content": content,
        "reasoning": reasoning,
        "masked": turn["role"] == "assistant" and is_masked(turn),
        "cut": len(turn["content"]) - len(content) + len(whole_reasoning) - len(reasoning),
        "calls": calls,
    }


def _shown_label(label: Any) -> str:
    return {True: "good", False: "bad", None: ""}.get(label, label) if not isinstance(label, str) else label


def shown_steps(dataset: Dataset, language: str) -> list[dict[str, Any]]:
    """The way from the files to this version, a sentence each."""
    return [
        {"action": step["action"], "at": step.get("at"), "text": _step(step, language), "rows": step.get("rows")}
        for step in dataset.steps
    ]


def _step(step: Mapping[str, Any], language: str) -> str:
    left_out = step.get("left_out") or {}

    def t(template: str, **values: Any) -> str:
        return translate(template, language, **values)

    if step["action"] == "add":
        if hub := step.get("hub"):
            return t("Downloaded {repository} ({split}) from the Hub", **hub)
        return t("Added {files}", files=", ".join(step["files"]))
    if step["action"] == "read_again":
        choices = [str(step[key]) for key in ("delimiter", "sheet", "rows") if step.get(key)]
        if header := step.get("header"):
            choices.append(t(_HEADERS[header]))
        if encoding := step.get("encoding"):
            choices.insert(0, shown_encoding(encoding))
        if layout := step.get("layout"):
            choices += [f"{part} ← {column}" for part, column in layout["columns"].items()]
        return t("Read again: {choices}", choices=", ".join(choices))
    if step["action"] == "edit":
        parts = [t(words, n=step[name]) for name, words in _EDITED.items() if step.get(name)]
        return t("Edited by hand: {what}", what=", ".join(parts))
    done = []
    for action in ACTIONS.values():
        if not (value := step.get(action.name)):
            continue
        left_out_count = left_out.get(action.counted_as, "…")
        # `trimmed` stands there alone in what older studios wrote.
        changed_count = (step.get("changed") or {}).get(action.name, step.get("trimmed", "…"))
        way = action.way_of(value)
        amount = f"{value:.0%}" if isinstance(value, float) else f"{value:,}" if action.traits.amount else ""
        done.append(
            t(
                way.done_from if isinstance(value, float) else way.done,
                n=changed_count if action.changes_rows else left_out_count,
                amount=amount,
            )
        )
        if action.changes_rows and left_out.get(action.counted_as):
            done.append(t(action.traits.not_changed, n=left_out_count))
    return t("Cleaned up: {what}", what=", ".join(done))


def shown_formats(language: str) -> list[dict[str, Any]]:
    """Every format with its parts, for the column map."""
    return [
        {
            "value": format.value,
            "label": translate(format.label, language),
            "parts": [
                {
                    "name": part,
                    "label": translate(_PART_LABELS[part], language),
                    "needed": part in parts.needed or any(part in group for group in parts.either),
                }
                for part in parts.all
            ],
        }
        for format, parts in PARTS.items()
    ]
