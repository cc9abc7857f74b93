"""trl's SFTTrainer with the loss of an objective, without padding, unused logits and metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from trl import SFTTrainer

from studio.domain.errors import StudioError
from studio.domain.spec.data import part_figure
from studio.worker.tokenization.packing import PARTS, DocumentCollator, MixtureCollator, PackingCollator, token_count
from studio.worker.training import document_attention as attention
from studio.worker.training.checkpointing import CheckpointingMixin
from studio.worker.training.fused_lora import fuse_lora, unfuse_lora
from studio.worker.training.mixture import Mixture, MixtureSampler
from studio.worker.training.model_loss import ComputePath, Losses, losses_of
from studio.worker.training.objectives.base import Objective


class StudioTrainer(CheckpointingMixin, SFTTrainer):
    """The loss is the objective's, of the model's own likelihoods, computed on a path that `use` chooses; nothing of
    trl's is in it. `check` is called before each micro-batch and may raise. `mixture` has the rows of an epoch where
    they are not each row once, and `parts` the names of the datasets whose loss is a figure of its own."""

    loss_is_scaled_for_ga = True  # the loss of a micro-batch is its share of the whole step's

    def __init__(
        self,
        model: Any,
        *,
        path: ComputePath,
        objective: Objective[Any],
        must_stop: Callable[[], bool],
        check: Callable[[], None] = lambda: None,
        mixture: Mixture | None = None,
        parts: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        config = model.config.get_text_config()
        own_forward, own_router = model.__dict__.get("forward"), getattr(config, "output_router_logits", None)
        self._objective = objective
        self._mixture = mixture
        self._parts = parts
        super().__init__(model, data_collator=path.batches, **kwargs)
        # trl's head is put over the model's own, and stays there when it answers; and it makes the model reckon its
        # router's loss with each token that it writes.
        del model.forward
        if own_forward is not None:
            model.forward = own_forward
        if own_router is not None:
            config.output_router_logits = own_router
        self.model_accepts_loss_kwargs = False  # what a step's loss is a mean over, the objective counts, not Trainer
        self._must_stop = must_stop
        self._check = check
        self.is_updating = False  # the optimizer is changing the weights
        self.tokens_seen = 0
        # Of the step that is under way; none: what is given is all there is.
        self._step_tokens, self._step_counts = 0, None
        self._step_figures, self._step_losses = Figures(), PartLosses(parts)
        self.eval_figures: dict[str, float] = {}  # of the newest evaluation
        self._base = model
        self._own_attention = model.config._attn_implementation
        self.left_out: list[StudioError] = []  # layers without an adapter, in words
        for parameter in self.model.parameters():
            if parameter.requires_grad:  # trl gives adapters of quantised models bf16, where small steps are lost
                parameter.data = parameter.data.float()
        self.use(path)

    def use(self, path: ComputePath) -> None:
        """Computes on this path from now on."""
        by_document = isinstance(path.batches, PackingCollator) and path.batches.with_lengths
        attention_name = attention.NAME if by_document else self._own_attention
        if self._base.config._attn_implementation != attention_name:
            self._base.set_attn_implementation(attention_name)
        unfuse_lora(self.model)
        if path.fused_lora:
            path = replace(path, fused_lora=fuse_lora(self.model) > 0)
        self.path = path
        collator = path.batches if self._objective.spec.document_count == 1 else DocumentCollator(path.batches)
        self.data_collator = MixtureCollator(collator) if self._parts else collator

    def _get_train_sampler(self, *args: Any, **kwargs: Any) -> Any:
        return MixtureSampler(self._mixture) if self._mixture else super()._get_train_sampler(*args, **kwargs)

    def losses(self, inputs: dict[str, Any], *, with_router: bool) -> Losses:
        """Of a batch that the data collator made."""
        # accelerate enters autocast in the `forward` of peft's model only, which is not called.
        with self.accelerator.autocast():
            return losses_of(self._base, self.path, inputs, with_router=with_router)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """This micro-batch's part of the loss of the whole step; there are no outputs to return. Outside of a step it
        is all there is.

        In training the gradient is also that of the load balancing loss of a mixture of experts, times its
        coefficient, which adds nothing to the value. It is defined for a whole step at once: a micro-batch's share of
        it is that of its tokens.
        """
        if self.model.training:
            self._check()
            self.tokens_seen += token_count(inputs)
        losses = self.losses(inputs, with_router=self.model.training and self.aux_loss_enabled)
        counts = self._objective.counts(inputs) if self._step_counts is None else self._step_counts
        sums = self._objective.sums(losses)
        loss = (sums / counts.to(sums.device)).sum()
        self._step_figures.add(self._objective.figures(losses))
        if PARTS in inputs:
            self._step_losses.add(inputs[PARTS], *self._objective.by_example(losses))
        if losses.router is not None:
            share = token_count(inputs) / self._step_tokens if self._step_tokens else 1.0
            router = self.router_aux_loss_coef * share * losses.router.to(loss.device)
            loss = loss + (router - router.detach())
        return loss

    def get_batch_samples(self, *args: Any) -> tuple[list[Any], Any]:
        batches, nothing = super().get_batch_samples(*args)
        self._step_tokens = sum(token_count(batch) for batch in batches)
        self._step_counts = (
            torch.stack([self._objective.counts(batch) for batch in batches]).sum(0) if batches else None
        )
        self._step_figures, self._step_losses = Figures(), PartLosses(self._parts)
        return batches, nothing

    def step_figures(self) -> dict[str, float]:
        """The objective's figures of the newest step, and the loss on each dataset of a mixture that it had rows of."""
        return self._step_figures.means() | self._step_losses.means()

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """The loss over all validation rows at once; nothing where a stop is asked meanwhile."""
        self.model.eval()
        sums, counts, figures = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.int64), Figures()
        part_losses = PartLosses(self._parts)
        for batch in self.get_eval_dataloader():
            if self._must_stop():
                return {}
            counts = counts + self._objective.counts(batch).cpu()
            with torch.no_grad():
                losses = self.losses(self._prepare_inputs(batch), with_router=False)
                sums = sums + self._objective.sums(losses).double().cpu()
                figures.add(self._objective.figures(losses))
                if PARTS in batch:
                    part_losses.add(batch[PARTS], *self._objective.by_example(losses))
        self.eval_figures = figures.means() | part_losses.means()
        metrics = {"eval_loss": float((sums / counts).sum())} | {
            f"eval_{name}": value for name, value in self.eval_figures.items()
        }
        self.log(metrics)
        self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


