"""An adapter's folder: its settings, its weights, its chat template."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peft import PeftConfig, PeftType
from safetensors import SafetensorError, safe_open

from studio.domain.errors import InvalidInput, StudioError
from studio.rendering.template_files import MAX_TEMPLATE_CHARACTERS, bounded_text, check_sizes
from studio.store.adapter_folder import CONFIG, WEIGHTS
from studio.store.bounded_json import read_object

PREFIX = "base_model.model."  # of the layers' names in an adapter's file
MAX_CONFIG_BYTES = 4_000_000  # of a configuration
_MAKES_OWN_BASE = ("pissa", "corda", "olora", "loftq", "lora_ga")


def read_config(path: Path, name: str) -> PeftConfig:
    """Raises InvalidInput where the folder holds no adapter, or one of a kind that cannot answer here."""
    if not (path / WEIGHTS).is_file():
        raise InvalidInput(
            "The adapter “{name}” has no {file} in {path}.",
            "Restore its files, or train it again.",
            name=name, file=WEIGHTS, path=path,
        )  # fmt: skip
    try:
        read_object(path / CONFIG, MAX_CONFIG_BYTES)
        config = PeftConfig.from_pretrained(str(path))
    except Exception as error:  # peft says it in many ways
        raise InvalidInput(
            "The adapter_config.json of “{name}” in {path} cannot be read.",
            "Restore its files, or train it again.",
            name=name,
            path=path,
        ) from error
    if special := _needs_own_base(config):
        raise InvalidInput(
            "The adapter “{name}” needs a base model that was changed for it ({special}).",
            "Save it as a plain LoRA adapter: peft can convert such adapters, given the weights they started from.",
            name=name, special=special,
        )  # fmt: skip
    if config.is_prompt_learning or config.peft_type in (PeftType.ADAPTION_PROMPT, PeftType.XLORA, PeftType.POLY):
        raise InvalidInput(
            "{kind} adapters, such as “{name}”, cannot be compared here.",
            "Choose a LoRA adapter.",
            name=name, kind=config.peft_type.value,
        )  # fmt: skip
    return config


def read_template(path: Path) -> str | None:
    """The chat template that is saved with the adapter; None where there is none, or none that can be read.

    Raises TemplateExceeds: its file is too large to be one.
    """
    check_sizes(path)
    try:
        return bounded_text(path / "chat_template.jinja", 4 * MAX_TEMPLATE_CHARACTERS)
    except (OSError, ValueError):
        pass
    try:  # where transformers kept it before it was a file
        template = read_object(path / "tokenizer_config.json").get("chat_template")
    except OSError:
        return None
    return template if isinstance(template, str) else None


def _needs_own_base(config: PeftConfig) -> str:
    """What the adapter does to the base's own weights, by peft's name for it; empty for an ordinary one."""
    start = getattr(config, "init_lora_weights", True)
    if isinstance(start, str) and start.startswith(_MAKES_OWN_BASE):
        return start
    return next((option for option in ("layer_replication", "kasa_config") if getattr(config, option, None)), "")


@contextmanager
def opened_weights(path: Path, name: str) -> Iterator[Any]:
    """The file of its weights. Raises StudioError where it is damaged."""
    try:
        with safe_open(path / WEIGHTS, "pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise StudioError(
            "The weights of “{name}” in {path} are damaged.",
            "Train it again, or download it again.",
            name=name,
            path=path,
        ) from error
