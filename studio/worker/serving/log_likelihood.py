"""The log-likelihood of a given answer."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from studio.worker.common.numerics import relative_difference, rounding
from studio.worker.models.probes import false_where_it_cannot, positions_stand_alone

MAX_LOGITS_BYTES = 256 << 20  # of the logits that are there at one time


@dataclass(frozen=True)
class TokenScores:
    """For each token of the answer: the logarithm of its probability, and the token that was likeliest there."""

    log_probabilities: list[float]
    likeliest: list[int]


Text = tuple[Sequence[int], Sequence[int]]  # token ids of a prompt and of the answer to it


def read_answers(model: Any, texts: Sequence[Text], *, pad: int, device: torch.device) -> list[TokenScores]:
    """One reading for each text, all in one batch. A prompt has at least one token. The probabilities are the model's
    own: nothing of its generation_config, no temperature, no top-p."""
    whole = [[*prompt, *answer] for prompt, answer in texts]
    longest = max(map(len, whole))
    # What stands on the right of a causal model's text changes nothing in it.
    tokens = torch.tensor([row + [pad] * (longest - len(row)) for row in whole], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in whole], device=device)
    first = min(len(prompt) for prompt, _ in texts) - 1  # the position that the first answer's first token comes after
    with torch.inference_mode():
        options = {"logits_to_keep": longest - first} if _keeps_some(model) else {}
        logits = model(input_ids=tokens, attention_mask=mask, **options).logits
        logits = logits[:, -(longest - first) :]
        return [_reading(logits[row], *text, first) for row, text in enumerate(texts)]


@false_where_it_cannot
def padded_readings_stand_alone(model: Any, pad: int) -> bool:
    """Whether a text is read the same beside a longer one as alone, within the rounding of the model's numbers.

    It is not so where experts have room for so many tokens of a batch, or positions stretch with its longest row.
    """
    words = min(model.get_input_embeddings().num_embeddings, 4096)
    ids = torch.randint(words, (64,), generator=torch.Generator().manual_seed(0)).tolist()
    short, long = (ids[:5], ids[5:12]), (ids[12:40], ids[40:])
    (single,), (batched, _) = (
        read_answers(model, texts, pad=pad, device=model.device) for texts in ([short], [short, long])
    )
    if not positions_stand_alone(model):
        return False
    one, other = torch.tensor(single.log_probabilities), torch.tensor(batched.log_probabilities)
    return relative_difference(one, other) <= rounding(model)


def portions(texts: Sequence[Text], vocabulary: int) -> Iterator[slice]:
    """Which of the texts to read together, so that their logits take no more than MAX_LOGITS_BYTES (one alone may)."""
    begin = 0
    for end in range(1, len(texts) + 1):
        next_too = texts[begin : end + 1]
        spread = max(len(p) + len(a) for p, a in next_too) - min(len(p) for p, _ in next_too) + 1
        if end == len(texts) or 4 * vocabulary * len(next_too) * spread > MAX_LOGITS_BYTES:
            yield slice(begin, end)
            begin = end


def _reading(logits: torch.Tensor, prompt: Sequence[int], answer: Sequence[int], first: int) -> TokenScores:
    at = len(prompt) - 1 - first
    own = logits[at : at + len(answer)].float()
    answer_logits = own.gather(1, torch.tensor(answer, device=own.device)[:, None])[:, 0]
    return TokenScores((answer_logits - own.logsumexp(-1)).tolist(), own.argmax(-1).tolist())


def _keeps_some(model: Any) -> bool:
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return "logits_to_keep" in inspect.signature(inner.forward).parameters
