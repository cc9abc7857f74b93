"""A base model's tokenizer, without its weights and without torch."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from studio.domain.chat_spans import Messages, Render, Tools, template_refusal
from studio.domain.chat_templates import AUTOMATIC, TemplateChoice, stand_in, trained_template
from studio.domain.errors import StudioError
from studio.store.training_templates import training_variant


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
    """The tokenizer, with the chat template that training uses it with. Raises StudioError as load_tokenizer."""
    tokenizer = load_tokenizer(path)
    give_template(tokenizer, choice)
    return tokenizer


def give_template(tokenizer: Any, choice: TemplateChoice | None) -> None:
    """Gives the tokenizer the chat template that training uses it with under this choice.

    Without one, that which the model answers with as it is: its own, or ChatML.
    """
    own = tokenizer.chat_template
    if isinstance(own, dict) and "tool_use" not in own:
        own = own.get("default")
    if choice not in (None, AUTOMATIC) or not own:
        own = stand_in(choice or AUTOMATIC, begins=writes_begin(tokenizer))
    elif choice is not None and isinstance(own, str):
        own = trained_template(own, training_variant(own), partial(renderer, tokenizer))
    tokenizer.chat_template = own


def writes_begin(tokenizer: Any) -> bool:
    """Whether the tokenizer puts its begin token before a text of its own accord: then the model expects one."""
    ids = tokenizer("a")["input_ids"]
    return tokenizer.bos_token_id is not None and ids[:1] == [tokenizer.bos_token_id]


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
