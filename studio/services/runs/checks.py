"""Settings that conflict: with each other, with the base model, or with the number of steps."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from studio.domain.errors import StudioError
from studio.domain.spec.peft_methods.base import ALL_LINEAR, MethodSpec
from studio.domain.spec.run_spec import RunSpec
from studio.domain.spec.training import TrainingSpec
from studio.services.models.layers import BaseWeights
from studio.services.runs.plan import Plan
from studio.store.tables.datasets import Dataset

POLYNOMIAL_END = 1e-7  # transformers' get_polynomial_decay_schedule_with_warmup goes down to it, and not below
FAR_BEYOND = 10  # times as many steps as the epochs have


def warm_up_steps(training: TrainingSpec, steps: int) -> int:
    """As transformers' `TrainingArguments.get_warmup_steps` has it; 0 for the schedule that has no warm-up."""
    if training.lr_scheduler_type == "constant":
        return 0
    warm_up = training.warmup_steps
    return int(warm_up) if warm_up >= 1 else ceil(warm_up * steps)


def faults(
    spec: RunSpec,
    *,
    context: int = 0,
    plan: Plan | None = None,
    base: BaseWeights | None = None,
    format: str | None = None,
    validation_format: str | None = None,
    datasets: Sequence[Dataset] = (),
) -> dict[str, StudioError]:
    """What cannot work, by field ("training.max_length"). `context` is what the base model reads at once, in tokens,
    0 where it is not known; `plan` has the steps, where rows are known, `format` is that of the dataset and
    `validation_format` that of the validation set, if there is one; `datasets` are all that are trained on."""
    training = spec.training
    by_field = method_faults(base, spec.method) if base else {}
    if format and format not in spec.objective.formats:
        by_field["objective.kind"] = StudioError(
            "{objective} does not train on this dataset's format, {format}.",
            "Choose another objective, or a dataset of the format {formats}.",
            objective=spec.objective.label,
            format=format,
            formats=", ".join(sorted(spec.objective.formats)),
        )
    if fault := _mixture_fault(spec, datasets):
        by_field["data.mix"] = fault
    if validation_format and validation_format not in spec.objective.formats:
        by_field["data.validation_name"] = StudioError(
            "{objective} cannot be measured on this dataset's format, {format}.",
            "Choose a dataset of the format {formats}, or none to split the one that is trained on.",
            objective=spec.objective.label,
            format=validation_format,
            formats=", ".join(sorted(spec.objective.formats)),
        )
    if training.lr_scheduler_type == "polynomial" and training.learning_rate <= POLYNOMIAL_END:
        by_field["training.learning_rate"] = StudioError(
            "The polynomial scheduler decays to {end}, so the learning rate must start higher.",
            "Raise the learning rate, or choose another scheduler.",
            end=POLYNOMIAL_END,
        )
    if context and training.max_length > context:
        by_field["training.max_length"] = StudioError(
            "The base model reads at most {context} tokens at once.", "Enter {context} or less.", context=context
        )
    if plan and _is_all_warm_up(training, plan.steps) and not _is_rounded_up(training, plan.steps):
        by_field["training.warmup_steps"] = StudioError(
            "Warmup takes {warm_up} steps, but the run has only {steps}: it would never reach its learning rate.",
            "Enter fewer steps, a fraction such as 0.05, or 0 for none.",
            warm_up=warm_up_steps(training, plan.steps),
            steps=plan.steps,
        )
    return by_field


def _mixture_fault(spec: RunSpec, datasets: Sequence[Dataset]) -> StudioError | None:
    """Why some of the datasets cannot be trained on together."""
    for place, dataset in enumerate(datasets[1:], 1):
        twin = next((d for d in datasets[:place] if dataset.name == d.name or dataset.sha256 == d.sha256), None)
        if twin is not None:
            return StudioError(
                "“{name}” is in the run twice."
                if twin.name == dataset.name
                else "“{name}” has the same rows as “{other}”.",
                "Remove one of the two, and give the other a higher weight.",
                name=dataset.name,
                other=twin.name,
            )
        if dataset.format and dataset.format not in spec.objective.formats:
            return StudioError(
                "{objective} does not train on the format of “{name}”, {format}.",
                "Remove that dataset, or choose another objective.",
                objective=spec.objective.label,
                name=dataset.name,
                format=dataset.format,
            )
    return None


def _is_all_warm_up(training: TrainingSpec, steps: int) -> bool:
    return 0 < steps <= warm_up_steps(training, steps)


def _is_rounded_up(training: TrainingSpec, steps: int) -> bool:
    """A share of a single step is that step, without anybody having meant it."""
    return steps == 1 and training.warmup_steps < 1 and _is_all_warm_up(training, steps)


def notes(spec: RunSpec, plan: Plan) -> list[StudioError]:
    """What works, but is hardly meant."""
    training, steps = spec.training, plan.steps
    is_measured = plan.eval_rows > 0 and training.eval_steps < steps
    messages = []
    if plan.eval_rows > 0 and training.eval_steps > steps:
        messages.append(
            StudioError(
                "The run is evaluated only once, at the end: “Evaluate every” is {every}, and the run has {steps} "
                "{steps:step|steps}.",
                every=training.eval_steps,
                steps=steps,
            )
        )
    if training.save_steps > steps and not (is_measured and spec.watch.keep_best):
        messages.append(
            StudioError(
                "There is no checkpoint before the end: “Save every” is {every}, and the run has {steps} "
                "{steps:step|steps}. If interrupted, it starts over.",
                every=training.save_steps,
                steps=steps,
            )
        )
    if _is_rounded_up(training, steps):
        messages.append(
            StudioError(
                "This run's only step is warmup, in which nothing is learned. Use more rows or epochs, or set warmup "
                "to 0."
            )
        )
    by_epochs = ceil(training.num_train_epochs * plan.steps_per_epoch)
    if steps > FAR_BEYOND * by_epochs:
        messages.append(
            StudioError(
                "“Max steps” overrides “Epochs”: {steps} steps go through the rows {times} times.",
                steps=steps,
                times=round(steps / plan.steps_per_epoch),
            )
        )
    return messages


def method_faults(base: BaseWeights, method: MethodSpec) -> dict[str, StudioError]:
    """What of the method does not go with the layers of the base, by field ("lora.target_modules")."""
    if base.has_conv1d and not method.fits_conv1d:
        return {
            "method.kind": StudioError(
                "{method} cannot be put on the layers of this base model.", "Choose LoRA.", method=method.label
            )
        }
    if not base.is_known:
        return {}
    faults: dict[str, StudioError] = {}
    for name in () if method.target_modules == ALL_LINEAR else method.target_modules:
        if not base.targets([name]):
            faults["target_modules"] = StudioError(
                "No layer of the base model is called “{name}”.",
                "Use all-linear, or some of {known}.",
                name=name,
                known=", ".join(base.names()),
            )
            break
    layers = base.targets(method.target_modules).values()
    faults |= method.size_faults((layer.inputs, layer.outputs) for layer in layers)
    return {f"{method.kind}.{field}": fault for field, fault in faults.items()}
