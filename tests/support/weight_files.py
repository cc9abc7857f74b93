"""Files of weights as large as they say, without the numbers: they take no room on the disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path


def write_weights(file: Path, shapes: Mapping[str, Sequence[int]]) -> None:
    """A safetensors file in bf16 with tensors of these shapes, all zero."""
    tensors, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 2 * prod(shape)
        tensors[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [begin, end]}
    header = json.dumps({"__metadata__": {"format": "pt"}, **tensors}).encode()
    with file.open("wb") as stream:
        stream.write(len(header).to_bytes(8, "little") + header)
        stream.truncate(8 + len(header) + end)
