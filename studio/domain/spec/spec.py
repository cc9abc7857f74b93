"""The training spec: the one declaration of every hyperparameter.

The form, the checks, the CLI flags, the JSON in the catalogue and the keywords that peft and trl receive are all
made from the fields below. Field names of `lora` are `peft.LoraConfig`'s and those of `training` are
`trl.SFTConfig`'s, so the worker passes them on as they are.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from studio.domain.chat.templates import AUTOMATIC, TEMPLATES, TemplateChoice
from studio.domain.errors import InvalidInput, StudioError
from studio.domain.translation import N_


def knob(
    default: Any,
    label: str,
    help: str,
    *,
    advanced: bool = False,
    choices: Mapping[str, str] | None = None,
    suggestions: tuple[str, ...] = (),
    **limits: Any,
) -> Any:
    """A field with the words a person sees. `choices` gives a label for each value of a Literal."""
    extra: dict[str, Any] = {"advanced": advanced}
    if choices:
        extra["choices"] = dict(choices)
    if suggestions:
        extra["suggestions"] = list(suggestions)
    return Field(default, title=label, description=help, json_schema_extra=extra, **limits)


class Section(BaseModel):
    """A group of knobs. Its docstring is the heading that people see."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


class ModelSpec(Section):
    """Base model"""

    name: str = knob("starter", "Base model", "The model to fine-tune.", min_length=1)
    precision: Literal["auto", "fp32", "bf16", "8-bit", "4-bit"] = knob(
        "auto",
        "Precision",
        "Number format of the base model's weights. Fewer bits need less memory; on a CPU, 8-bit and 4-bit are slower.",
        advanced=True,
        choices={
            "auto": "Automatic",
            "fp32": "Full (fp32)",
            "bf16": "Half (bf16)",
            "8-bit": "8-bit",
            "4-bit": "4-bit (NF4)",
        },
    )
    chat_template: TemplateChoice = knob(
        AUTOMATIC,
        "Chat template",
        "How conversations are formatted. Automatic uses the model's own template, or ChatML if it has none. A model "
        "with its own template was trained with it: choose another only if its own leaves out something the adapter "
        "should learn. Saved with the adapter.",
        choices={AUTOMATIC: "Automatic", **{name: template.label for name, template in TEMPLATES.items()}},
    )


class DataSpec(Section):
    """Dataset"""

    name: str = knob("", "Dataset", "The rows to train on.", min_length=1)
    validation_split: float = knob(
        0.1,
        "Validation split",
        "Fraction of the rows held out to measure how well the adapter does on new ones.",
        ge=0,
        le=0.5,
    )
    validation_name: str = knob(
        "",
        "Validation set",
        "A separate dataset, used only for validation; replaces the split.",
        advanced=True,
    )
    answers_only: bool = knob(
        True,
        "Train on answers only",
        "On: only the assistant's words are trained on. Off: the user's words too.",
        advanced=True,
    )

    def eval_rows(self, rows: int) -> int:
        """How many of so many rows are kept for validation: at least one where a share is asked, and none where there
        is a validation set."""
        is_split = self.validation_split > 0 and not self.validation_name
        return max(1, round(rows * self.validation_split)) if is_split else 0


class LoraSpec(Section):
    """LoRA adapter"""

    r: int = knob(16, "Rank", "Width of the adapter matrices: a higher rank learns more and costs more.", ge=1, le=1024)
    lora_alpha: int = knob(32, "Alpha", "Strength of the adapter: its update is scaled by alpha / rank.", ge=1, le=4096)
    lora_dropout: float = knob(
        0.0,
        "Dropout",
        "Fraction of the adapter's inputs dropped at random to reduce overfitting.",
        ge=0,
        lt=1,
        advanced=True,
    )
    target_modules: Literal["all-linear"] | list[str] = knob(
        "all-linear",
        "Target modules",
        "Layers that get an adapter: all-linear, or names such as q_proj, v_proj.",
        advanced=True,
        suggestions=("all-linear", "q_proj, v_proj", "q_proj, k_proj, v_proj, o_proj"),
    )
    bias: Literal["none", "all", "lora_only"] = knob(
        "none",
        "Bias",
        "Which bias terms are also trained. With any of them, switching the adapter off no longer restores the exact "
        "base model.",
        advanced=True,
        choices={"none": "None", "all": "All", "lora_only": "Adapted layers only"},
    )
    use_rslora: bool = knob(False, "rsLoRA", "Scales by alpha / √rank, which keeps high ranks stable.", advanced=True)
    use_dora: bool = knob(
        False, "DoRA", "Learns direction and magnitude separately: often better at low rank, but slower.", advanced=True
    )

    @field_validator("target_modules", mode="before")
    @classmethod
    def _split_names(cls, value: Any) -> Any:
        names = [n.strip() for n in value.split(",")] if isinstance(value, str) else value
        if isinstance(names, list):
            names = [n for n in names if n != ""]
            if names == ["all-linear"]:
                return "all-linear"
            if not names:
                raise ValueError(N_("Name at least one layer, or all-linear."))
            if not all(isinstance(n, str) and all(c.isalnum() or c in "_.-" for c in n) for n in names):
                raise ValueError(N_("Separate layer names with commas, such as q_proj, v_proj."))
        return names


