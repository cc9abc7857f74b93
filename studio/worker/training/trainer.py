"""trl's SFTTrainer with atomic checkpoints and chunked loss, without padding, unused logits and metrics."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from peft import load_peft_weights, set_peft_model_state_dict
from transformers import Trainer, TrainerState
from trl import SFTTrainer

from studio.domain.errors import StudioError
from studio.store.checkpoint_folder import all_checkpoints, checkpoint_path, seal, sync_folder
from studio.worker.tokenization.encoder import IGNORED
from studio.worker.training import document_attention as attention
from studio.worker.training.collators import PackingCollator, token_count
from studio.worker.training.fused_lora import fuse_lora, unfuse_lora
from studio.worker.training.model_loss import ComputePath, Losses, losses_of
from studio.worker.training.save_adapter import save_usage


class StudioTrainer(SFTTrainer):
    """The loss is the model's own, computed on a path that `use` chooses; nothing of trl's is in it. `check` is called
    before each micro-batch and may raise."""

    loss_is_scaled_for_ga = True  # the loss of a micro-batch is its share of the whole step's

    def __init__(
        self,
        model: Any,
        *,
        path: ComputePath,
        must_stop: Callable[[], bool],
        check: Callable[[], None] = lambda: None,
        **kwargs: Any,
    ) -> None:
        config = model.config.get_text_config()
        own_forward, own_router = model.__dict__.get("forward"), getattr(config, "output_router_logits", None)
        super().__init__(model, data_collator=path.batches, **kwargs)
        # trl's head is put over the model's own, and stays there when it answers; and it makes the model reckon its
        # router's loss with each token that it writes.
        del model.forward
        if own_forward is not None:
            model.forward = own_forward
        if own_router is not None:
            config.output_router_logits = own_router
        self.model_accepts_loss_kwargs = True  # so that Trainer counts the learned tokens of a whole step
        self._must_stop = must_stop
        self._check = check
        self.told: Callable[[], Mapping[str, Any]] = dict  # what is put down beside each checkpoint
        self.kept_checkpoints = 2  # of the newest, besides the best one
        self.best_step: int | None = None
        self.is_updating = False  # the optimizer is changing the weights
        self.tokens_seen = 0
        self._step_tokens = 0  # of the step that is under way; 0: what is given is all there is
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
        wanted = attention.NAME if by_document else self._own_attention
        if self._base.config._attn_implementation != wanted:
            self._base.set_attn_implementation(wanted)
        unfuse_lora(self.model)
        if path.fused_lora:
            path = replace(path, fused_lora=fuse_lora(self.model) > 0)
        self.path = path
        self.data_collator = path.batches

    def losses(self, inputs: dict[str, Any], *, with_router: bool) -> Losses:
        """Of a batch that the data collator made."""
        # accelerate enters autocast in the `forward` of peft's model only, which is not called.
        with self.accelerator.autocast():
            return losses_of(self._base, self.path, inputs, with_router=with_router)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """The mean loss over the learned tokens of the whole step, which `num_items_in_batch` counts; there are no
        outputs to return.

        In training the gradient is also that of the load balancing loss of a mixture of experts, times its
        coefficient, which adds nothing to the value. It is defined for a whole step at once: a micro-batch's share of
        it is that of its tokens.
        """
        if self.model.training:
            self._check()
            self.tokens_seen += token_count(inputs)
        if num_items_in_batch is None:
            num_items_in_batch = (inputs["labels"][:, 1:] != IGNORED).sum()
        losses = self.losses(inputs, with_router=self.model.training and self.aux_loss_enabled)
        loss = losses.language / num_items_in_batch
        if losses.router is not None:
            share = token_count(inputs) / self._step_tokens if self._step_tokens else 1.0
            router = self.router_aux_loss_coef * share * losses.router.to(loss.device)
            loss = loss + (router - router.detach())
        return loss

    def get_batch_samples(self, *args: Any) -> tuple[list[Any], Any]:
        batches, learned = super().get_batch_samples(*args)
        self._step_tokens = sum(token_count(batch) for batch in batches)
        return batches, learned

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """The mean loss over all learned tokens of the validation rows; nothing where a stop is asked meanwhile."""
        self.model.eval()
        total, learned = 0.0, 0
        for batch in self.get_eval_dataloader():
            if self._must_stop():
                return {}
            count = int((batch["labels"][:, 1:] != IGNORED).sum())
            with torch.no_grad():
                loss = self.compute_loss(self.model, self._prepare_inputs(batch), num_items_in_batch=count)
            total, learned = total + float(loss) * count, learned + count
        metrics = {"eval_loss": total / learned}
        self.log(metrics)
        self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _get_output_dir(self, trial: Any) -> str:
        return str(Path(self.args.output_dir) / ".partial")

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Written aside and renamed when whole; the newest few are kept, and the best. trl's model card is left out."""
        aside, checkpoints = Path(self._get_output_dir(trial)), Path(self.args.output_dir)
        if not checkpoints.parent.is_dir():  # deleted by somebody: it is not to come back half empty
            raise FileNotFoundError(errno.ENOENT, "The run's folder is gone", str(checkpoints.parent))
        shutil.rmtree(aside, ignore_errors=True)
        try:
            Trainer._save_checkpoint(self, model, trial)
            final = checkpoint_path(checkpoints, self.state.global_step)
            save_usage(aside / final.name, self.model, self.processing_class)
            seal(aside / final.name, self.told())
            shutil.rmtree(final, ignore_errors=True)
            (aside / final.name).replace(final)
        finally:
            shutil.rmtree(aside, ignore_errors=True)  # a full disk gets its room back
        sync_folder(checkpoints)
        for old in all_checkpoints(checkpoints)[self.kept_checkpoints :]:
            if old.step != self.best_step:
                shutil.rmtree(old.path)

    def save_where_it_is(self) -> None:
        """A checkpoint after the last whole step, outside of the training's own loop."""
        self._save_checkpoint(self.model, None)
        self.callback_handler.on_save(self.args, self.state, self.control)

    def load_weights(self, checkpoint: Path) -> None:
        """The adapter as it is in that checkpoint."""
        set_peft_model_state_dict(self.model, load_peft_weights(str(checkpoint), device="cpu"))

    def take_state(self, checkpoint: Path) -> None:
        """Weights and state of a checkpoint after which there is nothing to train any more."""
        self.load_weights(checkpoint)
        self.state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
