"""Trainer callback that writes run events."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from studio.domain.errors import StudioError
from studio.domain.events import Evaluated, Progress, Sampled, Saved, Started, Step
from studio.domain.spec.watch import WatchSpec
from studio.store.checkpoint_folder import checkpoint_path, checkpoints
from studio.store.job_folder import JobFolder
from studio.worker.common.device import memory_in_use
from studio.worker.training.stop import StopRequest
from studio.worker.training.trainer import StudioTrainer

LAST_STEPS = 10  # of which the final loss is the mean: that of a single step says more about its rows than the adapter


class RunEventCallback(TrainerCallback):
    """Writes the events of the beginning, of steps, evaluations and checkpoints; ends the training on request, or when
    it gets no better.

    `started_event` still lacks the number of steps. `answers` are the sample prompts, answered at each evaluation.
    """

    def __init__(
        self,
        folder: JobFolder,
        stop: StopRequest,
        started_event: Started,
        device: torch.device,
        trainer: StudioTrainer,
        watch: WatchSpec,
        answers: Callable[[], Iterable[tuple[str, str]]],
    ) -> None:
        self._folder = folder
        self._stop = stop
        self._started_event = started_event
        self._device = device
        self._trainer = trainer
        self._watch = watch
        self._answers = answers
        self._began, self._tokens_before, self._seconds = 0.0, 0, 0.0
        self._last_losses: deque[float] = deque(maxlen=LAST_STEPS)
        self._without_better = 0
        self.evaluations: dict[int, float] = {}  # step → loss
        self.was_stopped = False
        self.is_early = False

    @property
    def best_step(self) -> int | None:
        """The earliest of the lowest losses on the validation rows."""
        return min(self.evaluations, key=lambda step: (self.evaluations[step], step), default=None)

    def forget_begun_step(self) -> None:
        """What was worked off of a step that did not come to its end is not counted."""
        self._trainer.tokens_seen = self._tokens_before

    def state(self) -> dict[str, Any]:
        """All that another attempt needs to report as if there had been no break."""
        trainer_state = self._trainer.state
        return {
            "tokens_seen": self._trainer.tokens_seen,
            "last_losses": list(self._last_losses),
            "without_better": self._without_better,
            "evaluations": {str(step): loss for step, loss in self.evaluations.items()},
            "done": self.is_early
            or (trainer_state.max_steps > 0 and trainer_state.global_step >= trainer_state.max_steps),
        }

    def restore(self, metadata: Mapping[str, Any], *, others_until: int = 0) -> None:
        """Goes on from what `state` gave.

        What was measured up to the step `others_until` belongs to the run that this one continues: to that run's
        weights, of which this one keeps none. So its best is the best that it measures itself, and its patience begins
        anew.
        """
        self._trainer.tokens_seen = metadata["tokens_seen"]
        self._last_losses.extend(metadata["last_losses"])
        evaluations = {int(step): loss for step, loss in metadata["evaluations"].items()}
        self.evaluations = {step: loss for step, loss in evaluations.items() if step > others_until}
        self._without_better = min(metadata["without_better"], len(self.evaluations))
        self._trainer.best_step = self.best_step if self._watch.keep_best else None

    @property
    def train_loss(self) -> float | None:
        """Mean of the last steps."""
        return mean_loss(self._last_losses)

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        now = {"total_steps": state.max_steps, "at": time.time()}
        self._folder.append(self._started_event.model_copy(update=now))

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._began, self._tokens_before = time.monotonic(), self._trainer.tokens_seen

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._trainer.is_updating = True

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._trainer.is_updating = False

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
        tokens = self._trainer.tokens_seen - self._tokens_before
        loss, grad_norm = float(logs["loss"]), float(logs["grad_norm"])
        self._last_losses.append(loss)
        self._folder.append(
            Step(
                step=state.global_step,
                epoch=state.epoch or 0.0,
                loss=loss,
                recent_loss=self.train_loss,
                learning_rate=logs["learning_rate"],
                grad_norm=grad_norm,
                tokens=tokens,
                tokens_per_second=tokens / max(self._seconds, 1e-9),
                memory=memory_in_use(self._device),
                figures=self._trainer.step_figures(),
            )
        )
        if not (math.isfinite(loss) and math.isfinite(grad_norm)):
            raise _unstable(state.global_step, Path(args.output_dir))
        if control.should_evaluate:
            self._folder.append(Progress(stage="evaluating"))
        else:
            self._tell_of_saving(control)

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        loss, step = (metrics or {})["eval_loss"], state.global_step
        self.evaluations[step] = loss
        is_best = self.best_step == step
        self._without_better = 0 if is_best else self._without_better + 1
        self._folder.append(Evaluated(step=step, loss=loss, best=is_best, figures=self._trainer.eval_figures))
        if self._watch.keep_best and is_best:
            self._trainer.best_step = step
            control.should_save = True
        if 0 < self._watch.early_stopping_patience <= self._without_better:
            self.is_early = control.should_training_stop = control.should_save = True
        if self._watch.samples:
            self._folder.append(Progress(stage="answering"))
        for place, (prompt, text) in enumerate(self._answers()):
            self._folder.append(Sampled(step=step, place=place, prompt=prompt, text=text))
        if not self._tell_of_saving(control):
            self._folder.append(Progress(stage=""))

    def _tell_of_saving(self, control: TrainerControl) -> bool:
        if control.should_save:
            self._folder.append(Progress(stage="checkpointing"))
        return bool(control.should_save)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        path = checkpoint_path(Path(args.output_dir), state.global_step)
        self._folder.append(
            Saved(step=state.global_step, path=str(path), best=state.global_step == self._trainer.best_step)
        )


def mean_loss(losses: Collection[float]) -> float | None:
    """Of the last steps; None where there was none."""
    return sum(losses) / len(losses) if losses else None


def _unstable(step: int, folder: Path) -> StudioError:
    good = next(iter(checkpoints(folder)), None)
    if good is None:
        return StudioError(
            "The loss is no longer a number after step {step}: training has become unstable.",
            "Lower the learning rate, add warmup, or choose full precision (fp32).",
            step=step,
        )
    return StudioError(
        "The loss is no longer a number after step {step}: training has become unstable. The checkpoint at step {good} "
        "is still good.",
        "Keep that checkpoint as an adapter; or lower the learning rate, add warmup, or choose full precision (fp32), "
        "and train again.",
        step=step,
        good=good.step,
    )
