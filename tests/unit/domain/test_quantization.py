"""How a folder's weights are stored is read off its config.json, and named as people name it."""

from __future__ import annotations

from typing import Any

import pytest

from studio.domain.errors import StudioError
from studio.domain.quantization import stored_quantization

_GROUP = {"weights": {"num_bits": 4, "type": "int"}, "targets": ["Linear"]}
STORED: list[tuple[dict[str, Any], str]] = [
    ({"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}}, "GPTQ 4-bit"),
    ({"quantization_config": {"quant_method": "awq", "w_bit": 4, "version": "gemm"}}, "AWQ 4-bit"),
    ({"quantization_config": {"quant_method": "awq", "bits": 4}}, "AWQ 4-bit"),
    ({"quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}, "FP8"),
    ({"quantization_config": {"quant_method": "mxfp4"}}, "MXFP4"),
    (
        {"quantization_config": {"quant_method": "compressed-tensors", "config_groups": {"group_0": _GROUP}}},
        "compressed-tensors 4-bit",
    ),
    ({"compression_config": {"quant_method": "compressed-tensors", "config_groups": {"a": _GROUP}}},
     "compressed-tensors 4-bit"),
    (
        {"quantization_config": {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 3}}}},
        "HQQ 3-bit",
    ),
    ({"quantization_config": {"quant_method": "quanto", "weights": "int8"}}, "Quanto int8"),
    ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}}, "8-bit"),
    (
        {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}},
        "4-bit (NF4)",
    ),
    ({"quantization": {"group_size": 64, "bits": 4}}, "MLX 4-bit"),
    ({"quantization_config": {"quant_algo": "NVFP4", "producer": {"name": "modelopt"}}}, "ModelOpt NVFP4"),
    ({"text_config": {"quantization_config": {"quant_method": "gptq", "bits": 8}}}, "GPTQ 8-bit"),
    ({"quantization_config": {"quant_method": "of tomorrow"}}, "of tomorrow"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "name"), STORED, ids=[name for _, name in STORED])
def test_a_way_to_quantise_has_its_name_and_bits(config: dict[str, Any], name: str):
    stored = stored_quantization({"model_type": "llama"} | config)
    assert stored is not None
    assert stored.name == name


def test_ordinary_weights_are_not_quantised():
    assert stored_quantization({"model_type": "llama", "quantization_config": None, "text_config": {"a": 1}}) is None


@pytest.mark.parametrize(
    ("method", "possible"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, {"auto", "4-bit"}),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, {"auto", "8-bit"}),
        ({"quant_method": "fp8"}, {"auto", "fp32", "bf16"}),
        ({"quant_method": "mxfp4"}, {"auto", "fp32", "bf16"}),
    ],
)
def test_a_precision_that_the_stored_weights_do_not_have_is_refused(method: dict[str, Any], possible: set[str]):
    stored = stored_quantization({"quantization_config": method})
    assert stored is not None
    for asked in ("auto", "fp32", "bf16", "8-bit", "4-bit"):
        if asked in possible:
            stored.check_precision(asked)
        else:
            with pytest.raises(StudioError, match="and cannot be loaded in"):
                stored.check_precision(asked)
