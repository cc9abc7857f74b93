"""Precisions: the number formats that the weights of a base model can be loaded in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from studio.domain.translation import N_

PrecisionName = Literal["auto", "fp32", "bf16", "8-bit", "4-bit"]
AUTOMATIC: PrecisionName = "auto"

_NF4_BYTES = 1 / 2 + 1 / 64 + 4 / (64 * 256)  # four bits, and the scales of blocks that are quantised once more


@dataclass(frozen=True)
class Precision:
    """Sizes are bytes: of a parameter of a linear layer, of each output of such a layer (its scale), and of any other
    parameter, the least and the most, since what is not quantised is in bf16 or fp32 as the device is quicker.

    `usual_bytes` is of a parameter on average where the layers are not known, embeddings in full included. `dtype` is
    torch's name of the weights, None where the device decides; `quantization` are keywords of transformers'
    BitsAndBytesConfig. `rows_are_independent`: the rows of a batch do not change each other.
    """

    label: str
    linear_bytes: float
    rest_bytes: tuple[float, float]
    usual_bytes: float
    output_bytes: float = 0.0
    dtype: str | None = None
    quantization: Mapping[str, Any] | None = None
    rows_are_independent: bool = True


PRECISIONS: Mapping[str, Precision] = MappingProxyType(
    {
        "fp32": Precision(N_("Full (fp32)"), 4, (4, 4), 4.0, dtype="float32"),
        "bf16": Precision(N_("Half (bf16)"), 2, (2, 2), 2.0, dtype="bfloat16"),
        "8-bit": Precision(
            N_("8-bit"), 1, (2, 4), 1.4, output_bytes=4, quantization={"load_in_8bit": True}, rows_are_independent=False
        ),
        "4-bit": Precision(
            N_("4-bit (NF4)"), _NF4_BYTES, (2, 4), 0.9,
            quantization={"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
        ),
    }
)  # fmt: skip
LABELS: Mapping[str, str] = MappingProxyType(
    {AUTOMATIC: N_("Automatic"), **{name: precision.label for name, precision in PRECISIONS.items()}}
)
