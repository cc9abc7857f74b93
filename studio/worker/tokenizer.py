"""A base model's tokenizer, without its weights and without torch: no token of it is one that the model has not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from transformers import AutoConfig, AutoTokenizer

from studio.domain.chat_templates import TemplateChoice, template_for
from studio.domain.errors import StudioError

_REMEDY = (
    "Give the model an embedding for each token (resize_token_embeddings of transformers), save it and add that, or "
    "take its original tokenizer."
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
            "The tokenizer in {path} cannot say where in the text its tokens stand.",
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
    try:
        return AutoTokenizer.from_pretrained(path, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # whatever a tokenizer's own reader makes of a file that it does not know
        raise StudioError(
            "The tokenizer in {path} is missing or cannot be opened.",
            "Put the model's tokenizer files (tokenizer.json, tokenizer_config.json) beside its weights.",
            path=path,
        ) from error


def load_chat_tokenizer(path: str | Path, choice: TemplateChoice) -> Any:
    """The tokenizer, with the chat template that training uses it with.

    Raises:
        StudioError: as load_tokenizer, or a chat template is chosen and the model has its own.
    """
    tokenizer = load_tokenizer(path)
    tokenizer.chat_template = template_for(choice, tokenizer.chat_template)
    return tokenizer


def embedded_words(path: str | Path) -> int | None:
    """How many tokens the model in that folder has an embedding for; None where its configuration does not say."""
    try:
        config = AutoConfig.from_pretrained(path, trust_remote_code=False, local_files_only=True)
        words = config.get_text_config(decoder=True).vocab_size
    except (OSError, ValueError, KeyError, AttributeError):
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