class TrainingSpec(Section):
    """Training"""

    learning_rate: float = knob(
        2e-4, "Learning rate", "Step size: too high and the model forgets, too low and it learns nothing.", gt=0, le=1
    )
    num_train_epochs: float = knob(3, "Epochs", "Number of passes over the dataset.", gt=0, le=1000)
    max_steps: int = knob(
        -1, "Max steps", "Stops after this many steps, whatever the epochs; -1 for no limit.", ge=-1, advanced=True
    )
    per_device_train_batch_size: int = knob(
        4,
        "Batch size",
        "Examples processed at once; larger batches give a less noisy gradient and need more memory.",
        ge=1,
        le=1024,
    )
    gradient_accumulation_steps: int = knob(
        1,
        "Gradient accumulation",
        "Batches accumulated before each step: a larger effective batch in the same memory.",
        ge=1,
        le=1024,
        advanced=True,
    )
    max_length: int = knob(
        1024, "Max length", "Maximum tokens per example; longer ones are cut off at the end.", ge=8, le=131072
    )
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup", "polynomial"] = knob(
        "cosine",
        "Learning rate scheduler",
        "How the learning rate changes during the run.",
        advanced=True,
        choices={
            "linear": "Linear",
            "cosine": "Cosine",
            "constant": "Constant",
            "constant_with_warmup": "Constant with warmup",
            "polynomial": "Polynomial",
        },
    )
    warmup_steps: float = knob(
        0.05,
        "Warmup",
        "Steps over which the learning rate rises to its peak; below 1, a fraction of all steps.",
        ge=0,
        advanced=True,
    )
    weight_decay: float = knob(
        0.0,
        "Weight decay",
        "Pulls the adapter's weights towards zero to reduce overfitting.",
        ge=0,
        le=1,
        advanced=True,
    )
    max_grad_norm: float = knob(
        1.0, "Gradient clipping", "Maximum gradient norm; larger gradients are scaled down.", gt=0, advanced=True
    )
    eval_steps: int = knob(
        20, "Evaluate every", "Steps between evaluations on the validation rows.", ge=1, advanced=True
    )
    save_steps: int = knob(50, "Save every", "Steps between checkpoints.", ge=1, advanced=True)
    gradient_checkpointing: bool = knob(
        False,
        "Gradient checkpointing",
        "Recomputes activations in the backward pass instead of storing them: less memory, about a third slower.",
        advanced=True,
    )
    seed: int = knob(42, "Seed", "The same seed and data give the same run.", ge=0, le=2**32 - 1, advanced=True)

    @field_validator("max_steps")
    @classmethod
    def _some_steps(cls, value: int) -> int:
        if value == 0:
            raise ValueError(N_("Use -1 for no limit, or at least 1."))
        return value


class WatchSpec(Section):
    """While it trains"""

    early_stopping_patience: int = knob(
        0,
        "Early stopping",
        "Stops after this many evaluations in a row without a lower loss; 0 turns it off.",
        ge=0,
        le=1000,
        advanced=True,
    )
    keep_best: bool = knob(
        True,
        "Keep the best",
        "On: the adapter is the checkpoint with the lowest evaluation loss. Off: the last step's weights.",
        advanced=True,
    )
    keep_checkpoints: int = knob(
        2,
        "Checkpoints to keep",
        "How many recent checkpoints to keep, besides the best one.",
        ge=1,
        le=100,
        advanced=True,
    )
    samples: int = knob(
        2,
        "Sample answers",
        "Prompts answered at each evaluation, to follow the adapter's progress; 0 for none.",
        ge=0,
        le=8,
        advanced=True,
    )
    sample_prompts: list[str] = knob(
        [],
        "Sample prompts",
        "Your own prompts, one per line; if empty, the first validation rows are used.",
        advanced=True,
    )
    automatic_resumes: int = knob(
        1,
        "Automatic resumes",
        "How many times a run that ended unexpectedly resumes automatically from its latest checkpoint.",
        ge=0,
        le=100,
        advanced=True,
    )

    @field_validator("sample_prompts", mode="before")
    @classmethod
    def _one_a_line(cls, value: Any) -> Any:
        lines = value.splitlines() if isinstance(value, str) else value
        if isinstance(lines, list) and all(isinstance(line, str) for line in lines):
            return [line.strip() for line in lines if line.strip()]
        return lines


