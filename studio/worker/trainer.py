"""trl's SFTTrainer without the work that is for nothing: padding, scores of words that are not learned, metrics."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from peft import load_peft_weights, set_peft_model_state_dict
from transformers import Trainer, TrainerState
from trl import SFTTrainer

from studio.store.checkpoint_folder import all_checkpoints, checkpoint_path, seal, sync_folder
from studio.worker.adapter_folder import save_usage
from studio.worker.encoder import IGNORED
from studio.worker.loss import learned_loss
from studio.worker.packing import token_count


class StudioTrainer(SFTTrainer):
    """`plain_head`: the model's logits are one linear layer on its last hidden states. Where they are not, or where
    that layer is trained, the loss is trl's own. `check` is called before each micro-batch and may raise."""

    loss_is_scaled_for_ga = True  # the loss of a micro-batch is its share of the whole step's

    def __init__(
        self,
        *args: Any,
        plain_head: bool,
        must_stop: Callable[[], bool],
        check: Callable[[], None] = lambda: None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.model_accepts_loss_kwargs = True  # so that Trainer counts the learned tokens of a whole step
        self._must_stop = must_stop
        self._check = check
        self.told: Callable[[], Mapping[str, Any]] = dict  # what is put down beside each checkpoint
        self.kept_checkpoints = 2  # of the newest, besides the best one
        self.best_step: int | None = None
        self.is_updating = False  # the optimizer is changing the weights
        self._base = self.model.get_base_model()
        head = self._base.get_output_embeddings()
        is_trained = any(p.requires_grad for p in head.parameters())
        self._plain_head = plain_head and not is_trained and not self.aux_loss_enabled
        self.tokens_seen = 0
        for parameter in self.model.parameters():
            if parameter.requires_grad:  # trl gives adapters of quantised models bf16, where small steps are lost
                parameter.data = parameter.data.float()

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The mean over the learned tokens of the whole step, which `num_items_in_batch` counts."""
        if self.model.training:
            self._check()
            self.tokens_seen += token_count(inputs)
        if not self._plain_head or return_outputs or num_items_in_batch is None:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        inputs = dict(inputs, use_cache=False)  # with a cache, transformers no longer tells documents apart
        labels = inputs.pop("labels")
        head = self._base.get_output_embeddings()
        with self.accelerator.autocast():  # accelerate enters it in the model's forward only, which is not called here
            hidden = self._base.base_model(**inputs).last_hidden_state.to(head.weight.device)
            loss = learned_loss(hidden, labels.to(hidden.device), head.weight, head.bias)
        return loss / num_items_in_batch

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
