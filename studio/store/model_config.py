"""The config.json of a base model, with sizes that a model can have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studio.domain.errors import StudioError
from studio.store.bounded_json import read_object

CONFIG = "config.json"
_MAX_LAYERS = 10_000  # libraries build one after the other before they look at a weight
_MAX_NUMBER = 1 << 31
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_experts", "num_local_experts",
           "n_routed_experts", "encoder_layers", "decoder_layers")  # fmt: skip
_SIZES = ("hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size",
          "max_position_embeddings", "n_embd", "n_head", "n_positions", "n_inner", "d_model", "d_ff")  # fmt: skip


def read_model_config(folder: str | Path) -> dict[str, Any]:
    """What it says.

    Raises:
        DamagedFile: it is no such file.
        OSError: it is not there, or cannot be read.
        StudioError: a size in it cannot be, or it names its kind otherwise than the format has it.
    """
    path = Path(folder) / CONFIG
    config = read_object(path)
    inner = [config, *(part for part in config.values() if isinstance(part, dict))]  # such as text_config
    for part in inner:
        for names, most in ((_LAYERS, _MAX_LAYERS), (_SIZES, _MAX_NUMBER)):
            for name in names:
                if name in part and not _is_size(part[name], most):
                    raise _fault(path, name, part[name])
    kinds = config.get("architectures")
    if kinds is not None and not (isinstance(kinds, list) and all(isinstance(kind, str) for kind in kinds)):
        raise _fault(path, "architectures", kinds)
    if not isinstance(config.get("model_type", ""), str):
        raise _fault(path, "model_type", config["model_type"])
    return config


def model_config(folder: str | Path) -> Mapping[str, Any]:
    """What it says; nothing where that cannot be read."""
    try:
        return read_model_config(folder)
    except (OSError, StudioError):
        return {}


def _is_size(value: Any, most: int) -> bool:
    if isinstance(value, list):  # one for each layer, as some families have it
        return all(type(part) is not list and _is_size(part, most) for part in value)
    return value is None or (type(value) is int and 0 <= value <= most)


def _fault(path: Path, name: str, value: Any) -> StudioError:
    return StudioError(
        "“{name}” in {file} cannot be {value}.",
        "Restore the original file, or add the whole model again.",
        file=path, name=name, value=repr(value)[:60],
    )  # fmt: skip
