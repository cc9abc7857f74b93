"""What a tokenizer's chat template does with a conversation, and with which tokens or words an answer ends under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from studio.domain.chat.template_traits import TemplateTraits, traits_of
from studio.worker.tokenization.load import renderer, token_ids


@dataclass(frozen=True)
class TurnEnd:
    """How an answer ends: with one of `tokens`, or before one of `strings` where the end is no token of its own.

    `target_ids` is what training teaches behind the last answer of a conversation, [token ids]. Where the template
    itself ends it with no token of its own, the tokenizer's end token follows (`adds_end_token`): else nothing would
    end an answer for whoever generates text with the model.
    """

    text: str
    tokens: frozenset[int]
    strings: tuple[str, ...]
    target_ids: tuple[int, ...]
    adds_end_token: bool

    def stops(self, generation_config: Any, tokenizer: Any) -> frozenset[int]:
        """The tokens that end an answer of a model: these, those that the model itself states, and the tokenizer's."""
        eos_ids = generation_config.eos_token_id
        return self.tokens | {*(eos_ids if isinstance(eos_ids, list) else [eos_ids]), tokenizer.eos_token_id} - {None}


def describe_template(tokenizer: Any) -> dict[str, Any]:
    """What is told of a tokenizer's chat template: {"end_of_turn": what it writes behind an answer, or "";
    "keeps_tools", "keeps_reasoning": whether calls of tools and what stands between <think> tags are in what it
    writes, "prefix_equals_prompt": whether an answer stands behind what the model is given when it is to answer}.

    Raises TemplateExceeds: it takes too much time, memory or room.
    """
    return (traits_of(renderer(tokenizer)) if tokenizer.chat_template else TemplateTraits()).as_dict()


def turn_end(tokenizer: Any, template: str | None = None, *, name: str = "") -> TurnEnd:
    """How an answer ends under a chat template: the given one (of what has that name), or else the tokenizer's.

    Raises TemplateExceeds: it takes too much time, memory or room.
    """
    traits = traits_of(renderer(tokenizer, template, name=name))
    # Where nothing stands behind the last answer, what the next turn begins with ends an answer in the middle.
    closing = traits.end_of_turn or traits.next_turn.strip()
    ids = token_ids(tokenizer, closing)
    added_ids = set(tokenizer.get_added_vocab().values()) | set(tokenizer.all_special_ids)
    place = next((i for i, token in enumerate(ids) if token in added_ids), None)
    tokens = set() if place is None else {ids[place]}
    if not traits.end_of_turn and place:  # words of the next turn are its own, and so is what they stand before
        tokens, place = set(), None
    calls = token_ids(tokenizer, traits.call_end)
    if calls and calls[-1] in added_ids:
        tokens.add(calls[-1])
    words = closing if place is None else tokenizer.decode(ids[:place]).strip()
    blank = "\n" if words and "\n" in (traits.last_end or traits.next_turn).partition(words)[0] else ""
    target_ids, end = token_ids(tokenizer, traits.last_end), tokenizer.eos_token_id
    adds_end = (place is None or not traits.end_of_turn) and end is not None and target_ids[-1:] != [end]
    return TurnEnd(
        traits.end_of_turn,
        frozenset(tokens),
        (blank + words,) if words else (),
        (*target_ids, end) if adds_end else tuple(target_ids),
        adds_end,
    )
