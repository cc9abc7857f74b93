"""What the run folder is told while the trainer works."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from studio.domain.errors import StudioError
from studio.domain.events import Evaluated, Saved, Started, Step
from studio.store.run_folder import RunFolder
from studio.worker.device import memory_in_use
from studio.worker.stop import StopRequest
from studio.worker.trainer import checkpoint_path

LAST_STEPS = 10  # of which the final loss is the mean: that of a single step says more about its rows than the adapter


class Reports(TrainerCallback):
    """Writes the events of the beginning, of steps, evaluations and checkpoints; ends the training on request.

    `started` still lacks the number of steps. `tokens_seen` counts the tokens trained on so far.
    """

    def __init__(
        self,
        folder: RunFolder,
        stop: StopRequest,
        started: Started,
        device: torch.device,
        tokens_seen: Callable[[], int],
    ) -> None:
        self._folder = folder
        self._stop = stop
        self._started = started
        self._device = device
        self._tokens_seen = tokens_seen
        self._began, self._tokens_before, self._seconds = 0.0, 0, 0.0
        self._last_losses: deque[float] = deque(maxlen=LAST_STEPS)
        self.eval_loss: float | None = None
        self.best_eval_loss: float | None = None
        self.was_stopped = False

    @property
    def train_loss(self) -> float | None:
        """Mean of the last steps."""
        return sum(self._last_losses) / len(self._last_losses) if self._last_losses else None

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        now = {"total_steps": state.max_steps, "at": time.time()}
        self._folder.append(self._started.model_copy(update=now))

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._began, self._tokens_before = time.monotonic(), self._tokens_seen()

    def on_substep_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._end_if_asked(state, control)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._seconds = time.monotonic() - self._began
        self._end_if_asked(state, control)
        control.should_save |= self.was_stopped  # whoever goes on later goes on from here

    def _end_if_asked(self, state: TrainerState, control: TrainerControl) -> None:
        if self._stop.is_made and state.global_step < state.max_steps:
            self.was_stopped = control.should_training_stop = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Raises StudioError where the loss or the gradient is no number any more."""
        if not logs or "loss" not in logs:  # logged by an evaluation or at the end
            return
        tokens = self._tokens_seen() - self._tokens_before
        loss, grad_norm = float(logs["loss"]), float(logs["grad_norm"])
        self._last_losses.append(loss)
        self._folder.append(
            Step(
                step=state.global_step,
                epoch=state.epoch or 0.0,
                loss=loss,
                learning_rate=logs["learning_rate"],
                grad_norm=grad_norm,
                tokens=tokens,
                tokens_per_second=tokens / max(self._seconds, 1e-9),
                memory=memory_in_use(self._device),
            )
        )
        if not (math.isfinite(loss) and math.isfinite(grad_norm)):
            raise StudioError(
                "The loss is no number any more after step {step}: the training has become unstable.",
                "Lower the learning rate, add warm-up, or choose full precision (fp32).",
                step=state.global_step,
            )

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        loss = (metrics or {})["eval_loss"]
        self.eval_loss = loss
        self.best_eval_loss = loss if self.best_eval_loss is None else min(loss, self.best_eval_loss)
        self._folder.append(Evaluated(step=state.global_step, loss=loss))

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        path = checkpoint_path(Path(args.output_dir), state.global_step)
        self._folder.append(Saved(step=state.global_step, path=str(path)))
