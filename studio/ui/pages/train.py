"""The train page: base model, data and method are chosen, checked as they are typed, and a run is submitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from studio.domain.chat.spans import parts_of
from studio.domain.chat.templates import TemplateChoice
from studio.domain.errors import InvalidInput, NotFound, StudioError
from studio.domain.spec.presets import PRESETS, preset_values
from studio.domain.spec.run_spec import RunSpec, defaults, describe, form_values, read_spec
from studio.domain.translation import N_
from studio.samples import sample_path
from studio.services.models.chat_template import sample_conversation
from studio.services.models.layers import BaseWeights, read_base_weights
from studio.services.runs import checks as run_checks
from studio.services.runs.adapter_size import sizes
from studio.services.runs.memory_estimate import memory_of
from studio.services.runs.plan import plan
from studio.services.shared.machine import look_at_machine
from studio.ui.language import language_of, sentence_of
from studio.ui.page import Page
from studio.ui.pages.train_review import NOTHING_TO_REVIEW, token_review
from studio.ui.presenters.model import shown_model
from studio.ui.presenters.run import trained_part
from studio.ui.view import view

if TYPE_CHECKING:
    import gradio as gr

    from studio.app import Studio
    from studio.store.tables.datasets import Dataset

PAGE = Page("train", N_("Train"), order=2, icon="M6.5 6v12M17.5 6v12M3 9.5v5M21 9.5v5M6.5 12h11")
LEAD = N_("Choose a base model, data and a method. Every setting has a default that works.")

FIRST_PRESET = "Balanced"

Values = dict[str, dict[str, Any]]


def build(studio: Studio) -> None:
    view(
        "train",
        partial(begin, studio),
        partial(choices, studio),
        partial(suggest_name, studio),
        partial(check, studio),
        partial(start, studio),
        partial(add_model, studio),
        partial(add_sample, studio),
        partial(sample, studio),
        partial(review, studio),
        value={"sections": describe(), "presets": PRESETS},
        skeleton="form",
    )


def begin(studio: Studio, run: int = 0, dataset: str = "", request: gr.Request | None = None) -> dict[str, Any]:
    """What the form begins with: the settings of run `run`, or a preset and `dataset` or the newest one.

    Raises:
        NotFound: there is no such run.
    """
    if run:
        source_run = studio.runs.get(run)
        values, name = form_values(source_run.spec), studio.runs.free_name(source_run.name)
    else:
        values, name = preset_values(FIRST_PRESET, defaults()), ""
        usable_by_name = {d.name: d.status == "ready" and not d.bad_rows for d in studio.datasets.list()}
        usable = (name for name, is_usable in usable_by_name.items() if is_usable)
        values["data"]["name"] = dataset if dataset in usable_by_name else next(usable, "")
        ready = [m.name for m in studio.models.list() if m.status == "ready"]
        values["model"]["name"] = next(iter(ready), "")
    name = name or suggest_name(studio, values["data"]["name"])
    return {"values": values, "name": name, "choices": choices(studio, request)}


def choices(studio: Studio, request: gr.Request | None = None) -> dict[str, Any]:
    return {
        "models": [shown_model(model, language_of(request)) for model in studio.models.list()],
        "datasets": [_offered(versions) for versions in studio.datasets.versions_by_name().values()],
        "sample": sample_path().stem,
    }


def _offered(versions: Sequence[Dataset]) -> dict[str, Any]:
    """A dataset by its newest version; `versions` are the numbers of those that can be trained on, newest first."""
    newest = versions[0]
    return {field: getattr(newest, field) for field in ("name", "rows", "status", "bad_rows")} | {
        "versions": [each.version for each in versions if each.status == "ready" and not each.bad_rows]
    }


def suggest_name(studio: Studio, dataset: str = "") -> str:
    """A free name for an adapter trained on that dataset."""
    return studio.runs.free_name(dataset) if dataset else ""


def check(studio: Studio, values: Values, request: gr.Request) -> dict[str, Any]:
    """What is wrong with the values, by field, and what the run would be as far as they say it. `clashes` are fields
    whose value is right in itself and does not go with others; `notes` say what works, but is hardly meant."""
    spec, base, faults = judge_values(studio, values)
    language = language_of(request)
    machine = look_at_machine()
    answer: dict[str, Any] = {
        "faults": {field: sentence_of(fault, language) for field, fault in faults.items()},
        "layers": base.names() if base and base.is_known else [],
        "machine": asdict(machine) | {"free_for_training": machine.free_for_training},
        "clashes": [],
        "notes": [],
        "plan": None,
        "trained_part": "",
        "sizes": None,
        "memory": None,
    }
    if spec is None:
        return answer
    chosen = [_dataset_or_none(studio, name) for name in spec.data.names]
    datasets = [d for d in chosen if d] if all(chosen) else []
    dataset = chosen[0]
    rows = [d.trainable_rows for d in datasets]
    validation = _dataset_or_none(studio, spec.data.validation_name)
    run_plan = None
    if datasets and all(d.format for d in datasets):
        answer["trained_part"] = trained_part(spec.objective, [(d.name, d.format) for d in datasets], language)
    if rows and min(rows) > 0:
        run_plan = plan(spec, rows, validation.trainable_rows if validation else 0)
        answer["plan"] = asdict(run_plan)
        answer["notes"] = [sentence_of(note, language) for note in run_checks.notes(spec, run_plan)]
    clashes = run_checks.faults(
        spec,
        context=_context(studio, spec.model.name),
        plan=run_plan,
        base=base,
        format=dataset.format if dataset else None,
        validation_format=validation.format if validation else None,
        datasets=datasets,
    )
    answer["clashes"] = list(clashes)
    answer["faults"] |= {field: sentence_of(fault, language) for field, fault in clashes.items()}
    if base:
        answer["sizes"] = asdict(sizes(spec, base))
    if base and run_plan:
        answer["memory"] = memory_of(spec, base, datasets)
    return answer


def review(
    studio: Studio, values: Values, request: gr.Request, start: bool = False, again: bool = False
) -> dict[str, Any]:
    """What would not be learned of the rows, as far as it is known: see train_review. Nothing is said of values that
    cannot be used yet, since the fields say what is wrong with them."""
    try:
        return token_review(studio, read_spec(values), language_of(request), start=start, again=again)
    except StudioError:
        return NOTHING_TO_REVIEW


def _dataset_or_none(studio: Studio, dataset: str) -> Dataset | None:
    try:
        return studio.datasets.get(dataset)
    except NotFound:
        return None


def _context(studio: Studio, model: str) -> int:
    """Tokens that it reads at once; 0 where that is not known."""
    try:
        return studio.models.get(model).context
    except NotFound:
        return 0


def judge_values(
    studio: Studio, values: Values
) -> tuple[RunSpec | None, BaseWeights | None, Mapping[str, StudioError]]:
    """The spec, the layers of its base model where that is ready, and what is wrong by field.

    A model or dataset that is not chosen yet leaves a spec for what can be said without it.
    """
    faults: dict[str, StudioError] = {}
    try:
        spec: RunSpec | None = read_spec(values)
    except InvalidInput as refused:
        faults |= refused.fields
        spec = _without_names(values) if set(faults) <= {"model.name", "data.name"} else None
    base = None
    with suppress(KeyError, StudioError):  # not chosen, not ready or not whole: the submission says which
        base = read_base_weights(studio.models.ready(str(values["model"]["name"])).path)
    return spec, base, faults


def _without_names(values: Values) -> RunSpec:
    unnamed = {section: dict(values.get(section, {})) for section in ("model", "data")}
    for fields in unnamed.values():
        fields["name"] = fields.get("name") or "–"
    return read_spec(values | unnamed)


def sample(studio: Studio, model: str, choice: TemplateChoice) -> list[tuple[str, bool]]:
    """A short conversation under the chosen chat template: its text in parts, and whether each is learned.

    Raises:
        StudioError: the model cannot be used with that template.
    """
    return parts_of(*sample_conversation(studio.models.get(model), choice))


def start(studio: Studio, values: Values, name: str, key: str, axes: dict[str, str] | None = None) -> dict[str, int]:
    """Submits the run, or with several values of some knobs in `axes` a run for each combination: {"id"} or {"sweep"}.
    The same `key` submits once.

    Raises:
        InvalidInput: something cannot be used; `fields` says what.
    """
    _, _, faults = judge_values(studio, values)
    if faults:
        raise InvalidInput(
            "Some settings cannot be used yet." if len(faults) > 1 else "One setting cannot be used yet.",
            "The problem is shown at the field.",
            fields=faults,
        )
    if axes:
        return {"sweep": studio.sweeps.submit(values, axes, name, key=key)}
    return {"id": studio.runs.submit(read_spec(values), name, key=key)}


def add_model(studio: Studio, reference: str) -> dict[str, Any]:
    """Raises InvalidInput: the reference is neither a Hub id nor a model's folder."""
    return shown_model(studio.models.add(reference))


def add_sample(studio: Studio) -> dict[str, str]:
    return {"name": studio.datasets.add_sample().name}
