"""The layers of a base model, read from the headers of its safetensors files: no weight is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from studio.domain.adapter_layers import bare_layers
from studio.domain.errors import StudioError
from studio.store.model_config import read_model_config
from studio.store.safetensors_header import listed_shards, read_tensors

Shape = tuple[int, ...]

# peft leaves the output layer out of all-linear
_OUTPUTS = ("lm_head", "embed_out", "output_projection", "head", "decoder")
_TOKENS = ("embed_tokens", "embed_in", "wte", "word_embeddings", "embeddings", "tok_embeddings", "tokens_embed", "w")
_EMBEDDINGS = (*_TOKENS, "wpe", "position_embeddings", "positions_embed", "token_embedding")
_INPUTS_FIRST = ("gpt2", "openai-gpt")  # their Conv1D keeps a weight as [in, out], where a Linear has [out, in]
_FUSED = (".experts.", ".router.", ".block_sparse_moe.")  # loaded as other parameters than they are stored


class Layer(NamedTuple):
    """A module with one matrix. `bias` counts its bias terms, 0 where it has none."""

    inputs: int
    outputs: int
    bias: int


@dataclass(frozen=True)
class BaseWeights:
    """`linear` are the layers that “all-linear” means, `other` embeddings and output, which can only be named; those
    called as one of `bare_layers` get no adapter in either way.

    `is_known` is false where the modules of the loaded model cannot be told from the files: mixtures of experts,
    and weights that are stored quantised. `has_conv1d`: layers are transformers' Conv1D instead of torch's Linear.
    """

    parameters: int
    linear: Mapping[str, Layer]
    other: Mapping[str, Layer]
    bias: int
    is_known: bool
    bare_layers: frozenset[str] = frozenset()
    has_conv1d: bool = False

    @property
    def linear_parameters(self) -> int:
        """Of the matrices alone."""
        return sum(layer.inputs * layer.outputs for layer in self.linear.values())

    def names(self) -> list[str]:
        """What the linear layers are called, each name once: q_proj, k_proj, …"""
        return list(dict.fromkeys(map(_last, self.targets("all-linear"))))

    def targets(self, target_modules: str | list[str]) -> dict[str, Layer]:
        """The layers that get an adapter, as peft picks them: a name fits the whole module path or its end."""
        every = self.linear if target_modules == "all-linear" else {**self.linear, **self.other}
        able = {m: layer for m, layer in every.items() if _last(m) not in self.bare_layers}
        if target_modules == "all-linear":
            return able
        return {
            m: layer for m, layer in able.items() if any(m == name or m.endswith(f".{name}") for name in target_modules)
        }


def _last(module: str) -> str:
    return module.rpartition(".")[2]


def read_base_weights(path: str | Path) -> BaseWeights:
    """The layers of the model in that folder.

    Raises:
        StudioError: a file is missing, or is not as its format has it.
    """
    folder = Path(path)
    try:
        return _read(folder, tuple((f, f.stat().st_mtime_ns) for f in sorted(weight_files(folder))))
    except (OSError, ValueError) as error:
        raise StudioError(
            "The weights in {path} cannot be read.", "Put the whole model there, or add it again.", path=folder
        ) from error


def weight_files(folder: Path) -> set[Path]:
    """Those that the model is loaded from. Raises OSError where an index cannot be read, DamagedFile where it is
    damaged or names what lies elsewhere."""
    index, single = folder / "model.safetensors.index.json", folder / "model.safetensors"
    if index.exists():
        return {folder / name for name in listed_shards(index)}
    return {single} if single.exists() else set(folder.glob("*.safetensors"))


@lru_cache(maxsize=16)
def _read(folder: Path, files: tuple[tuple[Path, int], ...]) -> BaseWeights:
    """The times at which the files were written are there for the cache: a model that was replaced is read again."""
    if not files:
        raise ValueError("no weights")
    shapes: dict[str, Shape] = {}
    for file, _ in files:
        shapes.update({name: tensor.shape for name, tensor in read_tensors(file).items()})
    return layers_of(shapes, read_model_config(folder))


def layers_of(shapes: Mapping[str, Shape], config: Mapping[str, Any]) -> BaseWeights:
    """The layers behind tensors of these names and shapes. `config` is the model's config.json."""
    inputs_first = config.get("model_type") in _INPUTS_FIRST
    linear: dict[str, Layer] = {}
    other: dict[str, Layer] = {}
    for name, shape in shapes.items():
        module, _, kind = name.rpartition(".")
        if kind != "weight" or len(shape) != 2:
            continue
        inputs, outputs = shape if inputs_first else shape[::-1]
        last = _last(module)
        beside = last in _OUTPUTS or last in _EMBEDDINGS or last.startswith("embed_")
        (other if beside else linear)[module] = Layer(inputs, outputs, prod(shapes.get(f"{module}.bias", (0,))))
    if output := next((m for names in (_OUTPUTS, _TOKENS) for m in other if _last(m) in names), ""):
        other.setdefault("lm_head", other[output])  # tied to the embedding, or stored under an older name
    return BaseWeights(
        parameters=sum(map(prod, shapes.values())),
        linear=linear,
        other=other,
        bias=sum(shape[0] for name, shape in shapes.items() if "bias" in name and len(shape) == 1),
        is_known=bool(linear)
        and "quantization_config" not in config
        and not any(p in n for n in shapes for p in _FUSED),
        bare_layers=bare_layers(str(config.get("model_type"))),
        has_conv1d=inputs_first,
    )
