"""Results of an evaluation: state, metrics, answers a page at a time, and files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from studio.domain.columns import Column
from studio.domain.errors import StudioError
from studio.domain.metrics import LIKELIHOODS, METRICS, SCORES, Metric, applicable
from studio.services.evaluation.metrics import from_loss
from studio.services.playground.column_identity import identity_of, name_of
from studio.services.shared.csv_export import csv_text
from studio.store.catalogue import Catalogue
from studio.store.tables.adapters import Adapter
from studio.store.tables.evaluations import Evaluation, EvaluationAnswer
from studio.store.tables.playground import Vote

EXPORTED_AT_ONCE = 200  # prompts


def columns_of(evaluation: Evaluation, names: Mapping[int, str]) -> list[dict[str, Any]]:
    """place, name ("" for a base model) by what its adapters are called now, model, precision, shares."""
    columns = []
    for place, fields in enumerate(evaluation.columns):
        column = Column.model_validate(fields)
        columns.append(
            {"place": place, "name": name_of(identity_of(column, evaluation.adapters), names)}
            | {"model": column.model, "precision": column.precision, "shares": fields["shares"]}
        )
    return columns


def head(evaluation: Evaluation, counts: tuple[int, int], names: Mapping[int, str]) -> dict[str, Any]:
    """id, name, status (queued, running, stopped, failed, finished), set_id, set_name, prompts, references, columns,
    sampling, `total` answers, those that are there (`answered`) and how many of them failed (`errors`), fault (a
    StudioError as a dict, or None: why it failed, or what it waits for), created_at, started_at, ended_at."""
    fields = (
        "id", "name", "status", "set_id", "set_name", "prompts", "references", "sampling", "created_at", "started_at",
        "ended_at",
    )  # fmt: skip
    return {name: getattr(evaluation, name) for name in fields} | {
        "columns": columns_of(evaluation, names),
        "total": evaluation.prompts * len(evaluation.columns),
        "answered": counts[0],
        "errors": counts[1],
        "fault": evaluation.fault or None,
    }


def summary(catalogue: Catalogue, evaluation: Evaluation) -> dict[str, Any]:
    """{"status", "prompts", "references", "columns": [{"place", "name", "model", "precision", "answered", "errors",
    "scores": {score: mean or None}, "corpus": {score: of all answers together} once it is finished, "loss",
    "perplexity", "loss_tokens", "tokens", "tokens_per_second", "votes": {"votes", "wins", "ties", "bad"}}]}.

    The loss is the mean over all tokens of the references; whatever else is of their likelihood stands beside it.
    """
    figures = catalogue.figures(evaluation.id)
    cast = catalogue.votes(evaluation_id=evaluation.id)
    columns = []
    for column in columns_of(evaluation, catalogue.adapter_names()):
        place = column["place"]
        column_figures = figures.get(place, {})
        mine = [vote for vote in cast if vote.contenders[place]["answered"]]
        columns.append(
            {k: column[k] for k in ("place", "name", "model", "precision")}
            | {"answered": column_figures.get("answered", 0), "errors": column_figures.get("failed", 0)}
            | {"scores": {score.name: column_figures.get(score.name) for score in SCORES}}
            | {"corpus": evaluation.corpus.get(str(place), {})}
            | from_loss(column_figures.get("loss"))
            | {"loss_tokens": column_figures.get("loss_tokens", 0), "tokens": column_figures.get("tokens", 0)}
            | {"tokens_per_second": column_figures.get("tokens_per_second")}
            | {
                "votes": {
                    "votes": len(mine),
                    "wins": sum(vote.choice == "best" and vote.place == place for vote in mine),
                    "ties": sum(vote.choice == "tie" for vote in mine),
                    "bad": sum(vote.choice == "bad" for vote in mine),
                }
            }
        )
    return {
        "status": evaluation.status, "prompts": evaluation.prompts, "references": evaluation.references,
        "columns": columns,
    }  # fmt: skip


def page(catalogue: Catalogue, evaluation: Evaluation, offset: int, limit: int, search: str) -> dict[str, Any]:
    """{"rows": [{"place", "text", "messages", "reference", "answers": [of each column {"column", "state" (missing, done
    or error), "text", "tokens", "tokens_per_second", "first_token_seconds", "finish", "note", "label", "scores",
    "loss", "perplexity", "error"}], "votes": [{"choice", "column", "blind", "at"}]}], "total"}. Every word of `search`
    must stand in the prompt, its reference or an answer."""
    prompts, total = catalogue.prompts(evaluation.set_id, offset, limit, search=search, evaluation_id=evaluation.id)
    places = [prompt.place for prompt in prompts]
    answers = {(a.place, a.column): a for a in catalogue.answers(evaluation.id, places)}
    comparisons = catalogue.comparisons_of(evaluation.id, places)
    votes = catalogue.votes_on([comparison.id for comparison in comparisons.values()])
    rows = [
        {"place": p.place, "text": p.text, "messages": p.messages, "reference": p.reference}
        | {"answers": [_answer(c, answers.get((p.place, c))) for c in range(len(evaluation.columns))]}
        | {"votes": [_vote(v) for v in votes[comparisons[p.place].id]] if p.place in comparisons else []}
        for p in prompts
    ]
    return {"rows": rows, "total": total}


def states(answers: Sequence[EvaluationAnswer]) -> list[dict[str, Any]]:
    """As a comparison keeps them."""
    return [{k: v for k, v in _answer(a.column, a).items() if k != "column"} for a in answers]


def _answer(column: int, answer: EvaluationAnswer | None) -> dict[str, Any]:
    if answer is None:
        return {"column": column, "state": "missing", "text": "", "scores": {}}
    names = ("text", "tokens", "tokens_per_second", "first_token_seconds", "finish", "note", "label")
    return {
        "column": column,
        "state": "error" if answer.failed else "done",
        **{name: getattr(answer, name) for name in names},
        **from_loss(answer.loss),
        "scores": {score.name: answer.scores[score.name] for score in SCORES if score.name in answer.scores},
        "error": answer.error or None,
    }


def _vote(vote: Vote) -> dict[str, Any]:
    return {"choice": vote.choice, "column": vote.place, "blind": vote.blind, "at": vote.at}


def export(catalogue: Catalogue, evaluation: Evaluation, format: str) -> str:
    """`jsonl`: a line for each prompt; `csv`: a line for each answer."""
    columns = columns_of(evaluation, catalogue.adapter_names())
    rows = _all_rows(catalogue, evaluation)
    if format == "jsonl":
        column_fields = [{k: c[k] for k in ("name", "model", "precision")} for c in columns]
        return "".join(
            json.dumps(
                row | {"answers": [answer | column_fields[answer["column"]] for answer in row["answers"]]},
                ensure_ascii=False,
            )
            + "\n"
            for row in rows
        )
    figures = ("tokens", "tokens_per_second", "first_token_seconds", "finish")
    header = ["place", "prompt", "reference", "model", "column", "answer", "error", *figures]
    header += [metric.name for metric in METRICS]
    return csv_text(header, (cells for row in rows for cells in _cells(row, columns, figures)))


def _cells(row: Mapping[str, Any], columns: Sequence[Mapping[str, Any]], figures: Sequence[str]) -> Iterator[list[Any]]:
    for answer in row["answers"]:
        column = columns[answer["column"]]
        fault = answer.get("error")
        yield [
            row["place"], row["text"], row["reference"], column["model"], column["name"] or "base", answer["text"],
            fault and str(StudioError.from_dict(fault)), *(answer.get(name) for name in figures),
            *((answer["scores"] if metric in SCORES else answer).get(metric.name) for metric in METRICS),
        ]  # fmt: skip


def _all_rows(catalogue: Catalogue, evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    offset = 0
    while rows := page(catalogue, evaluation, offset, EXPORTED_AT_ONCE, "")["rows"]:
        yield from rows
        offset += len(rows)


def before_and_after(catalogue: Catalogue, adapter: Adapter) -> list[dict[str, Any]]:
    """Of each prompt set the newest finished evaluation in which the adapter, alone and as it was trained, stood beside
    its base in the same precision: {"set", "evaluation", "metric", "base", "adapter", "better" (higher or lower), "n",
    "at"} for each metric, over the `n` prompts that both have it of."""
    comparisons: list[dict[str, Any]] = []
    set_ids: set[int] = set()
    for evaluation in catalogue.all_evaluations("finished"):
        places = _places(evaluation, adapter.id)
        if places is None or evaluation.set_id in set_ids or not applicable(evaluation.references):
            continue
        set_ids.add(evaluation.set_id)
        base, adapter_column = places
        answers = {(a.place, a.column): a for a in catalogue.answers(evaluation.id) if a.column in places}
        both = {place for place, column in answers if column == base} & {
            p for p, column in answers if column == adapter_column
        }
        pairs = [(answers[place, base], answers[place, adapter_column]) for place in both]
        comparisons += [
            {"set": evaluation.set_name, "evaluation": evaluation.id, "at": evaluation.ended_at, **row}
            for row in _means(pairs)
        ]
    return comparisons


def _places(evaluation: Evaluation, adapter_id: int) -> tuple[int, int] | None:
    """Of the base, and of the adapter."""
    columns = [Column.model_validate(fields) for fields in evaluation.columns]
    for place, column in enumerate(columns):
        shares = column.shares
        if len(shares) == 1 and shares[0].strength == 1 and evaluation.adapters.get(shares[0].adapter) == adapter_id:
            base_column = column.model_copy(update={"shares": ()})
            if base_column in columns:
                return columns.index(base_column), place
    return None


def _means(pairs: Sequence[tuple[EvaluationAnswer, EvaluationAnswer]]) -> Iterator[dict[str, Any]]:
    for score in SCORES:
        both = [(b.scores.get(score.name), t.scores.get(score.name)) for b, t in pairs]
        pairs_of_scores = [(b, t) for b, t in both if b is not None and t is not None]
        if pairs_of_scores:
            base, adapter_mean = (sum(values) / len(pairs_of_scores) for values in zip(*pairs_of_scores, strict=True))
            yield _row(score, base, adapter_mean, len(pairs_of_scores))
    read = [(b, t) for b, t in pairs if b.loss is not None and t.loss is not None]
    if read:
        base, adapter_mean = (_loss([pair[side] for pair in read]) for side in (0, 1))
        of_base, of_tuned = from_loss(base), from_loss(adapter_mean)
        for metric in LIKELIHOODS:
            yield _row(metric, of_base[metric.name], of_tuned[metric.name], len(read))


def _loss(answers: Sequence[EvaluationAnswer]) -> float:
    tokens = sum(a.loss_tokens or 0 for a in answers)
    return sum((a.loss or 0.0) * (a.loss_tokens or 0) for a in answers) / tokens


def _row(metric: Metric, base: float | None, adapter: float | None, n: int) -> dict[str, Any]:
    return {"metric": metric.name, "base": base, "adapter": adapter, "better": metric.better, "n": n}
