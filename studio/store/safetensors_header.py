"""The header of a safetensors file: names, types and shapes of its tensors, checked against the file."""

from __future__ import annotations

import json
from pathlib import Path, PurePath
from typing import IO, Any, NamedTuple

from studio.store.arrow_file import DamagedFile
from studio.store.bounded_json import read_object

MAX_HEADER_BYTES = 100_000_000  # bytes of a header, as the format has it
_MAX_DIMENSIONS = 64
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32,
    "U64": 64, "I64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip


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
    size = file.stat().st_size
    with file.open("rb") as stream:
        header = read_header(stream, file)
        data = size - stream.tell()
    header.pop("__metadata__", None)
    try:
        spans = sorted(tuple(tensor["data_offsets"]) for tensor in header.values())
        tensors = {name: _tensor(tensor, size) for name, tensor in header.items()}
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise DamagedFile(file) from error
    here = 0  # as the format has it, the tensors lie one behind the other and fill the file
    for begin, end in spans:
        if begin != here or end < begin:
            raise DamagedFile(file)
        here = end
    if here != data:
        raise DamagedFile(file)
    return tensors


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


def _tensor(entry: dict[str, Any], size: int) -> Tensor:
    """Raises TypeError, KeyError, ValueError where what it says cannot be. size: bytes of the file."""
    dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or not isinstance(shape, list) or len(shape) > _MAX_DIMENSIONS:
        raise TypeError("not as the format has it")
    if not all(type(number) is int and number >= 0 for number in (*shape, begin, end)):
        raise TypeError("not a size")
    parameters = 0 if 0 in shape else 1
    for dimension in shape if parameters else ():
        parameters *= dimension
        if parameters > 8 * size:  # a parameter has a bit at least
            raise ValueError("larger than its file")
    bits = _BITS.get(dtype)
    if bits is not None and (parameters * bits + 7) // 8 != end - begin:
        raise ValueError("another size than its shape says")
    return Tensor(dtype, tuple(shape), parameters)
