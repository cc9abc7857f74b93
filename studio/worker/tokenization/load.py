"""Loads a base model's tokenizer without weights or torch; no token id exceeds the model's embedding."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from transformers import AutoTokenizer

from studio.domain.chat.templates import AUTOMATIC, TemplateChoice, stand_in, trained_template
from studio.domain.errors import StudioError
from studio.domain.translation import N_
from studio.rendering.chat_template import Template
from studio.rendering.template_files import check_sizes
from studio.store.training_templates import training_variant
from studio.worker.common.configuration import read_configuration

_REMEDY = N_(
    "Give the model an embedding for each token (transformers' resize_token_embeddings), save it and add the result, "
    "or use its original tokenizer."
)


def load_tokenizer(path: str | Path) -> Any:
    """The tokenizer, with a padding token in any case. Tokens that were added to it, but not to the model, are taken
    out: their text is then read like any other.

    Raises:
        StudioError: it cannot be opened; it is one of the slow ones, that cannot say where in the text a token stands;
            or it does not belong to the model: its own words are more than the model has.
    """
    tokenizer = read_tokenizer(path)
    if not tokenizer.is_fast:
        raise StudioError(
            "The tokenizer in {path} cannot map its tokens to positions in the text.",
            "Choose a base model that has a tokenizer.json.",
            path=path,
        )
    words = embedded_words(path)
    if words is not None:
        _fit(tokenizer, words, path)
    if tokenizer.pad_token_id is None:  # padding is masked wherever it is used, so any token will do
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
    return tokenizer


def read_tokenizer(path: str | Path) -> Any:
    """The tokenizer as its files have it. Raises StudioError where they are missing or cannot be opened."""
    check_sizes(Path(path))
    try:
        return AutoTokenizer.from_pretrained(path, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # whatever a tokenizer's own reader makes of a file that it does not know
        raise StudioError(
            "The tokenizer in {path} is missing or cannot be opened.",
            "Put the model's tokenizer files (tokenizer.json, tokenizer_config.json) beside its weights.",
            path=path,
        ) from error


def load_chat_tokenizer(path: str | Path, choice: TemplateChoice) -> Any:
    """The tokenizer, with the chat template that training uses it with. Raises StudioError as load_tokenizer."""
    tokenizer = load_tokenizer(path)
    give_template(tokenizer, choice)
    return tokenizer


def embedded_words(path: str | Path) -> int | None:
    """How many tokens the model in that folder has an embedding for; None where its configuration does not say."""
    try:
        words = read_configuration(path).get_text_config(decoder=True).vocab_size
    except (OSError, StudioError, ValueError, AttributeError):
        return None
    return words if isinstance(words, int) and words > 0 else None


def beyond_the_model(tokenizer: Any, words: int) -> list[str]:
    """Tokens that were added behind the last of the `words` that the model has an embedding for."""
    return [token for token, id in tokenizer.get_added_vocab().items() if id >= words]


def _fit(tokenizer: Any, words: int, path: str | Path) -> None:
    if beyond := beyond_the_model(tokenizer, words):
        if tokenizer.eos_token in beyond:
            raise StudioError(
                "The tokenizer in {path} ends a text with “{token}”, for which the model has no embedding: it has "
                "{words}.",
                _REMEDY,
                path=path,
                token=tokenizer.eos_token,
                words=words,
            )
        for name, token in tokenizer.special_tokens_map.items():
            if isinstance(token, str) and token in beyond:
                setattr(tokenizer, name, None)
        tokenizer.extra_special_tokens = [token for token in tokenizer.extra_special_tokens if token not in beyond]
        content = json.loads(tokenizer.backend_tokenizer.to_str())
        content["added_tokens"] = [token for token in content["added_tokens"] if token["id"] < words]
        tokenizer._tokenizer = Tokenizer.from_str(json.dumps(content))
    backend = tokenizer.backend_tokenizer
    # Holes in the numbering aside, a tokenizer that has no more words than the model has none beyond it.
    highest = max(backend.get_vocab().values()) if backend.get_vocab_size() > words else 0
    if highest >= words or any(id >= words for id in tokenizer("a")["input_ids"]):
        raise StudioError(
            "The tokenizer in {path} has more tokens than the model has embeddings for: it has {words}.",
            _REMEDY,
            path=path,
            words=words,
        )


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


def renderer(tokenizer: Any, template: str | None = None, *, name: str = "") -> Template:
    """A chat template, the tokenizer's own where none is given, rendered as its `apply_chat_template` does it, but in a
    process that may be ended. `name` is of whoever it belongs to, where that is not the tokenizer's model.

    Raises TemplateExceeds: it is too long to be one.
    """
    name = name or tokenizer.name_or_path
    try:
        plain = tokenizer.get_chat_template(template)
        with_tools = tokenizer.get_chat_template(template, tools=[{}])
    except ValueError as error:  # it has none, or none for every purpose
        return Template("{{ raise_exception(reason) }}", {"reason": str(error)}, name=name)
    return Template(plain, tokenizer.special_tokens_map, for_tools=with_tools, name=name)


def token_ids(tokenizer: Any, text: str) -> list[int]:
    """Of a text in which all special tokens stand that there are to be. Any thread may ask: no setting is changed."""
    return list(tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)
