"""What a model's own generation_config does to the scores of the next token, for one row at a time.

Its rules (repetition penalty, n-grams that must not come again, bad words, forced and suppressed tokens, the least
length) look at the tokens so far. Over a whole batch they would take the padding of shorter prompts for text, and its
longest row for the length of all.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessorList


def rules_of(
    model: Any, config: GenerationConfig, prompt: Sequence[int], most: int, device: torch.device
) -> LogitsProcessorList:
    """Those of `config` that plain greedy search has too, for an answer of at most `most` tokens to `prompt`.

    Its number of beams, sampling (do_sample, temperature, top_k and their kin), contrastive and assisted search and
    classifier-free guidance are none: how an answer is drawn is said by who asks.
    """
    config = copy.deepcopy(config)
    config.do_sample, config.num_beams, config.guidance_scale = False, 1, None
    config.max_length = len(prompt) + most
    ends = config.eos_token_id
    ends = [] if ends is None else ends if isinstance(ends, list) else [ends]
    # Where `generate` keeps them for its own use; the rules of length are left out where there are none.
    config._eos_token_tensor = torch.tensor(ends, device=device) if ends else None
    return model._get_logits_processor(
        config,
        input_ids_seq_length=len(prompt),
        encoder_input_ids=torch.tensor([prompt], device=device),
        device=device,
        model_kwargs={},
    )


@contextmanager
def set_aside(model: Any) -> Iterator[GenerationConfig]:
    """Inside, the model has no generation_config of its own, which `generate` would fill gaps from; gives it."""
    own = model.generation_config
    model.generation_config = GenerationConfig()
    try:
        yield own
    finally:
        model.generation_config = own
