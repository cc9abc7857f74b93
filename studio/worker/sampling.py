"""The next token of each row, drawn with that row's own settings and its own random numbers."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import torch
from transformers import LogitsProcessor

from studio.domain.chat import LARGEST_SEED, Sampling

_HEAD = 1024  # the likeliest tokens; only where they do not reach top_p is the whole vocabulary sorted


class RowSampler:
    """Draws the tokens of one answer. The same seed and the same logits give the same tokens, whatever stands in
    the batch beside it."""

    def __init__(self, sampling: Sampling, device: torch.device) -> None:
        self._temperature = sampling.temperature
        self._top_p = sampling.top_p
        self.seed = secrets.randbelow(LARGEST_SEED + 1) if sampling.seed is None else sampling.seed
        self._generator = torch.Generator(device).manual_seed(self.seed)
        self.log_probability = 0.0  # of what was drawn last, before temperature and top-p

    def draw(self, logits: torch.Tensor) -> int:
        """A token id from logits of shape (vocabulary,) in fp32."""
        token = self._choose(logits)
        self.log_probability = float(logits[token] - logits.logsumexp(-1))
        return token

    def _choose(self, logits: torch.Tensor) -> int:
        if self._temperature == 0:
            return int(logits.argmax())
        probabilities = torch.softmax(logits / self._temperature, dim=-1)
        if self._top_p == 1:
            return int(torch.multinomial(probabilities, 1, generator=self._generator))
        kept, tokens = nucleus(probabilities, self._top_p)
        return int(tokens[torch.multinomial(kept, 1, generator=self._generator)])


def nucleus(probabilities: torch.Tensor, top_p: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The fewest tokens that reach `top_p` together, likeliest first: their probabilities and their ids."""
    size = probabilities.numel()
    for count in (min(_HEAD, size), size):
        values, tokens = torch.topk(probabilities, count)
        total = values.cumsum(0)
        if count == size or total[-1] >= top_p:
            break
    kept = int((total - values < top_p).sum())
    return values[:kept], tokens[:kept]


class PerRowChoice(LogitsProcessor):
    """Leaves each row of scores with the one token that its sampler drew, so that a greedy `generate` takes it.

    A sampler of None belongs to a row that is over: it gets `filler`.
    """

    def __init__(self, samplers: Sequence[RowSampler | None], filler: int) -> None:
        self.samplers = list(samplers)
        self._filler = filler

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        chosen = [
            self._filler if s is None else s.draw(row) for s, row in zip(self.samplers, scores.float(), strict=True)
        ]
        decided = torch.full_like(scores, float("-inf"))
        decided[torch.arange(len(chosen)), torch.tensor(chosen, device=scores.device)] = 0
        return decided
