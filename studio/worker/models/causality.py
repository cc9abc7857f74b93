"""Whether a model is causal: a token must not change the logits before it."""

from __future__ import annotations

from typing import Any

import torch

from studio.domain.errors import StudioError
from studio.worker.models.kind import not_causal

_TOKENS = 12
# Of what a word changes at its own place, the most that rounding changes before it. In the same shapes, a causal model
# computes the same numbers again; experts and 8-bit layers put other rows together, which rounds otherwise.
_NOISE, _COARSE_NOISE = 1e-4, 0.05


@torch.no_grad()
def is_causal(model: Any) -> bool:
    """Tried with a few tokens of which the last is changed."""
    words = model.get_input_embeddings().num_embeddings
    ids = torch.randint(words, (2, _TOKENS), generator=torch.Generator().manual_seed(0))
    ids[1, :-1] = ids[0, :-1]
    ids[1, -1] = (ids[0, -1] + words // 2) % words
    ids = ids.to(model.device)
    before, after = (model(input_ids=row[None], use_cache=False).logits[0].float() for row in ids)
    differences = (before - after).abs().mean(-1)
    fine = model.dtype is torch.float32 and not getattr(model, "is_quantized", False)
    # Where the model's words are no numbers, nothing is greater than another: training then says what is wrong.
    return not bool((differences[:-1] > (_NOISE if fine else _COARSE_NOISE) * differences[-1]).any())


def check_causal(model: Any) -> None:
    """Raises StudioError where it looks ahead."""
    if not is_causal(model):
        raise not_causal(model.config)


@torch.no_grad()
def check_numbers(model: Any) -> None:
    """Raises StudioError where what it makes of a few tokens are no numbers: it could say nothing, or anything."""
    ids = torch.arange(_TOKENS, device=model.device)[None] % model.get_input_embeddings().num_embeddings
    if not model(input_ids=ids, use_cache=False).logits.isnan().any():
        return
    invalid_weights = [n for n, p in model.named_parameters() if p.is_floating_point() and not p.isfinite().all()]
    if invalid_weights:
        raise StudioError(
            "{count} of the model's weights {count:contains|contain} values that are not numbers, such as {first}: it "
            "cannot answer.",
            "Add the whole model again, or choose another version of it.",
            count=len(invalid_weights),
            first=invalid_weights[0],
        )
    raise StudioError(
        "The model computes values that are not numbers (NaN): it cannot answer.",
        "Add the whole model again, or choose another version of it.",
    )
