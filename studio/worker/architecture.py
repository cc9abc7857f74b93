"""What a model's architecture can do, found out by running it on a few tokens rather than by its name."""

from __future__ import annotations

from typing import Any

import torch

_FIRST, _SECOND = 12, 8  # tokens of the two documents that are tried


class DocumentProbe:
    """Whether documents in one row, with positions that begin anew, are to a model as if each stood alone.

    Linear attention and state-space models, and those without positions, carry one document into the next. The
    second of two documents is computed alone, and behind the first as if both were one, by the model as it is when
    the probe is made.
    """

    lengths = (_FIRST, _SECOND)

    def __init__(self, model: Any) -> None:
        self._model = model
        self._ids = _tokens(model, sum(self.lengths))
        self._alone = _second(model, self._ids[:, _FIRST:])
        self._mixed = _second(model, self._ids)

    def passes(self, **more: Any) -> bool:
        """Both documents packed, with `more` for the model: what the second differs from itself alone must be next to
        nothing against what it differs where it sees the first."""
        positions = torch.cat([torch.arange(n) for n in self.lengths])[None].to(self._ids.device)
        try:
            packed = _second(self._model, self._ids, position_ids=positions, **more)
        except (TypeError, ValueError, RuntimeError, KeyError, IndexError):  # it takes no such call at all
            return False
        return bool(_distance(packed, self._alone) < 0.1 * _distance(self._mixed, self._alone))


@torch.no_grad()
def has_plain_head(model: Any) -> bool:
    """Whether its logits are one linear layer on the last hidden states, and nothing else: no cap, no scale."""
    head, backbone = model.get_output_embeddings(), model.base_model
    if type(head) is not torch.nn.Linear or backbone is model:
        return False
    ids = _tokens(model, _SECOND)
    hidden = backbone(input_ids=ids, use_cache=False).last_hidden_state
    return torch.equal(head(hidden.to(head.weight.dtype)), model(input_ids=ids, use_cache=False).logits)


def _tokens(model: Any, count: int) -> torch.Tensor:
    words = model.get_input_embeddings().num_embeddings
    return torch.randint(words, (1, count), generator=torch.Generator().manual_seed(0)).to(model.device)


@torch.no_grad()
def _second(model: Any, ids: torch.Tensor, **more: Any) -> torch.Tensor:
    """The logits of the last document, [tokens, words]."""
    return model(input_ids=ids, use_cache=False, **more).logits[0, -_SECOND:].float()


def _distance(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return (one - other).abs().mean()
