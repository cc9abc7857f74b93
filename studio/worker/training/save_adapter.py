"""Saves an adapter as a folder that transformers and peft load, with its provenance."""

from __future__ import annotations

import copy
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

from studio import __version__
from studio.domain.chat.template_traits import traits_of
from studio.store.adapter_folder import PROVENANCE, WEIGHTS, name_magnitudes
from studio.store.job_folder import folder_size, whole_folder, write_json
from studio.worker.tokenization.chat_template import TurnEnd, turn_end
from studio.worker.tokenization.load import renderer, token_ids

_LIBRARIES = ("torch", "transformers", "peft", "trl", "accelerate", "datasets", "bitsandbytes")


def save_adapter(path: str | Path, model: Any, tokenizer: Any, base: str | Path, provenance: dict[str, Any]) -> int:
    """Saves the adapter of a PeftModel, and the tokenizer with its chat template beside it; returns the bytes.

    The base is named by its folder on this machine, so that plain `from_pretrained` finds it without a network;
    whoever publishes the adapter names it as the Hub does. The story goes into `studio.json`. The folder is there
    whole, or not at all.
    """
    model.peft_config["default"].base_model_name_or_path = str(Path(base).absolute())
    with whole_folder(path) as aside:
        model.save_pretrained(aside, save_embedding_layers=False)
        (aside / "README.md").unlink(missing_ok=True)  # peft's empty form of a model card
        name_magnitudes(aside / WEIGHTS)
        save_usage(aside, model, tokenizer)
        write_json(aside / PROVENANCE, provenance)
    return folder_size(path)


def save_usage(folder: Path, model: Any, tokenizer: Any) -> None:
    """How the adapter of a PeftModel is used: its tokenizer with the chat template, and the base's settings of
    `generate`.

    What the template ends an answer with ends a text for whoever generates one: generation_config.json states it beside
    what the base model states, and the tokenizer calls it its end token, where the template writes the same then.
    """
    end = turn_end(tokenizer)
    _ending_so(tokenizer, end).save_pretrained(folder)
    write_json(folder / "generation_config.json", _generation(model.get_base_model(), tokenizer, end))


def _generation(base: Any, tokenizer: Any, end: TurnEnd) -> dict[str, Any]:
    """The base's settings of `generate`, with all tokens that end an answer."""
    config = copy.deepcopy(base.generation_config)
    stops = sorted(end.stops(config, tokenizer))
    config.eos_token_id = stops[0] if len(stops) == 1 else stops or None
    settings: dict[str, Any] = config.to_diff_dict()
    return settings


def _ending_so(tokenizer: Any, end: TurnEnd) -> Any:
    """The tokenizer, whose end token is that of an answer. A template may write the end token where it means another
    end: then the tokenizer stays as it is."""
    ends = token_ids(tokenizer, end.text)
    if len(ends) != 1 or not end.tokens.issuperset(ends) or ends[0] == tokenizer.eos_token_id:
        return tokenizer
    new_tokenizer = copy.deepcopy(tokenizer)
    new_tokenizer.eos_token = end.text
    return new_tokenizer if traits_of(renderer(new_tokenizer)) == traits_of(renderer(tokenizer)) else tokenizer


def library_versions() -> dict[str, str]:
    """Of everything that has a part in what an adapter becomes."""
    versions = {"studio": __version__, "python": python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # bitsandbytes is not for every platform
            continue
    return versions
