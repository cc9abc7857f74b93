"""A Trainer whose checkpoints are written whole or not at all, the newest few and the best one kept."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from peft import load_peft_weights, set_peft_model_state_dict
from transformers import Trainer, TrainerState

from studio.store.checkpoint_folder import all_checkpoints, checkpoint_path, seal, sync_folder
from studio.worker.training.save_adapter import save_usage


class CheckpointingMixin(Trainer):
    """Stands before the trainer's own class, which may write a checkpoint in another way."""

    provenance: Callable[[], Mapping[str, Any]] = staticmethod(dict)
    """What is written down beside each checkpoint."""
    max_checkpoints: int = 2
    """How many of the newest are kept, besides the best one."""
    best_step: int | None = None

    def _get_output_dir(self, trial: Any) -> str:
        return str(Path(self.args.output_dir) / ".partial")

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Written aside and renamed when whole. trl's model card is left out."""
        aside, checkpoints = Path(self._get_output_dir(trial)), Path(self.args.output_dir)
        if not checkpoints.parent.is_dir():  # deleted by somebody: it is not to come back half empty
            raise FileNotFoundError(errno.ENOENT, "The run's folder is gone", str(checkpoints.parent))
        shutil.rmtree(aside, ignore_errors=True)
        try:
            Trainer._save_checkpoint(self, model, trial)
            final = checkpoint_path(checkpoints, self.state.global_step)
            save_usage(aside / final.name, self.model, self.processing_class)
            seal(aside / final.name, self.provenance())
            shutil.rmtree(final, ignore_errors=True)
            (aside / final.name).replace(final)
        finally:
            shutil.rmtree(aside, ignore_errors=True)  # a full disk gets its room back
        sync_folder(checkpoints)
        for old in all_checkpoints(checkpoints)[self.max_checkpoints :]:
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
