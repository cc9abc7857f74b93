"""A trained adapter as a folder that transformers and peft load, and that tells how it came to be."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

from studio import __version__
from studio.store.adapter_files import STORY, name_magnitudes
from studio.store.run_folder import folder_size, whole_folder, write_json

_LIBRARIES = ("torch", "transformers", "peft", "trl", "accelerate", "datasets", "bitsandbytes")


def save_adapter(path: str | Path, model: Any, tokenizer: Any, base: str | Path, story: dict[str, Any]) -> int:
    """Saves the adapter of a PeftModel, and the tokenizer with its chat template beside it; returns the bytes.

    The base is named by its folder on this machine, so that plain `from_pretrained` finds it without a network;
    whoever publishes the adapter names it as the Hub does. The story goes into `studio.json`. The folder is there
    whole, or not at all.
    """
    model.peft_config["default"].base_model_name_or_path = str(Path(base).absolute())
    with whole_folder(path) as aside:
        model.save_pretrained(aside, save_embedding_layers=False)
        (aside / "README.md").unlink(missing_ok=True)  # peft's empty form of a model card
        name_magnitudes(aside / "adapter_model.safetensors")
        tokenizer.save_pretrained(aside)
        write_json(aside / STORY, story)
    return folder_size(path)


def library_versions() -> dict[str, str]:
    """Of everything that has a part in what an adapter becomes."""
    versions = {"studio": __version__, "python": python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # bitsandbytes is not for every platform
            continue
    return versions
