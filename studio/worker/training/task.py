"""The task `train`: one run, from the request in its folder to the adapter."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import torch
import transformers
from transformers import set_seed

from studio.domain.errors import StudioError
from studio.domain.events import Finished, Halved, Progress, Resumed
from studio.domain.jobs.training import AdapterSummary, TrainRequest
from studio.platform.host_memory import host_memory
from studio.store.checkpoint_folder import checkpoint_path, checkpoints
from studio.store.job_folder import JobFolder, write_json
from studio.worker.common.out_of_memory import (
    HostMemoryShort,
    halve_micro_batches,
    is_out_of_memory,
    nothing_left_to_halve,
)
from studio.worker.common.watchdog import Watchdog
from studio.worker.models.causality import check_causal
from studio.worker.models.load import LoadedModel, load_base
from studio.worker.tokenization.split import Split
from studio.worker.tokenization.tokenized_dataset import TokenizedDataset, TokenizedSplits, read_examples
from studio.worker.training.adapter_targets import Targets
from studio.worker.training.callbacks import RunEventCallback, mean_loss
from studio.worker.training.resume import Beginning, find_beginning, resume_fingerprint
from studio.worker.training.sample_answers import Conversation, Samples, choose_prompts
from studio.worker.training.save_adapter import library_versions, save_adapter
from studio.worker.training.setup import build_trainer
from studio.worker.training.stop import Stopped, StopRequest
from studio.worker.training.trained_rows import (
    describe_split,
    held_out_rows,
    started_event,
    targets_per_epoch,
    trained_datasets,
)
from studio.worker.training.trainer import StudioTrainer

logger = logging.getLogger(__name__)

EXAMPLES = "examples"  # in the run's folder, for as long as it trains


def main(path: Path) -> None:
    """Does the run that the TrainRequest in FOLDER asks for. Its last event is Finished, with an AdapterSummary.

    Raises:
        StudioError: the model, the rows or the settings do not go together, or the training became unstable.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    transformers.utils.logging.disable_progress_bar()
    folder = JobFolder(path)
    stop = StopRequest(folder)
    stop.listen()
    vitals = Watchdog(folder)
    with vitals.running():
        try:
            result = run(folder, stop, vitals)
        except Stopped:
            result = Finished(path="", stopped=True)
        finally:
            shutil.rmtree(path / EXAMPLES, ignore_errors=True)
        folder.append(result)


def run(folder: JobFolder, stop: StopRequest, vitals: Watchdog) -> Finished:
    """Loads, trains and saves; where memory runs out, anew with smaller micro-batches from the last step on.

    Raises Stopped where a stop is asked before the first step is done.
    """
    attempt = Attempt(folder, stop, vitals)
    try:
        return attempt.run()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        logger.exception("Memory ran out")
        if (fault := attempt.give_way(error)) is not None:
            raise fault from error
    start_anew(folder.path)


