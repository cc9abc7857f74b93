"""A model's chat template, rendered without transformers, to the letter as transformers renders it."""

from __future__ import annotations

import json
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.domain.chat_spans import Messages, Render, Span, answer_spans
from studio.domain.chat_templates import AUTOMATIC, TemplateChoice, stand_in, trained_template
from studio.domain.errors import StudioError
from studio.rendering.template import Template
from studio.services.model_states import check_ready
from studio.store.training_templates import training_variant

if TYPE_CHECKING:
    from studio.store.tables import Model

SAMPLE: Messages = (
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "What is the capital of France?"},
    {"role": "assistant", "content": "Paris."},
    {"role": "user", "content": "And of Japan?"},
    {"role": "assistant", "content": "Tokyo."},
)
SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


def render(model_path: str | Path, messages: Messages, add_generation_prompt: bool = False) -> str:
    """The conversation as the model in that folder sees it.

    Raises:
        StudioError: the chat template is damaged, or refuses the conversation.
    """
    return load_chat_template(model_path)(messages, add_generation_prompt)


def sample_conversation(model: Model, choice: TemplateChoice = AUTOMATIC) -> tuple[str, list[Span]]:
    """A short conversation as that model is trained on it, and the spans (characters) that it learns to write. Without
    a system message where the template refuses one.

    Raises:
        StudioError: the model is not ready, or its template is damaged or refuses the conversation.
    """
    check_ready(model)
    template = load_chat_template(model.path, choice)
    try:
        return answer_spans(SAMPLE, template)
    except StudioError:
        return answer_spans(SAMPLE[1:], template)


def load_chat_template(model_path: str | Path, choice: TemplateChoice = AUTOMATIC) -> Render:
    """The chat template that the model in that folder is trained with under this choice, ready to render.

    Raises:
        StudioError: it is damaged.
    """
    folder = Path(model_path)
    try:
        config = _read_json(folder / "tokenizer_config.json")
        own, tokens = _source(folder, config), _special_tokens(folder, config)
        if choice != AUTOMATIC or not own:  # as the worker does: see worker.tokenizer.give_template
            return Template(stand_in(choice, begins=_writes_begin(folder, tokens)), tokens)
        if for_tools := _source(folder, config, "tool_use"):
            return Template(own, tokens, for_tools)
        compiled = partial(Template, tokens=tokens)
        return compiled(trained_template(own, training_variant(own), compiled))
    except (OSError, ValueError) as error:
        raise StudioError(
            "The chat template in {path} cannot be read: {reason}.", "Add the model again.", path=folder, reason=error
        ) from error


def _writes_begin(folder: Path, tokens: dict[str, str]) -> bool:
    """Whether the tokenizer puts its begin token before a text of its own accord, as its tokenizer.json says."""
    begin, file = tokens.get("bos_token"), folder / "tokenizer.json"
    if not begin or not file.is_file():
        return False
    return _first_of(_post_processor(file, file.stat().st_mtime)) == begin


@lru_cache(8)
def _post_processor(file: Path, stamp: float) -> Any:
    """`stamp` is when the file was written, so that another one is read anew; it has megabytes."""
    return _read_json(file).get("post_processor")


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
    loaded = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return loaded if isinstance(loaded, dict) else {}


def _source(folder: Path, config: dict[str, Any], name: str = "default") -> str:
    """Templates in files of their own go before those in the tokenizer's configuration. Of several, the default one
    counts, or "tool_use" where there are tools; empty where there is none of that name."""
    main = folder / "chat_template.jinja"
    if main.is_file():
        file = main if name == "default" else folder / "additional_chat_templates" / f"{name}.jinja"
        return file.read_text("utf-8") if file.is_file() else ""
    found = config.get("chat_template")
    templates = {entry["name"]: entry["template"] for entry in found} if isinstance(found, list) else {"default": found}
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
            tokens[name] = token["content"] if isinstance(token, dict) else str(token)
    return tokens
