"""A base model's tokenizer, without its weights and without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from studio.domain.chat_spans import Messages, Render, Tools, template_refusal
from studio.domain.chat_templates import TemplateChoice, template_for
from studio.domain.errors import StudioError


def load_tokenizer(path: str | Path) -> Any:
    """The tokenizer, with a padding token in any case.

    Raises:
        StudioError: it is one of the slow ones, that cannot say where in the text a token stands.
    """
    tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False, local_files_only=True)
    if not tokenizer.is_fast:
        raise StudioError(
            "The tokenizer in {path} cannot say where in the text its tokens stand.",
            "Choose a base model that has a tokenizer.json.",
            path=path,
        )
    if tokenizer.pad_token_id is None:  # padding is masked wherever it is used, so any token will do
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
    return tokenizer


def load_chat_tokenizer(path: str | Path, choice: TemplateChoice) -> Any:
    """The tokenizer, with the chat template that training uses it with.

    Raises:
        StudioError: as load_tokenizer, or a chat template is chosen and the model has its own.
    """
    tokenizer = load_tokenizer(path)
    tokenizer.chat_template = template_for(choice, tokenizer.chat_template)
    return tokenizer


def renderer(tokenizer: Any, template: str | None = None) -> Render:
    """A chat template, the tokenizer's own where none is given, with its refusals as StudioError."""

    def render(messages: Messages, add_generation_prompt: bool, tools: Tools | None = None) -> str:
        try:
            return str(
                tokenizer.apply_chat_template(
                    [dict(m) for m in messages],
                    chat_template=template,
                    tools=list(tools) if tools else None,
                    tokenize=False,
                    add_generation_prompt=add_generation_prompt,
                )
            )
        except Exception as error:
            raise template_refusal(error) from error

    return render


def token_ids(tokenizer: Any, text: str) -> list[int]:
    """Of a text in which all special tokens stand that there are to be. Any thread may ask: no setting is changed."""
    return list(tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)
