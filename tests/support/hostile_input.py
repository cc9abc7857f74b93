"""What comes from outside and is not what it should be: values for fields, and files for folders."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.weight_files import write_weights


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


# As JSON: what Python's encoder cannot say stands as text.
VALUES: tuple[str, ...] = (
    "null", "true", "0", "1", "-1", "7", "2147483648", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "-9223372036854775809", "1" + "0" * 400, "0.5", "-0.0", "1e308", "1e999", "-1e999", "NaN",
    "Infinity", '""', '" "', '"x"', '"1"', '"-1"', '"99999999999999999999"', '"1e999"', '"NaN"', '"inf"', '"null"',
    '"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"a\\udfffb"', '"\\u202e\\u200f"', '"../../etc/passwd"', '"/etc/passwd"',
    '"C:\\\\x"', '"%00"', '"%s%n{}{0}{x}"', '"{{ 1 }}"', "\"'; --\"", '"a@1"', '"a@99999999999999999999"', '"rows@-1"',
    '"rows@0"', '"１"', '"²"', '"[::1"', '"http://[::1"', '"http://x:99999/v1"', '"http://127.0.0.1:9/v1"',
    json.dumps("x" * 5000), json.dumps("ж" * 300), json.dumps("😀" * 100), "[]", "[null]", "[1, [2]]", "[-1]",
    "[9223372036854775808]", '["\\ud800"]', "{}", '{"a": 1, "a": 2}', '{"": {}}', '{"x": NaN}', '{"\\ud800": 1}',
    '{"name": {}}', '[{"x": 1}]', "[{}]", json.dumps(nested(60)), json.dumps(nested(900)),
)  # fmt: skip

BODIES: tuple[bytes, ...] = (
    b"", b" ", b"{", b"[]", b"null", b"1", b'"x"', b"\xff\xfe{}", b"{}", b"[" * 100_000, b'{"a":' * 50_000, b"NaN",
    b'{"data": null}', b"--x\r\n", b"\x00" * 100, b"a=1&b=2", b'{"session_hash": []}',
)  # fmt: skip


def header(tensors: Any, data: int = 0) -> bytes:
    """A safetensors file whose header says that, with so many bytes behind it."""
    text = tensors if isinstance(tensors, bytes) else json.dumps(tensors).encode()
    return len(text).to_bytes(8, "little") + text + bytes(data)


def tensor(shape: Any, begin: Any, end: Any, dtype: Any = "F32") -> dict[str, Any]:
    return {"a.weight": {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}}


WEIGHTS: Mapping[str, bytes] = {
    "a shape that overflows": header(tensor([2**63 - 1, 100], 0, 8), 8),
    "larger than the file": header(tensor([1000], 0, 4000), 8),
    "a negative shape": header(tensor([-1, -2], 0, 8), 8),
    "a shape of floats": header(tensor([2.0], 0, 8), 8),
    "offsets that overlap": header({"a": tensor([2], 0, 8)["a.weight"], "b": tensor([2], 4, 12)["a.weight"]}, 12),
    "a list": header([1, 2]),
    "nesting": header(b"[" * 100_000),
    "a header of 2 GiB": (2 << 30).to_bytes(8, "little") + b"{}",
    "a header of 2^64": b"\xff" * 8 + b"{}",
    "cut": header(tensor([2], 0, 8), 8)[:-5],
    "cut in the header": header(tensor([2], 0, 8), 8)[:20],
    "empty": b"",
    "a zip": b"PK\x03\x04" + bytes(40),
    "html": b"<html>" + b" " * 100,
}

OBJECTS: Mapping[str, bytes] = {
    "empty": b"", "cut": b'{"a": ', "a list": b"[1]", "a number": b"7", "null": b"null", "text": b'"x"',
    "not UTF-8": b'{"a": "\xff"}', "nesting": b'{"a":' * 100_000, "a long number": b'{"a": ' + b"9" * 10_000 + b"}",
    "binary": bytes(range(256)),
}  # fmt: skip
"""Files that should hold a JSON object of settings."""

ABSURD: tuple[Any, ...] = (2**70, -1, 0, "2", "x", float("nan"), float("inf"), 1.5, None, [[1]], {"a": 1}, True)
"""Values for a number of a configuration."""

CONFIG: dict[str, Any] = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 32, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48, "max_position_embeddings": 256,
    "vocab_size": 100, "tie_word_embeddings": False,
}  # fmt: skip

CONFIGS: Mapping[str, bytes] = {
    **OBJECTS,
    **{f"{name}: {value!r}": json.dumps(CONFIG | {name: value}).encode()
       for name in ("num_hidden_layers", "hidden_size", "max_position_embeddings", "vocab_size") for value in ABSURD},
    **{f"{name}: {value!r}": json.dumps(CONFIG | {name: value}).encode()
       for name, value in (
           ("architectures", "LlamaForCausalLM"), ("architectures", {}), ("architectures", [1]), ("model_type", []),
           ("model_type", {"a": 1}), ("model_type", "x" * 10_000), ("quantization_config", {}),
           ("quantization_config", []), ("quantization_config", "gptq"), ("quantization_config", {"quant_method": 7}),
           ("auto_map", {"AutoConfig": "x.y"}), ("torch_dtype", 7), ("dtype", "nothing"), ("rope_scaling", [1]))},
}  # fmt: skip

INDEXES: Mapping[str, bytes] = {
    **OBJECTS,
    "no map": b"{}",
    "a list as map": b'{"weight_map": []}',
    "numbers": b'{"weight_map": {"a": 3}}',
    "outside": b'{"weight_map": {"a": "../../outside.safetensors"}}',
    "absolute": b'{"weight_map": {"a": "/etc/passwd"}}',
    "a missing shard": b'{"weight_map": {"a.weight": "model-00001-of-00002.safetensors"}}',
    "a folder": b'{"weight_map": {"a.weight": "."}}',
    "NUL": b'{"weight_map": {"a.weight": "\\u0000"}}',
    "a pickle": b'{"weight_map": {"a.weight": "pytorch_model.bin"}}',
}


def whole_model(folder: Path) -> Path:
    """A model's folder as far as its files tell; its weights are zero."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    shapes = {"model.embed_tokens.weight": [100, 32], "lm_head.weight": [100, 32], "model.norm.weight": [32]}
    for layer in range(2):
        shapes |= {f"model.layers.{layer}.self_attn.{name}_proj.weight": [32, 32] for name in "qo"}
    write_weights(folder / "model.safetensors", shapes)
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    return folder


def damaged_models() -> dict[str, tuple[str, bytes]]:
    """What it is → the file of a whole model, and what stands in it instead."""
    return {
        **{f"model.safetensors: {what}": ("model.safetensors", content) for what, content in WEIGHTS.items()},
        **{f"config.json: {what}": ("config.json", content) for what, content in CONFIGS.items()},
        **{f"index: {what}": ("model.safetensors.index.json", content) for what, content in INDEXES.items()},
        **{f"{name}: {what}": (name, content)
           for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json")
           for what, content in OBJECTS.items()},
    }  # fmt: skip
