"""The files of a base model: which of them are needed, and what they say about it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from studio.domain.errors import StudioError
from studio.store.arrow_file import DamagedFile
from studio.store.safetensors_header import read_tensors

_WEIGHTS = ("model.safetensors", "model-*.safetensors", "model.safetensors.index.json")
_OTHER = ("*.json", "*.jinja", "additional_chat_templates/*.jinja", "*.model", "*.txt", "*.tiktoken", "README.md")
_NEVER = ("*.index.json", "training_args*", "optimizer*", "requirements*.txt")
LONGEST_LICENSE = 200  # characters: a name, not the text
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def needed_files(names: Iterable[str]) -> list[str]:
    """Of a repository's file names, those that a model is loaded from: safetensors, config, tokenizer, template.

    Never pickled weights, never code, and each weight once: repositories often carry the same in other formats.

    Raises:
        StudioError: there are no safetensors weights.
    """
    names = [n for n in names if "/" not in n or n.startswith("additional_chat_templates/")]
    weights = [n for n in names if any(fnmatch(n, p) for p in _WEIGHTS)]
    if not any(n.endswith(".safetensors") for n in weights):
        weights = [n for n in names if n.endswith(".safetensors") and not n.startswith("adapter_")]
    if not weights:
        if any(fnmatch(n, p) for n in names for p in _PICKLED):
            raise StudioError(
                "This model has pickled weights only, which can hold harmful code and are not opened.",
                "Choose a version of it with .safetensors weights.",
            )
        raise StudioError("There are no .safetensors weights in this model.", "Choose another model.")
    other = [n for n in names if any(fnmatch(n, p) for p in _OTHER) and not any(fnmatch(n, p) for p in _NEVER)]
    return weights + [n for n in other if n not in weights]


def count_parameters(path: Path) -> int:
    """Read off the safetensors headers; no weight is loaded.

    Raises:
        StudioError: a file is damaged, or one that the index names is missing.
    """
    index = path / "model.safetensors.index.json"
    if index.exists():
        shards = _shards(index)
        missing = [s for s in shards if not (path / s).exists()]
        if missing:
            raise StudioError(
                "Of the model in {path}, {missing} of {total} weight files are missing: {first} is one.",
                "Put them back, or add the model again.",
                path=path, missing=len(missing), total=len(shards), first=missing[0],
            )  # fmt: skip
        return sum(_parameters_in(path / s) for s in shards)
    single = path / "model.safetensors"
    return sum(_parameters_in(f) for f in ([single] if single.exists() else sorted(path.glob("*.safetensors"))))


def _parameters_in(file: Path) -> int:
    try:
        return sum(tensor.parameters for tensor in read_tensors(file).values())
    except DamagedFile as error:
        raise StudioError(
            "The weights in {file} are damaged or cut short.", "Put a whole file there, or add the model again.",
            file=file,
        ) from error  # fmt: skip


def _shards(index: Path) -> list[str]:
    """The names of the files that an index lists."""
    try:
        names = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        if not all(name and Path(name).name == name for name in names):
            raise ValueError("not names of files")
        return sorted(names)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StudioError(
            "The weights' index {file} is damaged.", "Put a whole file there, or add the model again.", file=index
        ) from error


def describe_model(path: Path) -> dict[str, Any]:
    """What the catalogue keeps of a model: parameters, architecture, license, context (tokens) and whether it has
    a chat template.

    Raises:
        StudioError: the folder holds no model that can be trained and chatted with here.
    """
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    parameters = count_parameters(path)
    try:
        config = AutoConfig.from_pretrained(path, trust_remote_code=False)
    except (ValueError, OSError, KeyError) as error:
        raise StudioError(
            "The model in {path} is of a kind that cannot be opened here.",
            "Choose a model that transformers knows without code of the model's own.",
            path=path,
        ) from error
    architecture = (getattr(config, "architectures", None) or [type(config).__name__])[0]
    if config.model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise StudioError(
            "{architecture} is not a model that writes text.",
            "Choose a causal language model, such as HuggingFaceTB/SmolLM2-135M-Instruct.",
            architecture=architecture,
        )
    tokenizer = _read_tokenizer(path)
    text = config.get_text_config()
    lengths = (getattr(text, k, None) for k in ("max_position_embeddings", "n_positions", "max_seq_len"))
    context = next((n for n in lengths if n), tokenizer.model_max_length)
    return {
        "parameters": parameters,
        "architecture": architecture,
        "license": _license(path),
        "context": int(context) if context < 1 << 30 else 0,
        "chat_template": bool(tokenizer.chat_template),
    }


def _read_tokenizer(path: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    except Exception as error:  # whatever a tokenizer's own reader makes of a file that it does not know
        raise StudioError(
            "The tokenizer in {path} is missing or cannot be opened.",
            "Put the model's tokenizer files (tokenizer.json, tokenizer_config.json) beside its weights.",
            path=path,
        ) from error


def _license(path: Path) -> str:
    """The license that the model's own card states, or nothing."""
    from huggingface_hub import ModelCard

    try:
        stated = ModelCard.load(path / "README.md", ignore_metadata_errors=True).data.to_dict()
    except (OSError, ValueError):
        return ""
    license = stated.get("license_name") if stated.get("license") == "other" else stated.get("license")
    return license[:LONGEST_LICENSE] if isinstance(license, str) else ""
