"""The task `check`: what a base model is, how its weights are stored, and what works with it, by trying."""

from __future__ import annotations

import gc
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peft import get_peft_model

from studio.domain.chat.template_faults import TemplateExceeds
from studio.domain.chat.templates import AUTOMATIC
from studio.domain.errors import StudioError
from studio.domain.events import Finished
from studio.domain.jobs.models import AdapterReport, CheckRequest, CheckSummary, ModelReport, TemplateReport
from studio.domain.precision import PRECISIONS
from studio.domain.quantization import StoredQuantization, stored_quantization
from studio.domain.spec.peft_methods.lora import LoraSpec
from studio.domain.translation import N_
from studio.platform.host_memory import host_memory
from studio.store.job_folder import JobFolder
from studio.store.model_config import model_config
from studio.worker.common.configuration import read_configuration
from studio.worker.common.device import free_memory, pick_device
from studio.worker.common.faults import recognise
from studio.worker.common.progress import Report, Reporter
from studio.worker.models.causality import check_causal, check_numbers
from studio.worker.models.files import hollow_model, stored_in
from studio.worker.models.kind import check_kind, context_of
from studio.worker.models.load import LoadedModel, load_base
from studio.worker.serving.batch_independence import try_batches
from studio.worker.tokenization.chat_template import describe_template
from studio.worker.tokenization.load import (
    beyond_the_model,
    embedded_words,
    give_template,
    load_tokenizer,
    read_tokenizer,
)
from studio.worker.tokenization.packing import PackingCollator
from studio.worker.training.adapter_targets import Targets, reached
from studio.worker.training.setup import offers_of

logger = logging.getLogger(__name__)

_LOADING_FACTOR = 1.25  # times the weights, that loading them takes


@dataclass
class Findings:
    """What a check has found so far; see ModelReport. `refusal` is what keeps the model from being used at all."""

    causal: bool | None = None
    quantization: str | None = None
    packing: str | None = None
    head: str | None = None
    batches: dict[str, bool] | None = None
    adapters: AdapterReport | None = None
    template: TemplateReport | None = None
    tried: bool = False
    problems: list[StudioError] = field(default_factory=list)
    notes: list[StudioError] = field(default_factory=list)
    refusal: StudioError | None = None

    def report(self) -> ModelReport:
        """As the catalogue keeps it and `models check` prints it."""
        fields = vars(self) | {
            "problems": [problem.as_dict() for problem in self.problems],
            "notes": [note.as_dict() for note in self.notes],
        }
        del fields["refusal"]
        return ModelReport(**fields)

    def refuse(self, fault: StudioError) -> None:
        self.problems.append(fault)
        self.refusal = self.refusal or fault


def main(path: Path) -> None:
    """Does what the CheckRequest in FOLDER asks. Its last event is Finished, with a CheckSummary."""
    folder = JobFolder(path)
    reporter = Reporter(folder)
    model_report = check_model(Path(folder.read_request(CheckRequest).path), reporter)
    folder.append(Finished(path=str(path), details=CheckSummary(report=model_report.report())))


def check_model(path: Path, report: Report = lambda *_: None) -> Findings:
    """Reads what the folder says of itself, then loads the model and tries it, where the memory that is free allows.
    Whatever is wrong becomes a problem of the report; nothing is raised."""
    model_report = Findings()
    quantization = stored_quantization(model_config(path))
    model_report.quantization = quantization.name if quantization else None
    try:
        config = read_configuration(path)
        _read_kind(config, model_report)
        stored_in(path)
        _read_tokenizer(path, model_report)
        if model_report.refusal is None:
            hollow = hollow_model(config)
            if hollow is not None:
                model_report.adapters = _adapters(config, Targets(hollow, probe=False))
            _try(path, quantization, hollow, model_report, report)
    except StudioError as fault:
        model_report.refuse(fault)
    except Exception as error:  # a family's own code, on weights that are not as it expects them
        logger.exception("The check of %s ended early", path)
        model_report.refuse(recognise(error))
    return model_report


