"""The files of a base model: which are needed, and what they say about it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Set
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from studio.domain.errors import StudioError
from studio.domain.quantization import StoredQuantization, stored_quantization
from studio.domain.translation import N_
from studio.store.arrow_file import DamagedFile
from studio.store.model_config import model_config
from studio.store.safetensors_header import Tensor, listed_shards, read_tensors
from studio.worker.common.configuration import read_configuration

logger = logging.getLogger(__name__)

_WEIGHTS = ("model.safetensors", "model-*.safetensors", "model.safetensors.index.json")
_OTHER = ("*.json", "*.jinja", "additional_chat_templates/*.jinja", "*.model", "*.txt", "*.tiktoken", "README.md")
_NEVER = ("*.index.json", "training_args*", "optimizer*", "requirements*.txt")
_ORDINARY = ("F64", "F32", "F16", "BF16")  # as safetensors calls numbers that are not packed
_MARKS = {"4-bit": ".quant_state.bitsandbytes__", "8-bit": ".SCB"}  # in names of tensors that are stored so
MAX_LICENSE_CHARACTERS = 200  # characters: a name, not the text
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
    if not weights and "model_index.json" in names:
        raise StudioError(
            "This is a pipeline of several models that generates images or sound, not a language model.",
            "Choose a causal language model, such as HuggingFaceTB/SmolLM2-135M-Instruct.",
        )
    if not weights:
        if any(fnmatch(n, p) for n in names for p in _PICKLED):
            raise StudioError(
                "This model only has pickled weights, which can contain malicious code and are not opened.",
                "Choose a version of it with .safetensors weights.",
            )
        raise StudioError("There are no .safetensors weights in this model.", "Choose another model.")
    other = [n for n in names if any(fnmatch(n, p) for p in _OTHER) and not any(fnmatch(n, p) for p in _NEVER)]
    return weights + [n for n in other if n not in weights]


def count_parameters(path: Path) -> int:
    """Read off the safetensors headers; no weight is loaded. Of quantised weights it counts what they are packed in.

    Raises:
        StudioError: a file is damaged, or one that the index names is missing.
    """
    return sum(tensor.parameters for header in _headers(path) for tensor in header.values())


def stored_in(path: str | Path) -> StoredQuantization | None:
    """How the weights in the folder are quantised; None where they are ordinary numbers.

    Raises:
        StudioError: in a way in which they cannot be used here, or config.json does not say how; a file is damaged.
    """
    folder = Path(path)
    quantization = stored_quantization(model_config(folder))
    if quantization is not None and not quantization.can_load:
        raise _unreadable(
            folder,
            N_("The weights in {path} are quantised with {stored}, which the studio can neither train nor run."),
            stored=quantization.name,
        )
    tensors = {name: tensor for header in _headers(folder) for name, tensor in header.items()}
    packed_dtypes = {
        name: tensor.dtype
        for name, tensor in tensors.items()
        if len(tensor.shape) > 1
        and tensor.dtype not in _ORDINARY
        and (name.endswith("weight") or tensor.dtype.startswith("F8"))
    }
    if quantization is None and packed_dtypes:
        raise _unreadable(
            folder,
            N_("The weights in {path} are packed as {packed}, and config.json does not say how to read them."),
            packed=", ".join(sorted(set(packed_dtypes.values()))),
        )
    if quantization is not None and quantization.is_unpacked:
        _check_scales(folder, packed_dtypes, tensors.keys(), quantization)
    mark = _MARKS.get(quantization.precision or "") if quantization is not None else None
    if quantization is not None and mark and not any(mark in name for name in tensors):
        raise StudioError(
            "According to config.json, the weights in {path} are stored as {stored}, but the files contain none.",
            "Remove quantization_config from config.json if the weights are not quantised, or add the whole model "
            "again.",
            path=folder,
            stored=quantization.name,
        )
    return quantization


def _check_scales(path: Path, packed_names: Iterable[str], tensors: Set[str], quantization: StoredQuantization) -> None:
    """Raises StudioError where a packed weight has none beside it of the numbers that it is to be multiplied by, by a
    name that transformers knows: it would take the weight as it is, without a word."""
    if (
        quantization.method == "mxfp4"
    ):  # whose weights have other names as long as they are packed: they would be missing
        return
    unscaled_names = [
        name
        for name in packed_names
        if "scale" not in name
        and tensors.isdisjoint(
            (f"{name}_scale_inv", f"{name}_scale")
            if "experts.w" in name
            else (f"{name}_scale_inv", *(name.removesuffix("weight") + other for other in ("scale", "qscale_weight")))
        )
    ]
    if unscaled_names:
        raise _unreadable(
            path,
            N_("{count} of the {stored} weights in {path} {count:has|have} no scale that can be read here, such as "
            "{first}."),
            stored=quantization.name, count=len(unscaled_names), first=unscaled_names[0],
        )  # fmt: skip


def _unreadable(path: Path, problem: str, **values: object) -> StudioError:
    """With the model that it was made from as the way out, where its card names that."""
    base_model = _card(path).get("base_model")
    original = base_model[0] if isinstance(base_model, list) and base_model else base_model
    if isinstance(original, str) and original:
        remedy = N_("Add {original}, and choose 4-bit: it takes about as little memory.")
        return StudioError(problem, remedy, path=path, original=original, **values)
    remedy = N_("Add the model's unquantised version, and choose 4-bit: it takes about as little memory.")
    return StudioError(problem, remedy, path=path, **values)


def _headers(path: Path) -> list[dict[str, Tensor]]:
    """Of each file of weights: tensors by their name."""
    index = path / "model.safetensors.index.json"
    if index.exists():
        shards = _shards(index)
        missing = [s for s in shards if not (path / s).exists()]
        if missing:
            raise StudioError(
                "The model in {path} lacks {missing} of its {total} weight {total:file|files}, such as {first}.",
                "Restore them, or add the model again.",
                path=path, missing=len(missing), total=len(shards), first=missing[0],
            )  # fmt: skip
        return [_header(path / s) for s in shards]
    single = path / "model.safetensors"
    return [_header(f) for f in ([single] if single.exists() else sorted(path.glob("*.safetensors")))]


def _header(file: Path) -> dict[str, Tensor]:
    try:
        return read_tensors(file)
    except DamagedFile as error:
        raise StudioError(
            "The weights in {file} are damaged or cut short.", "Put an intact file there, or add the model again.",
            file=file,
        ) from error  # fmt: skip


def _shards(index: Path) -> list[str]:
    """The names of the files that an index lists."""
    try:
        return listed_shards(index)
    except DamagedFile as error:
        raise StudioError(
            "The weights' index {file} is damaged.", "Put an intact file there, or add the model again.", file=index
        ) from error


def describe_model(path: Path) -> dict[str, Any]:
    """What the catalogue keeps of a model: parameters, architecture, license, context (tokens) and whether it has
    a chat template.

    Raises:
        StudioError: the folder holds no model that can be trained and chatted with here.
    """
    from studio.worker.models.kind import architecture_of, context_of
    from studio.worker.tokenization.load import load_tokenizer

    parameters = count_parameters(path)
    config, quantization = check_configuration(path)
    tokenizer = load_tokenizer(path)
    hollow = hollow_model(config)
    if quantization is not None and hollow is not None:
        parameters = hollow.num_parameters()
    longest = tokenizer.model_max_length
    return {
        "parameters": parameters,
        "architecture": architecture_of(config),
        "license": _license(path),
        "context": context_of(config, hollow, int(longest) if longest < 1 << 30 else 0),
        "chat_template": bool(tokenizer.chat_template),
    }


def check_configuration(path: Path) -> tuple[Any, StoredQuantization | None]:
    """The model's configuration, and how its weights are quantised; the weights need not be there yet.

    Raises:
        StudioError: it is of a model that cannot be used here.
    """
    from studio.worker.models.kind import check_kind

    config = read_configuration(path)
    check_kind(config)
    return config, stored_in(path)


def hollow_model(config: Any) -> Any:
    """A model of that configuration without its weights, which takes next to no memory; None where that fails."""
    import torch
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except Exception:  # whatever a family's own code does with a device that holds no numbers
        logger.exception("No hollow model could be made")
        return None


def _license(path: Path) -> str:
    """The license that the model's own card states, or nothing."""
    card = _card(path)
    license = card.get("license_name") if card.get("license") == "other" else card.get("license")
    return license[:MAX_LICENSE_CHARACTERS] if isinstance(license, str) else ""


def _card(path: Path) -> dict[str, Any]:
    """What the head of the model's card says."""
    from huggingface_hub import ModelCard

    try:
        return dict(ModelCard.load(path / "README.md", ignore_metadata_errors=True).data.to_dict())
    except (OSError, ValueError):
        return {}
