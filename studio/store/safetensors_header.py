"""The header of a safetensors file: names, types and shapes of its tensors, checked against the file."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path, PurePath
from typing import IO, Any, NamedTuple

from safetensors import SafetensorError, safe_open

from studio.store.arrow_file import DamagedFile
from studio.store.bounded_json import read_object

MAX_HEADER_BYTES = 100_000_000  # bytes of a header, as the format has it


class Tensor(NamedTuple):
    dtype: str
    shape: tuple[int, ...]
    parameters: int


def listed_shards(index: Path) -> list[str]:
    """The names of the files that an index lists, which lie beside it. Raises DamagedFile, OSError."""
    shards = read_object(index).get("weight_map")
    names = set(shards.values()) if isinstance(shards, dict) and all(map(_is_shard, shards.values())) else None
    if not names:
        raise DamagedFile(index)
    return sorted(names)


def _is_shard(name: Any) -> bool:
    return isinstance(name, str) and PurePath(name).name == name and name.isprintable() and "\\" not in name


def read_tensors(file: Path) -> dict[str, Tensor]:
    """The tensors by name; no weight is read.

    Raises:
        DamagedFile: it is no safetensors file, is cut short, or says of itself what cannot be.
        OSError: it cannot be read.
    """
    with file.open("rb"):  # safetensors says of every error that the file is damaged
        pass
    try:
        with safe_open(file, "np") as tensors:
            return {name: _tensor(tensors.get_slice(name)) for name in tensors.keys()}  # noqa: SIM118 - no dictionary
    except (SafetensorError, ValueError) as error:
        raise DamagedFile(file) from error


def read_header(stream: IO[bytes], file: Path) -> dict[str, Any]:
    """The header as it stands at the beginning: its length in 8 bytes (little endian), then JSON. The stream is then
    where the data begin. Raises DamagedFile, OSError."""
    length = int.from_bytes(stream.read(8), "little")
    if not 0 < length <= min(MAX_HEADER_BYTES, file.stat().st_size - 8):
        raise DamagedFile(file)
    try:
        header = json.loads(stream.read(length), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise DamagedFile(file) from error
    if not isinstance(header, dict):
        raise DamagedFile(file)
    return header


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise ValueError("a name stands there twice")
    return entries


def _tensor(tensor: Any) -> Tensor:
    shape = tuple(tensor.get_shape())
    return Tensor(tensor.get_dtype(), shape, prod(shape))
