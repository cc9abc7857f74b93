"""The model card of a published adapter: what it is, how to use it, and how it was made."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from studio.domain.metrics import metric_named
from studio.domain.naming import slug
from studio.domain.spec.run_spec import method_of, objective_of
from studio.services.hub.files import AdapterFolder
from studio.store.tables.adapters import Adapter

# The identifiers that the Hub knows; it refuses a card with any other.
_LICENSES = """
    afl-3.0 agpl-3.0 apache-2.0 apple-amlr apple-ascl artistic-2.0 bigcode-openrail-m bigscience-bloom-rail-1.0
    bigscience-openrail-m bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5
    cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0
    cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0
    cdla-permissive-2.0 cdla-sharing-1.0 creativeml-openrail-m deepfloyd-if-license ecl-2.0 epl-1.0 epl-2.0
    etalab-2.0 eupl-1.1 eupl-1.2 gemma gfdl gpl gpl-2.0 gpl-3.0 h-research intel-research isc lgpl lgpl-2.1 lgpl-3.0
    lgpl-lr llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 lppl-1.3c mit mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1
    openrail openrail++ osl-3.0 pddl postgresql unknown unlicense wtfpl zlib
"""
_NOT_TOLD = {("model", "name"), ("data", "name"), ("data", "mix")}  # can be paths; the card names them in its own words


def base_on_hub(adapter: Adapter) -> str:
    """The base's id on the Hub; empty where it is a folder of this machine."""
    return "" if adapter.base_source == "folder" else adapter.base_reference.partition("@")[0]


def model_card(
    adapter: Adapter,
    folder: AdapterFolder,
    repository: str,
    measurements: Sequence[Mapping[str, Any]] = (),
    *,
    base_origin: str = "",
) -> str:
    """README.md of the repository, with its metadata.

    `measurements` is what evaluations found: see evaluation_results.before_and_after. `base_origin` says in words where
    the base's weights came from; it is told of the starter model alone.
    """
    parts = [
        f"# {_text(adapter.name)}",
        _summary(adapter),
        "## Use it",
        *_usage(adapter, folder, repository),
        "## Training data",
        _data(adapter),
        "## Results",
        _table(("Measure", "Value"), _results(adapter)),
        *_before_and_after(measurements),
        "## Hyperparameters",
        _table(("Name", "Value"), _hyperparameters(adapter.spec)),
        "## Made with",
        _table(("Library", "Version"), sorted(adapter.versions.items())),
    ]
    if adapter.base_source == "starter" and not adapter.base_revision and base_origin:
        parts.insert(2, f"The base's weights came from {_text(base_origin)}; those on the Hub can differ slightly.")
    return f"---\n{_metadata(adapter)}\n---\n\n" + "\n\n".join(parts) + "\n"


def _metadata(adapter: Adapter) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    base, results = base_on_hub(adapter), []
    if adapter.eval_loss is not None and math.isfinite(adapter.eval_loss):
        datasets = " + ".join(adapter.dataset_names)
        results.append(
            EvalResult(
                task_type="text-generation",
                dataset_type=slug(datasets),
                dataset_name=datasets,
                dataset_split="validation",
                metric_type="loss",
                metric_name="Validation loss",
                metric_value=round(adapter.eval_loss, 4),
            )
        )
    method, objective = method_of(adapter.spec), objective_of(adapter.spec)
    tags = [*method.tags, "adapter-studio", "transformers", "trl", objective.kind]
    if base:
        tags.append(f"base_model:adapter:{base}")
    license, license_name = _license(adapter.base_license)
    data = ModelCardData(
        model_name=adapter.name,
        base_model=base or None,
        library_name="peft",
        pipeline_tag="text-generation",
        tags=tags,
        eval_results=results or None,
        license=license,
        license_name=license_name,
    )
    return data.to_yaml()


def _license(license: str) -> tuple[str | None, str | None]:
    """The base's license, which its adapter inherits, as the Hub writes it: an identifier, or "other" and a name."""
    if not license:
        return None, None
    identifier = license.lower()
    return (identifier, None) if identifier in _LICENSES.split() else ("other", slug(identifier))


def _summary(adapter: Adapter) -> str:
    base = base_on_hub(adapter)
    method = method_of(adapter.spec).name
    summary = (
        f"A {method} adapter for {f'[{base}](https://huggingface.co/{base})' if base else _text(adapter.base_name)}"
    )
    summary += f", trained with Adapter Studio on {_trained_on(adapter)}."
    if not base:
        summary += (
            "\n\n**The base model is not on the Hub.** Whoever loads this adapter must have it and say where it is."
        )
    return summary