class RunSpec(BaseModel):
    """Everything that decides what a run does. Serialised, it is the spec part of `run.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    model: ModelSpec = ModelSpec()
    data: DataSpec
    lora: LoraSpec = LoraSpec()
    training: TrainingSpec = TrainingSpec()
    watch: WatchSpec = WatchSpec()


SECTIONS: dict[str, type[Section]] = {
    "model": ModelSpec,
    "data": DataSpec,
    "lora": LoraSpec,
    "training": TrainingSpec,
    "watch": WatchSpec,
}

Values = Mapping[str, Mapping[str, Any]]


def defaults() -> dict[str, dict[str, Any]]:
    """Every knob at its default, by section."""
    return {name: {f: i.default for f, i in s.model_fields.items()} for name, s in SECTIONS.items()}


def read_spec(values: Values) -> RunSpec:
    """The spec from raw values by section and knob; text such as "2e-4" is read as the knob's type.

    Raises:
        InvalidInput: with one entry in `fields` ("lora.r") for each value at fault.
    """
    faults: dict[str, StudioError] = {}
    sections: dict[str, Section] = {}
    for name in values:
        if name not in SECTIONS:
            faults[name] = StudioError(
                "There is no section “{name}”.", "The sections are {known}.", name=name, known=", ".join(SECTIONS)
            )
    for name, section in SECTIONS.items():
        given = {k: v.strip() if isinstance(v, str) else v for k, v in values.get(name, {}).items()}
        try:
            sections[name] = section.model_validate(given)
        except ValidationError as error:
            faults.update({f"{name}.{field}": fault for field, fault in _faults(section, error)})
    if faults:
        first = next(iter(faults))
        raise InvalidInput(
            "{count} of the settings cannot be used. {place}: {first}" if len(faults) > 1 else "{place}: {first}",
            fields=faults,
            count=len(faults),
            place=first,
            first=str(faults[first]),
        )
    return RunSpec.model_construct(**sections)  # type: ignore[arg-type]


def _faults(section: type[Section], error: ValidationError) -> Iterator[tuple[str, StudioError]]:
    seen = set()
    for item in error.errors(include_url=False):
        field = str(item["loc"][0]) if item["loc"] else ""
        if field not in seen:
            seen.add(field)
            yield field, _fault(section, field, item)


def _fault(section: type[Section], field: str, item: Mapping[str, Any]) -> StudioError:
    context, kind = item.get("ctx", {}), item["type"]
    match kind:
        case "extra_forbidden":
            return StudioError(
                "There is no such setting.", "Available: {known}.", known=", ".join(section.model_fields)
            )
        case "missing" | "string_too_short":
            return StudioError("Choose one.")
        case "value_error":
            return StudioError(str(context["error"]))
        case "greater_than_equal":
            return StudioError("Must be {limit} or more.", limit=context["ge"])
        case "greater_than":
            return StudioError("Must be more than {limit}.", limit=context["gt"])
        case "less_than_equal":
            return StudioError("Must be {limit} or less.", limit=context["le"])
        case "less_than":
            return StudioError("Must be less than {limit}.", limit=context["lt"])
        case "finite_number":
            return StudioError("Must be a finite number.")
        case _ if kind.startswith("int"):
            return StudioError("Enter a whole number, such as {example}.", example=section.model_fields[field].default)
        case _ if kind.startswith("float"):
            return StudioError("Enter a number, such as {example}.", example=section.model_fields[field].default)
        case _ if kind.startswith("bool"):
            return StudioError("Must be true or false.")
        case "literal_error":
            return StudioError("Choose one of {choices}.", choices=context["expected"])
        case _:
            return StudioError("This cannot be used: {reason}.", reason=item["msg"])


def kind_of(info: FieldInfo) -> str:
    """How a knob is entered: integer, number, boolean, choice, list, lines or text."""
    annotation = info.annotation
    if get_origin(annotation) in (Union, types.UnionType):
        return "list" if any(get_origin(a) is list for a in get_args(annotation)) else "text"
    if get_origin(annotation) is list:
        return "lines"
    if get_origin(annotation) is Literal:
        return "choice"
    return {int: "integer", float: "number", bool: "boolean"}.get(annotation, "text")  # type: ignore[arg-type]


def limits_of(info: FieldInfo) -> dict[str, float]:
    """The knob's limits by pydantic's names: ge, gt, le, lt."""
    return {
        name: getattr(limit, name)
        for limit in info.metadata
        for name in ("ge", "gt", "le", "lt")
        if getattr(limit, name, None) is not None
    }


def describe() -> list[dict[str, Any]]:
    """Every section and knob as plain data, for the form, the command line and the documentation."""
    described = []
    for name, section in SECTIONS.items():
        fields = []
        for field, info in section.model_fields.items():
            extra: dict[str, Any] = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
            choices = extra.get("choices", {})
            fields.append(
                {
                    "name": field,
                    "label": info.title,
                    "help": info.description,
                    "kind": kind_of(info),
                    "default": None if info.default is PydanticUndefined else info.default,
                    "advanced": extra["advanced"],
                    "choices": [{"value": v, "label": label} for v, label in choices.items()],
                    "suggestions": extra.get("suggestions", []),
                    "limits": limits_of(info),
                }
            )
        described.append({"name": name, "title": section.__doc__, "fields": fields})
    return described