class Figures:
    """Means over examples that come batch by batch."""

    def __init__(self) -> None:
        self._sums: dict[str, torch.Tensor] = {}
        self._count = 0

    def add(self, values: dict[str, torch.Tensor]) -> None:
        """values: [examples] each."""
        for name, each in values.items():
            self._sums[name] = self._sums.get(name, 0) + each.detach().sum()
        self._count += max(map(len, values.values()), default=0)

    def means(self) -> dict[str, float]:
        return {name: float(total) / self._count for name, total in self._sums.items()}


class PartLosses:
    """The loss on each of some datasets, as if its examples were all there are; none where there was no example."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._sums: torch.Tensor | None = None  # [sums and counts, terms, datasets]

    def add(self, parts: torch.Tensor, sums: torch.Tensor, counts: torch.Tensor) -> None:
        """parts: [examples]; sums and counts: [terms, examples], as an objective gives them of each."""
        both = torch.stack([sums.detach(), counts]).double()
        if self._sums is None:
            self._sums = both.new_zeros(*both.shape[:2], len(self._names))
        self._sums.index_add_(2, parts.to(both.device), both)

    def means(self) -> dict[str, float]:
        if self._sums is None:
            return {}
        sums, counts = self._sums.cpu()
        return {
            part_figure(name): float((sums[:, place] / counts[:, place]).sum())
            for place, name in enumerate(self._names)
            if bool(counts[:, place].all())
        }