def _trained_on(adapter: Adapter) -> str:
    """Such as “80 rows of “a” and 20 rows of “b””."""
    rows = {each.name: each.rows for each in adapter.details.datasets} | {adapter.dataset_name: adapter.dataset_rows}
    names = [f"“{_text(name)}”" for name in adapter.dataset_names]
    parts = [
        f"{rows[name]} rows of {shown}" if name in rows else shown
        for name, shown in zip(adapter.dataset_names, names, strict=True)
    ]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _usage(adapter: Adapter, folder: AdapterFolder, repository: str) -> Iterator[str]:
    base, revision = base_on_hub(adapter), adapter.base_revision
    revision_argument = f', revision="{revision}"' if base and revision else ""
    opening = f'base = "{base or "path/to/the/base/model"}"\nadapter = "{repository}"\n\n'
    load_base = f"model = AutoModelForCausalLM.from_pretrained(base{revision_argument})\n"
    ends = folder.has_generation_config  # it says where an answer ends
    tokenizer = "adapter" if folder.has_tokenizer else f"base{revision_argument}"
    asking = "model.generation_config = GenerationConfig.from_pretrained(adapter)\n" if ends else ""
    asking += f"tokenizer = AutoTokenizer.from_pretrained({tokenizer})\n\n"
    if folder.has_chat_template:
        asking += (
            'messages = [{"role": "user", "content": "Who are you?"}]\n'
            "inputs = tokenizer.apply_chat_template(\n"
            '    messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"\n'
            ")\n"
        )
    else:
        asking += 'inputs = tokenizer("Once upon a time", return_tensors="pt")\n'
    asking += (
        'answer = model.generate(**inputs, max_new_tokens=200)[0, inputs["input_ids"].shape[1] :]\n'
        "print(tokenizer.decode(answer, skip_special_tokens=True))"
    )
    imports = f"from transformers import AutoModelForCausalLM, AutoTokenizer{', GenerationConfig' if ends else ''}\n"
    if folder.needs_peft:
        yield "Load it with peft: transformers' own `load_adapter` leaves a part of a DoRA adapter out."
    else:
        yield "In transformers (with peft installed):"
        yield f"```python\n{imports}\n{opening}{load_base}model.load_adapter(adapter)\n{asking}\n```"
        yield "In peft:"
    load = "model = PeftModel.from_pretrained(model, adapter)\n"
    yield f"```python\nfrom peft import PeftModel\n{imports}\n{opening}{load_base}{load}{asking}\n```"


def _data(adapter: Adapter) -> str:
    datasets = adapter.details.datasets
    one: list[tuple[str, Any]] = [
        ("Name", adapter.dataset_name),
        ("Version", adapter.dataset_version),
        ("Rows", adapter.dataset_rows),
    ]
    of_all: list[tuple[str, Any]] = [
        ("Objective", objective_of(adapter.spec).label),
        *_trained_parts(adapter),
        ("Rows left out, with nothing to learn within max length", adapter.details.dropped_rows or None),
    ]
    if not datasets:
        hash_row = ("SHA-256 of the rows as JSON Lines", adapter.dataset_sha256)
        return _table(("Dataset", ""), [*one, *of_all, hash_row])
    lines = [
        "| Dataset | Version | Rows | Weight | Trained on in an epoch | SHA-256 of the rows as JSON Lines |",
        "|---|---|---|---|---|---|",
    ]
    for each in datasets:
        cells = [each.name, each.version, each.rows, each.weight, each.epoch_rows, each.sha256]
        lines.append(f"| {' | '.join(_text(_value(cell)) for cell in cells)} |")
    return "\n".join(lines) + "\n\n" + _table(("Training data", ""), of_all)


def _trained_parts(adapter: Adapter) -> Iterator[tuple[str, Any]]:
    objective, datasets = objective_of(adapter.spec), adapter.details.datasets
    if len(datasets) < 2:
        yield "Trained on", objective.trained_part(adapter.details.format) or None
    else:
        yield from ((f"Trained on of {d.name}", objective.trained_part(d.format) or None) for d in datasets)


def _results(adapter: Adapter) -> Iterator[tuple[str, Any]]:
    yield "Steps", adapter.steps
    yield "Training loss", adapter.train_loss
    yield "Validation loss", adapter.eval_loss
    yield "Best validation loss of its run", adapter.best_eval_loss
    yield "Trainable parameters", adapter.details.trainable
    yield "Device", adapter.details.device
    yield "Precision of the base", adapter.details.precision


def _before_and_after(measurements: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not measurements:
        return
    yield "### Before and after"
    yield "The answers of the base model alone and with this adapter to the same prompts, scored against references."
    lines = ["| Prompt set | Measure | Prompts | Base model | With the adapter |", "|---|---|---|---|---|"]
    for row in measurements:
        metric = metric_named(row["metric"])
        name = f"{metric.full_label or metric.label} ({row['better']} is better)"
        cells = [row["set"], name, str(row["n"]), _value(row["base"]), _value(row["adapter"])]
        lines.append(f"| {' | '.join(_text(cell) for cell in cells)} |")
    yield "\n".join(lines)


def _hyperparameters(spec: dict[str, dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    for section, knobs in spec.items():
        for name, value in knobs.items():
            if (section, name) not in _NOT_TOLD:
                yield f"{section}.{name}", value


def _table(head: tuple[str, str], rows: Iterable[tuple[str, Any]]) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "|---|---|"]
    lines += [f"| {_text(name)} | {_text(_value(value))} |" for name, value in rows if value is not None]
    return "\n".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _text(value: str) -> str:
    """The words as they are, whatever Markdown or HTML they hold."""
    return re.sub(r"([\\`*\[\]<>|#~])", r"\\\1", value).replace("\n", " ")
