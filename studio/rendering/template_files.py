"""The chat template and the special tokens of a model's folder, read as transformers reads them.

Only the process that renders reads them: files of others may have any size, and what becomes of them too.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from studio.domain.chat.template_faults import TemplateExceeds
from studio.rendering.messages import TemplateParts

SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
MAX_TEMPLATE_CHARACTERS = 256_000  # characters; the longest that are known have 20,000
MAX_SETTINGS_BYTES = 32 << 20  # bytes
_MAX_BYTES = {
    "tokenizer.json": 128 << 20,
    "tokenizer_config.json": MAX_SETTINGS_BYTES,
    "special_tokens_map.json": 1 << 20,
}


def check_sizes(folder: Path) -> None:
    """For those who have transformers read them whole. Raises TemplateExceeds."""
    most = dict.fromkeys(folder.glob("additional_chat_templates/*.jinja"), 4 * MAX_TEMPLATE_CHARACTERS)
    most[folder / "chat_template.jinja"] = 4 * MAX_TEMPLATE_CHARACTERS
    for file, limit in (most | {folder / name: limit for name, limit in _MAX_BYTES.items()}).items():
        if _size(file) > limit:
            raise TemplateExceeds(
                "The file {file} has {size} bytes; at most {most} are read.",
                "Replace it with the model's own, or add another model.",
                file=file, size=f"{_size(file):,}", most=f"{limit:,}",
            )  # fmt: skip


def files_size(folder: Path) -> int:
    """Bytes of all that may be read here."""
    return sum(min(most, _size(folder / name)) for name, most in _MAX_BYTES.items())


def read_template(folder: Path, *, wants_begin: bool) -> TemplateParts:
    """What the files of the folder say.

    Raises:
        OSError, ValueError, TypeError, KeyError: a file cannot be read, or is not what it should be.
    """
    config = _read_json(folder / "tokenizer_config.json")
    own, tokens = _source(folder, config), _special_tokens(folder, config)
    begins = (wants_begin or not own) and _writes_begin(folder, tokens)
    return TemplateParts(own, _source(folder, config, "tool_use"), tokens, begins)


def _source(folder: Path, config: dict[str, Any], name: str = "default") -> str:
    """Templates in files of their own go before those in the tokenizer's configuration. Of several, the default one
    counts, or "tool_use" where there are tools; empty where there is none of that name."""
    main = folder / "chat_template.jinja"
    if main.is_file():
        file = main if name == "default" else folder / "additional_chat_templates" / f"{name}.jinja"
        return bounded_text(file, 4 * MAX_TEMPLATE_CHARACTERS) if file.is_file() else ""
    configured = config.get("chat_template")
    templates = (
        {entry["name"]: entry["template"] for entry in configured}
        if isinstance(configured, list)
        else {"default": configured}
    )
    source = templates.get(name)
    return source if isinstance(source, str) else ""


def _special_tokens(folder: Path, config: dict[str, Any]) -> dict[str, str]:
    """The tokens by name. A tokenizer saved by an old version keeps them in a file of their own."""
    if "added_tokens_decoder" not in config:
        config = config | _read_json(folder / "special_tokens_map.json")
    tokens = {}
    for name in SPECIAL_TOKENS:
        token = config.get(name)
        if token is not None:
            content = token["content"] if isinstance(token, dict) else str(token)
            if not isinstance(content, str):
                raise ValueError(f"{name} is no text")
            tokens[name] = content
    return tokens


def _writes_begin(folder: Path, tokens: dict[str, str]) -> bool:
    """Whether the tokenizer puts its begin token before a text of its own accord, as its tokenizer.json says."""
    begin, file = tokens.get("bos_token"), folder / "tokenizer.json"
    if not begin or not file.is_file():
        return False
    state = file.stat()
    return _first_token(file, state.st_mtime_ns, state.st_size) == begin


@lru_cache(8)
def _first_token(file: Path, stamp: int, size: int) -> str:
    """`stamp` and `size` are those of the file, so that another one is read anew; it has megabytes."""
    return _first_of(_read_json(file).get("post_processor"))


def _first_of(step: Any) -> str:
    """The special token that a post-processor of the tokenizers library puts first; empty where it puts none."""
    match step:
        case {"type": "Sequence", "processors": [*steps]}:
            return next((first for each in steps if (first := _first_of(each))), "")
        case {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": str(name)}}, *_]}:
            tokens = step.get("special_tokens", {}).get(name, {}).get("tokens")
            return str(tokens[0]) if tokens else name
        case {"type": "BertProcessing" | "RobertaProcessing", "cls": [str(name), *_]}:
            return name
    return ""


def _read_json(path: Path) -> dict[str, Any]:
    content = json.loads(bounded_text(path, _MAX_BYTES[path.name])) if path.is_file() else {}
    return content if isinstance(content, dict) else {}


def bounded_text(path: Path, most: int) -> str:
    """Raises OSError, or ValueError where it has more than `most` bytes or is no UTF-8."""
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{path.name} has more than {most:,} bytes")
    return content.decode("utf-8")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
