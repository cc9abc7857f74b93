"""The model's own head, applied to some of the hidden states only."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import PreTrainedModel


def backbone_of(model: Any) -> Any:
    """The part of a causal language model that hands it the last hidden states; the model itself where it has none."""
    inner = getattr(model.base_model, "decoder", None)
    return inner if isinstance(inner, PreTrainedModel) else model.base_model


class OwnHead:
    """The way of a causal language model from its last hidden states to its logits, whatever that is: layers of a
    head, a cap, a scale. The model's own `forward` goes it, while its backbone hands over what is given here."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._backbone = backbone_of(model)

    @property
    def is_trained(self) -> bool:
        """Whether something that is learned stands outside of the backbone."""
        inside = {id(p) for p in self._backbone.parameters()}
        return any(p.requires_grad and id(p) not in inside for p in self._model.parameters())

    def logits(self, hidden: torch.Tensor, kind: type) -> torch.Tensor:
        """[rows, words] from last hidden states, [rows, width]. `kind` is the class of the backbone's output."""
        with self._handing_over(kind(last_hidden_state=hidden[None])):
            return self._model(input_ids=_as_many(hidden), use_cache=False).logits[0]

    def router_loss(self, output: Any, attention_mask: torch.Tensor | None) -> torch.Tensor | None:
        """The load balancing loss of a mixture of experts, without its coefficient, as the model reckons it from an
        output of the backbone with `router_logits`; None where it reckons none."""
        short = copy.copy(output)
        short["last_hidden_state"] = output.last_hidden_state[:1, :1].detach()
        with self._handing_over(short):
            loss = self._model(
                input_ids=_as_many(short.last_hidden_state[0]),
                attention_mask=attention_mask,
                output_router_logits=True,
                use_cache=False,
            ).aux_loss
        return loss if isinstance(loss, torch.Tensor) else None

    @contextmanager
    def _handing_over(self, output: Any) -> Iterator[None]:
        before = self._backbone.__dict__.get("forward")
        self._backbone.forward = lambda *_, **__: output
        try:
            yield
        finally:
            del self._backbone.forward
            if before is not None:
                self._backbone.forward = before


def _as_many(hidden: torch.Tensor) -> torch.Tensor:
    """Token ids that are only counted, [1, rows]."""
    return torch.zeros(1, len(hidden), dtype=torch.long, device=hidden.device)
