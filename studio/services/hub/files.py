"""Which files of an adapter's folder are published."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from studio.domain.errors import StudioError
from studio.store.adapter_folder import CONFIG, WEIGHTS
from studio.store.bounded_json import read_object
from studio.store.safetensors_header import read_tensors

GENERATION_CONFIG = "generation_config.json"  # says with which tokens an answer ends
MORE_TEMPLATES = "additional_chat_templates"  # such as one for tools
# By name, so that no checkpoint, optimizer, pickle or log can slip through.
PUBLISHED = (
    WEIGHTS,
    "added_tokens.json",
    "chat_template.jinja",
    GENERATION_CONFIG,
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer*.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
)


@dataclass(frozen=True)
class AdapterFolder:
    """A whole adapter on disk. `config` is its adapter_config.json, `tensors` are its weights' names."""

    path: Path
    config: dict[str, Any]
    tensors: tuple[str, ...]

    @property
    def has_tokenizer(self) -> bool:
        return (self.path / "tokenizer_config.json").is_file()

    @property
    def has_chat_template(self) -> bool:
        return (self.path / "chat_template.jinja").is_file()

    @property
    def has_generation_config(self) -> bool:
        return (self.path / GENERATION_CONFIG).is_file()

    @property
    def needs_peft(self) -> bool:
        """transformers' own loader leaves DoRA's magnitudes out where they are named as peft names them."""
        return any(name.endswith("lora_magnitude_vector") for name in self.tensors)

    def published_files(self, base: str, revision: str) -> dict[str, Path | bytes]:
        """File name → file or content, without the card.

        `base` is the base's id on the Hub, `revision` its commit. Both are empty where the Hub does not have it:
        the configuration then names no base, rather than a folder of this machine.
        """
        config = self.config | {"base_model_name_or_path": base or None, "revision": revision or None}
        files: dict[str, Path | bytes] = {CONFIG: json.dumps(config, indent=2, sort_keys=True).encode() + b"\n"}
        for file in sorted(self.path.iterdir()):
            if any(fnmatch(file.name, pattern) for pattern in PUBLISHED) and not file.is_symlink():
                files[file.name] = file
        for file in sorted(self.path.glob(f"{MORE_TEMPLATES}/*.jinja")):
            if not file.is_symlink():
                files[f"{MORE_TEMPLATES}/{file.name}"] = file
        return files


def read_adapter_folder(path: Path) -> AdapterFolder:
    """Raises StudioError where the adapter in that folder is not there or not whole."""
    try:
        config = read_object(path / CONFIG)
        tensors = tuple(read_tensors(path / WEIGHTS))
    except OSError as error:
        raise StudioError(
            "The adapter in {path} is incomplete: {reason}.",
            "Restore {config} and {weights}, or train it again.",
            path=path,
            reason=error.strerror or error,
            config=CONFIG,
            weights=WEIGHTS,
        ) from error
    return AdapterFolder(path, config, tensors)
