"""The loss of a batch as the model itself computes it: language modelling, and a mixture's router."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch

from studio.worker.models.output_head import OwnHead, backbone_of
from studio.worker.tokenization.encoder import IGNORED
from studio.worker.tokenization.packing import PARTS, PackingCollator, PaddingCollator, document_places, rows_of
from studio.worker.training.chunked_loss import at_targets, linear_loss, loss_by

Head = Literal["linear", "own", "whole"]
"""How logits are made. linear: the head is one linear layer, and loss and gradient are made together, in chunks; own:
by what the model does after its last layer, in chunks; whole: by the model, of all tokens."""


@dataclass(frozen=True)
class ComputePath:
    """What may be quicker than the plain way, and is taken only where it computes the same."""

    batches: PackingCollator | PaddingCollator
    head: Head
    fused_lora: bool

    def names(self) -> list[str]:
        """What it is made of, in words that a person and a program can read."""
        batches = self.batches
        if isinstance(batches, PackingCollator):
            parts = ["packed", "document attention"] if batches.with_lengths else ["packed"]
        else:
            parts = ["one row at a time" if batches.one_by_one else "padded"]
        parts += ["fused LoRA"] if self.fused_lora else []
        return [*parts, "whole logits" if self.head == "whole" else "learned positions only"]


@dataclass(frozen=True)
class Losses:
    """`tokens`: the negative log-likelihood of each token that is trained on; `places`: which of the batch's documents
    it is of, the last of which is `last`. `router`: the load balancing loss, without its coefficient; None in models
    without."""

    tokens: torch.Tensor  # [targets]
    places: torch.Tensor  # [targets]
    last: torch.Tensor  # []
    router: torch.Tensor | None = None

    @property
    def language(self) -> torch.Tensor:
        """The sum over all tokens."""
        return self.tokens.sum()

    def by_document(self) -> tuple[torch.Tensor, torch.Tensor]:
        """[documents] each: the sum of the document's losses, and how many they are."""
        nothing = self.tokens.new_zeros(int(self.last) + 1)
        return (
            nothing.index_add(0, self.places, self.tokens),
            nothing.index_add(0, self.places, torch.ones_like(self.tokens)),
        )


def losses_of(model: Any, path: ComputePath, batch: dict[str, Any], *, with_router: bool) -> Losses:
    """The losses of a batch that `path.batches` made, by the causal language model inside of peft's."""
    batches = path.batches
    if not (isinstance(batches, PaddingCollator) and batches.one_by_one):
        return _losses(model, path.head, batch, with_router)
    rows = list(rows_of(batch))
    row_losses = [_losses(model, path.head, row, with_router) for row in rows]
    shares = [row["labels"].numel() / int(batch["attention_mask"].sum()) for row in rows]
    routers = [
        losses.router * share for losses, share in zip(row_losses, shares, strict=True) if losses.router is not None
    ]
    return Losses(
        tokens=torch.cat([losses.tokens for losses in row_losses]),
        places=torch.cat([losses.places + place for place, losses in enumerate(row_losses)]),
        last=torch.tensor(len(row_losses) - 1),
        router=torch.stack(routers).sum() if routers else None,
    )


def _losses(model: Any, head: Head, batch: dict[str, Any], with_router: bool) -> Losses:
    # With a cache, transformers no longer tells documents apart.
    inputs = {name: values for name, values in batch.items() if name not in ("labels", PARTS)} | {"use_cache": False}
    if with_router:
        inputs["output_router_logits"] = True
    if head == "whole":
        output = model(**inputs)
        logits, targets = at_targets(output.logits, batch["labels"])
        tokens = torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none")
        return _losses_by_token(tokens, batch, output.aux_loss if with_router else None)
    output, own, layer = backbone_of(model)(**inputs), OwnHead(model), model.get_output_embeddings()
    hidden, targets = at_targets(output.last_hidden_state.to(layer.weight.device), batch["labels"])
    if head == "linear":
        tokens = linear_loss(hidden, targets, layer.weight, layer.bias)
    else:
        tokens = loss_by(partial(own.logits, kind=type(output)), hidden, targets)
    router = own.router_loss(output, batch.get("attention_mask")) if with_router else None
    return _losses_by_token(tokens, batch, router)


def _losses_by_token(tokens: torch.Tensor, batch: dict[str, Any], router: torch.Tensor | None) -> Losses:
    places = document_places(batch)
    targets = places[:, 1:][batch["labels"][:, 1:] != IGNORED]
    return Losses(tokens, targets.to(tokens.device), places.max(), router)
