"""Sampling with settings and a random generator for each row."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from studio.domain.chat.sampling import MAX_SEED, Sampling

_HEAD = 1024  # the likeliest tokens; only where they do not reach top_p is the whole vocabulary sorted


class RowSampler:
    """Draws the tokens of one answer. The same seed and the same logits give the same tokens, whatever stands in
    the batch beside it."""

    def __init__(self, sampling: Sampling, device: torch.device) -> None:
        self._temperature = sampling.temperature
        self._top_p = sampling.top_p
        self.seed = secrets.randbelow(MAX_SEED + 1) if sampling.seed is None else sampling.seed
        self._generator = torch.Generator(device).manual_seed(self.seed)
        self.log_probability = 0.0  # of what was drawn last, to the model itself
        self.is_lost = False  # the model's scores are no numbers, so that nothing can be drawn

    def draw(self, logits: torch.Tensor, scores: torch.Tensor) -> int:
        """A token id. logits: the model's own, of shape (vocabulary,) in fp32; scores: those after the rules of its
        generation_config, which the token is drawn from. Any token where `is_lost`."""
        total = logits.logsumexp(-1)
        self.is_lost = not total.isfinite()
        if self.is_lost:
            return 0
        token = self._choose(scores)
        self.log_probability = float(logits[token] - total)
        return token

    def _choose(self, scores: torch.Tensor) -> int:
        if self._temperature == 0:
            return int(scores[None].argmax(-1))  # of equals the one that `generate` takes
        probabilities = torch.softmax(scores / self._temperature, dim=-1)
        if self._top_p == 1:
            return int(torch.multinomial(probabilities, 1, generator=self._generator))
        weights, tokens = nucleus(probabilities, self._top_p)
        return int(tokens[torch.multinomial(weights, 1, generator=self._generator)])


def nucleus(probabilities: torch.Tensor, top_p: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The fewest tokens that reach `top_p` together, likeliest first: their probabilities and their ids."""
    size = probabilities.numel()
    for count in (min(_HEAD, size), size):
        values, tokens = torch.topk(probabilities, count)
        total = values.cumsum(0)
        if count == size or total[-1] >= top_p:
            break
    cutoff = int((total - values < top_p).sum())
    return values[:cutoff], tokens[:cutoff]


class PerRowChoice(LogitsProcessor):
    """Leaves each row of scores with the one token that its sampler drew, so that a greedy `generate` takes it.

    `rules` are each row's own; they see its prompt, of one of the `lengths`, and its answer, without the padding. A
    sampler of None belongs to a row that is over: it gets `filler`.
    """

    def __init__(
        self,
        samplers: Sequence[RowSampler | None],
        rules: Sequence[LogitsProcessorList],
        lengths: Sequence[int],
        filler: int,
    ) -> None:
        self.samplers = list(samplers)
        self._rules = rules
        longest = max(lengths)
        self._padding = [longest - length for length in lengths]
        self._filler = filler

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        token_ids = [
            self._filler if sampler is None else sampler.draw(logits, self._apply_rules(row, input_ids, logits))
            for row, (sampler, logits) in enumerate(zip(self.samplers, scores.float(), strict=True))
        ]
        forced_scores = torch.full_like(scores, float("-inf"))
        forced_scores[torch.arange(len(token_ids)), torch.tensor(token_ids, device=scores.device)] = 0
        return forced_scores

    def _apply_rules(self, row: int, input_ids: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        if not self._rules[row]:
            return logits
        return self._rules[row](input_ids[row : row + 1, self._padding[row] :], logits.clone()[None])[0]
