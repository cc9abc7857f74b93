"""The files of an adapter beside what peft writes: the names of its tensors, and its story."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from studio.store.safetensors_header import read_header

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PROVENANCE = "studio.json"  # how the adapter came to be

_MAGNITUDE = "lora_magnitude_vector"


def name_magnitudes(file: Path) -> None:
    """peft saves DoRA's magnitudes under a name that transformers' own `load_adapter` passes over with a warning; under
    the full name of the parameter both read them.

    Only the header is written anew (safetensors: its length in 8 bytes, JSON, then the data), so the file is small work
    and its numbers stay what they are.
    """
    with file.open("rb") as source:
        header = read_header(source, file)
        renamed_header = {f"{k}.weight" if k.endswith(_MAGNITUDE) else k: v for k, v in header.items()}
        if renamed_header.keys() == header.keys():
            return
        text = json.dumps(renamed_header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)  # the data begin at a multiple of 8
        aside = file.with_name(f".{file.name}.renamed")
        with aside.open("wb") as target:
            target.write(len(text).to_bytes(8, "little") + text)
            shutil.copyfileobj(source, target)
    aside.replace(file)
