"""Chat templates of well-known models as trl changes them for training, read from its files without loading it."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

_SUFFIX = "_training.jinja"


def training_variant(own: str) -> str | None:
    """What trl trains a model with whose own chat template is this, to the letter; None where trl knows no such."""
    return _variants().get(own)


@cache
def _variants() -> dict[str, str]:
    """In its folder `<family>_training.jinja` is what becomes of `<family>.jinja`: see trl.chat_template_utils."""
    package = find_spec("trl")
    if package is None or package.origin is None:
        return {}
    folder = Path(package.origin).parent / "chat_templates"
    pairs = {file.with_name(file.name.removesuffix(_SUFFIX) + ".jinja"): file for file in folder.glob(f"*{_SUFFIX}")}
    return {own.read_text("utf-8"): file.read_text("utf-8") for own, file in pairs.items() if own.is_file()}
