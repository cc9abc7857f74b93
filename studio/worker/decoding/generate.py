"""Generates a batch: the rows of one `generate`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from peft import PeftModel
from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from studio.worker.decoding.logits_rules import rules_of, set_aside
from studio.worker.decoding.sampler import PerRowChoice
from studio.worker.decoding.sequence import GeneratedSequence


def generate(model: Any, answers: Sequence[GeneratedSequence], *, pad: int, device: torch.device) -> None:
    """Writes all answers to their ends.

    Each row has its own length, sampling and end. A row never sees another: shorter prompts are padded on the left
    and the padding is masked. Of the model's generation_config, what changes scores holds for each row by itself (see
    score_rules); the rest is not asked.
    """
    tokens, mask = left_padded([a.prompt for a in answers], pad)
    settings = GenerationConfig(
        max_new_tokens=max(a.max_tokens for a in answers), do_sample=False, pad_token_id=pad, use_cache=True
    )
    base_model = model.get_base_model() if isinstance(model, PeftModel) else model
    with torch.inference_mode(), set_aside(base_model) as own:
        rules = [rules_of(base_model, own, a.prompt, a.max_tokens, device) for a in answers]
        rows = _Rows(answers, rules, pad)
        model.generate(
            input_ids=tokens.to(device),
            attention_mask=mask.to(device),
            generation_config=settings,
            logits_processor=LogitsProcessorList([rows.choice]),
            stopping_criteria=StoppingCriteriaList([rows]),
        )


def left_padded(prompts: Sequence[Sequence[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask of shape (rows, longest prompt)."""
    longest = max(map(len, prompts))
    tokens = torch.full((len(prompts), longest), pad)
    mask = torch.zeros_like(tokens)
    for row, prompt in enumerate(prompts):
        tokens[row, longest - len(prompt) :] = torch.tensor(prompt)
        mask[row, longest - len(prompt) :] = 1
    return tokens, mask


class _Rows(StoppingCriteria):
    """Hands each row its new token, and says which rows are over."""

    def __init__(self, answers: Sequence[GeneratedSequence], rules: Sequence[LogitsProcessorList], pad: int) -> None:
        self._answers = answers
        self.choice = PerRowChoice([a.sampler for a in answers], rules, [len(a.prompt) for a in answers], pad)

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        for row, (answer, token) in enumerate(zip(self._answers, input_ids[:, -1].tolist(), strict=True)):
            answer.accept(token)
            if answer.is_over:
                self.choice.samplers[row] = None
        return torch.tensor([a.is_over for a in self._answers], device=input_ids.device)