def _read_kind(config: Any, model_report: Findings) -> None:
    try:
        check_kind(config)
    except StudioError as fault:
        model_report.causal = False
        model_report.refuse(fault)


def _read_tokenizer(path: Path, model_report: Findings) -> None:
    words = embedded_words(path)
    own = read_tokenizer(path)
    beyond = beyond_the_model(own, words) if words is not None else []
    tokenizer = load_tokenizer(path)
    if beyond:
        model_report.notes.append(
            StudioError(
                "{count} of the tokenizer's tokens {count:has|have} no embedding in the model, such as “{token}”: "
                "{count:it is|they are} read as ordinary text, and “{pad}” pads short rows.",
                count=len(beyond),
                token=beyond[0],
                pad=tokenizer.pad_token,
            )
        )
    give_template(tokenizer, AUTOMATIC)  # as training uses it where nobody chooses
    try:
        model_report.template = TemplateReport.model_validate(describe_template(tokenizer))
    except TemplateExceeds as fault:  # another one can be chosen
        model_report.notes.append(fault)


def _try(
    path: Path, quantization: StoredQuantization | None, hollow: Any, model_report: Findings, report: Report
) -> None:
    device = pick_device()
    parameters = hollow.num_parameters() if hollow is not None else None
    free = min(free_memory(device), host_memory()[1]) if device.type == "cpu" else free_memory(device)
    precision = _precision_that_fits(parameters, quantization, free)
    if precision is None:
        model_report.notes.append(
            StudioError(
                "The model was not tried: that takes about {need} GB, and {free} GB are free. It will be tried when a "
                "run starts.",
                need=round(
                    (parameters or 0)
                    * PRECISIONS[(quantization and quantization.precision) or "bf16"].usual_bytes
                    / 1e9,
                    1,
                ),
                free=round(free / 1e9, 1),
            )
        )
        return
    report(N_("Trying the model"), 0, 0)
    base = load_base(path, precision, device)
    model_report.tried = True
    try:
        _probe(base, model_report)
    finally:
        del base
        gc.collect()


def _precision_that_fits(parameters: int | None, quantization: StoredQuantization | None, free: int) -> str | None:
    """The finest that the memory allows; what it is stored in, where that is given."""
    if parameters is None:
        return "auto"
    choices = [quantization.precision] if quantization and quantization.precision else ["fp32", "bf16"]
    return next((p for p in choices if p and parameters * PRECISIONS[p].usual_bytes * _LOADING_FACTOR < free), None)


def _probe(base: LoadedModel, model_report: Findings) -> None:
    """Runs the model on a few tokens. Its causality comes first: nothing else counts where that is missing."""
    if base.passed_over:
        model_report.notes.append(
            StudioError(
                "{count} of the weights in the folder {count:is|are} not used by this model, such as {first}. That is "
                "fine for parts that read images or predict ahead.",
                "Otherwise config.json does not belong to these weights.",
                count=len(base.passed_over),
                first=base.passed_over[0],
            )
        )
    check_numbers(base.model)
    try:
        check_causal(base.model)
        model_report.causal = True
    except StudioError as fault:
        model_report.causal = False
        model_report.refuse(fault)
        return
    model_report.adapters = _adapters(base.model.config, Targets(base.model))
    offers = offers_of(base, context_of(base.model.config, base.model))
    model_report.head = "linear" if "linear" in offers.heads else "own"
    model_report.batches = try_batches(base.model, base.tokenizer.pad_token_id)
    model_report.packing = "exact" if isinstance(offers.batches[0], PackingCollator) else "padded"


def _adapters(config: Any, targets: Targets) -> AdapterReport | None:
    """What all-linear reaches and leaves out, by the adapter that peft puts on such a model."""
    hollow = hollow_model(config)
    if hollow is None:
        return None
    spec = LoraSpec()
    peft_model = get_peft_model(hollow, targets.config(spec), low_cpu_mem_usage=True)
    return AdapterReport(
        layers=reached(peft_model),
        trainable=sum(p.numel() for p in peft_model.parameters() if p.requires_grad),
        left_out=[fault.as_dict() for fault in targets.left_out_of(peft_model, spec)],
    )
