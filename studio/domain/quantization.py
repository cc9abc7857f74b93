"""How a base model's stored weights are quantised, read from its config.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from studio.domain.errors import StudioError

_PLACES = ("quantization_config", "compression_config", "quantization")
_NAMES = {
    "aqlm": "AQLM", "auto-round": "AutoRound", "awq": "AWQ", "bitnet": "BitNet", "compressed-tensors":
    "compressed-tensors", "eetq": "EETQ", "exl2": "EXL2", "exl3": "EXL3", "fbgemm_fp8": "FBGEMM FP8", "fp8": "FP8",
    "fp_quant": "FP-Quant", "gguf": "GGUF", "gptq": "GPTQ", "higgs": "HIGGS", "hqq": "HQQ", "mlx": "MLX",
    "modelopt": "ModelOpt", "mxfp4": "MXFP4", "mxfp8": "MXFP8", "nvfp4": "NVFP4", "quanto": "Quanto",
    "quark": "Quark", "spqr": "SpQR", "torchao": "torchao", "vptq": "VPTQ",
}  # fmt: skip
_SAID_BY_NAME = ("fp8", "fbgemm_fp8", "mxfp4", "mxfp8", "nvfp4")  # whose names tell the bits
_UNPACKED = ("fp8", "mxfp4", "mxfp8")  # loaded as the numbers they stand for
_FULL = ("fp32", "bf16")


@dataclass(frozen=True)
class StoredQuantization:
    """`method` as config.json spells it, `name` for people ("GPTQ 4-bit").

    `precision` is the spec's word for what the base is in memory, where that is decided by how it is stored; None
    where its weights are unpacked, or cannot be loaded here.
    """

    method: str
    name: str
    precision: str | None

    @property
    def is_unpacked(self) -> bool:
        """Whether its weights are loaded as ordinary numbers, in the precision that is asked for."""
        return self.method in _UNPACKED

    @property
    def can_load(self) -> bool:
        """Whether it is known here how to load it truly and train on it."""
        return self.precision is not None or self.is_unpacked

    def check_precision(self, precision: str) -> None:
        """Raises StudioError where the precision that is asked for is not to be had from how it is stored."""
        precisions = _FULL if self.is_unpacked else (self.precision,)
        if self.can_load and precision not in ("auto", *precisions):
            raise StudioError(
                "The base model's weights are stored as {stored}, and cannot be loaded in {asked}.",
                "Choose Automatic or {kept}, or the model's unquantised version.",
                stored=self.name,
                asked=precision,
                kept=" / ".join(str(name) for name in precisions),
            )


def stored_quantization(config: Mapping[str, Any]) -> StoredQuantization | None:
    """What the config.json says; None where the weights are ordinary numbers."""
    settings = next((entry for part in _parts(config) if (entry := _quantization_settings(part))), None)
    if settings is None:
        return None
    method = str(settings.get("quant_method") or "")
    in_4_bit, in_8_bit = bool(settings.get("load_in_4bit")), bool(settings.get("load_in_8bit"))
    if in_4_bit or in_8_bit:
        kind = str(settings.get("bnb_4bit_quant_type") or "").upper()
        bits = "4-bit" if in_4_bit else "8-bit"
        return StoredQuantization("bitsandbytes", f"{bits} ({kind})" if in_4_bit and kind else bits, bits)
    if not method:
        method = "modelopt" if "quant_algo" in settings else "mlx" if {"bits", "group_size"} <= settings.keys() else "?"
    name, width = _NAMES.get(method, method), _width(settings)
    return StoredQuantization(method, name if method in _SAID_BY_NAME or not width else f"{name} {width}", None)


def _parts(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The configuration, and those of its parts: a model that reads pictures has one for its text."""
    yield config
    yield from (part for part in config.values() if isinstance(part, Mapping))


def _quantization_settings(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    places = (config.get(place) for place in _PLACES)
    return next((place for place in places if isinstance(place, Mapping) and place), None)


def _width(settings: Mapping[str, Any]) -> str:
    """How wide a weight is; empty where it is not said in a place that is known."""
    for key in ("bits", "w_bit", "nbits", "num_bits"):
        if isinstance(settings.get(key), int | float):
            return f"{settings[key]}-bit"
    for key in ("quant_algo", "weights", "format", "quant_type"):
        if isinstance(settings.get(key), str):
            return str(settings[key])
    for part in settings.values():  # groups of layers, as compressed-tensors and HQQ have them
        if isinstance(part, Mapping) and (width := _width(part) or next(filter(None, map(_width, _inner(part))), "")):
            return width
    return ""


def _inner(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (inner for inner in part.values() if isinstance(inner, Mapping))