def start_anew(path: Path) -> NoReturn:
    """This process begins once more, as the one it is for whoever looks after it: memory that is in pieces, or that a
    traceback holds, comes back in no other way."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "studio.worker", "train", str(path)])


class Attempt:
    """One way through a run's work, from the model on. `spec` has the micro-batches that memory allows."""

    def __init__(self, folder: JobFolder, stop: StopRequest, vitals: Watchdog) -> None:
        self._folder = folder
        self._stop = stop
        self._vitals = vitals
        self._request = folder.read_request(TrainRequest)
        self._original_spec = self._request.spec
        self._halvings = self._request.halvings
        self._spec = halve_micro_batches(self._original_spec, self._halvings)
        self._trainer: StudioTrainer | None = None
        self._reports: RunEventCallback | None = None

    def run(self) -> Finished:
        began = time.monotonic()
        folder, request, spec = self._folder, self._request, self._spec
        self._stop.check()
        folder.append(Progress(stage="loading"))
        fingerprint = resume_fingerprint(request)
        beginning = find_beginning(folder.checkpoints, request.continue_from, fingerprint)
        set_seed(spec.training.seed)
        # What "automatic" was is kept: measured again, it might be something else, and so the curve.
        precision = beginning.metadata.get("precision", spec.model.precision)
        base = load_base(request.model.path, precision, chat_template=spec.model.chat_template)
        check_causal(base.model)
        targets = Targets(base.model)
        targets.check(spec.method)
        self._stop.check()
        train, evaluation, splits = self._examples(base)
        if request.validation is None:
            folder.keep_held_out(*held_out_rows(splits))
        trainer = self._trainer = build_trainer(
            base,
            train,
            evaluation,
            spec,
            folder.checkpoints,
            self._stop,
            self._vitals.check,
            targets,
            parts=[dataset.name for dataset in request.datasets] if request.mixture else (),
        )
        samples = Samples(base.tokenizer, self._prompts(base, splits))
        reports = self._reports = RunEventCallback(
            folder,
            self._stop,
            started_event(base, trainer, train, evaluation, request),
            base.device,
            trainer,
            spec.watch,
            lambda: samples.answers(trainer.model, lambda: self._stop.is_made, trainer.accelerator.autocast),
        )
        trainer.provenance = lambda: {"fixed": fingerprint, "precision": base.precision, **reports.state()}
        trainer.max_checkpoints = spec.watch.keep_checkpoints
        trainer.add_callback(reports)
        self._go_on(beginning, reports, trainer)
        step = trainer.state.global_step
        if step == 0:
            raise Stopped
        return self._save(base, trainer, reports, train, evaluation, splits, began)

    def _examples(self, base: LoadedModel) -> TokenizedSplits:
        def progress(done: int, total: int) -> None:
            self._stop.check()
            self._folder.append(Progress(stage="tokenizing", done=done, total=total))

        validation = self._request.validation
        return read_examples(
            self._request.dataset.rows_path,
            self._spec,
            base.tokenizer,
            self._folder.path / EXAMPLES,
            progress,
            mixed=[dataset.rows_path for dataset in self._request.mixture],
            validation=validation.rows_path if validation else None,
        )

    def _prompts(self, base: LoadedModel, splits: Sequence[Split]) -> list[Conversation]:
        if validation := self._request.validation:
            sources = [(validation.rows_path, splits[0].evaluation)]
        else:
            is_measured = any(len(split.evaluation) for split in splits)
            sources = [
                (dataset.rows_path, split.evaluation if is_measured else split.train)
                for dataset, split in zip(self._request.datasets, splits, strict=True)
            ]
        return choose_prompts(self._spec.watch, base.tokenizer, sources)

    def _go_on(self, beginning: Beginning, reports: RunEventCallback, trainer: StudioTrainer) -> None:
        checkpoint = beginning.checkpoint
        if checkpoint is None:
            if self._request.attempt > 1 or beginning.skip_reasons:
                self._folder.append(Resumed(step=0, skipped=beginning.skip_reasons))
            trainer.train()
            return
        reports.restore(checkpoint.metadata, others_until=beginning.others_until)
        self._folder.append(Resumed(step=checkpoint.step, path=str(checkpoint.path), skipped=beginning.skip_reasons))
        if beginning.is_done:  # training a run whose steps are done does one more
            trainer.take_state(checkpoint.path)
        else:
            trainer.train(resume_from_checkpoint=str(checkpoint.path))

    def _save(
        self,
        base: LoadedModel,
        trainer: StudioTrainer,
        reports: RunEventCallback,
        train: TokenizedDataset,
        evaluation: TokenizedDataset,
        splits: Sequence[Split],
        began: float,
    ) -> Finished:
        request, spec, step = self._request, self._spec, trainer.state.global_step
        self._folder.append(Progress(stage="saving"))
        from_step, train_loss = self._best_weights(trainer, reports)
        best = reports.best_step
        losses = {
            "train_loss": train_loss,
            "eval_loss": reports.evaluations.get(from_step),  # of these very weights, or none
            "best_eval_loss": None if best is None else reports.evaluations[best],
        }
        summary = AdapterSummary(
            trained_tokens=trainer.tokens_seen,
            learned_tokens_per_epoch=targets_per_epoch(train, spec),
            dropped_rows=train.dropped_rows + evaluation.dropped_rows,
            split=describe_split(splits, request),
            datasets=trained_datasets(train, evaluation, request),
            seconds=round(time.monotonic() - began, 1),
            best_step=best,
            from_step=from_step,
            early_stopped=reports.is_early,
            left_out=[fault.as_dict() for fault in trainer.left_out],
        )
        provenance = request.provenance() | {
            "seed": spec.training.seed,
            "precision": base.precision,
            "versions": library_versions(),
            "steps": step,
            "stopped": reports.was_stopped,
            **losses,
            **{name: value for name, value in summary.model_dump(mode="json").items() if name != "datasets" or value},
        }
        size = save_adapter(request.adapter, trainer.model, base.tokenizer, request.model.path, provenance)
        return Finished(
            path=request.adapter, size=size, stopped=reports.was_stopped, step=step, details=summary, **losses
        )

    def _best_weights(self, trainer: StudioTrainer, reports: RunEventCallback) -> tuple[int, float | None]:
        """Takes the best checkpoint's weights where they are wanted and were measured to be better than the last ones;
        returns the step that the adapter is of, and the training loss there. What came after an evaluation that was the
        best so far is kept: there is no sign that it is worse."""
        step, best = trainer.state.global_step, reports.best_step
        if not self._spec.watch.keep_best or best in (None, step, max(reports.evaluations, default=None)):
            return step, reports.train_loss
        for checkpoint in checkpoints(self._folder.checkpoints):
            if checkpoint.step == best:
                trainer.load_weights(checkpoint.path)
                return checkpoint.step, mean_loss(checkpoint.metadata["last_losses"])
        return step, reports.train_loss

    def give_way(self, error: BaseException) -> StudioError | None:
        """Makes all ready for another attempt with smaller micro-batches; returns what to say where none are left."""
        _, free = host_memory()
        training, trainer = self._spec.training, self._trainer
        halvings = self._halvings + 1
        smaller = halve_micro_batches(self._original_spec, halvings).training
        device = trainer.model.device if trainer else torch.device("cpu")
        if trainer is None or self._reports is None or training.per_device_train_batch_size == 1:
            return nothing_left_to_halve(device, free, self._request.estimate)
        step = trainer.state.global_step
        try:
            # In the middle of a step the weights are those after the last one, unless they were being changed.
            if step and not trainer.is_updating and not checkpoint_path(self._folder.checkpoints, step).exists():
                self._reports.forget_begun_step()
                trainer.save_where_it_is()
        except Exception:
            logger.exception("The last step could not be saved; it goes on from the newest checkpoint")
        self._folder.append(
            Halved(
                step=step,
                batch=smaller.per_device_train_batch_size,
                accumulation=smaller.gradient_accumulation_steps,
                halvings=halvings,
                where="host" if isinstance(error, HostMemoryShort) or device.type == "cpu" else "device",
            )
        )
        anew = self._request.model_copy(update={"halvings": halvings, "attempt": 2})
        write_json(self._folder.request, anew.model_dump(mode="json"))
        return None
