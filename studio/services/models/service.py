"""Base models: add by name, fetch and check in a worker, look up."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from studio.domain.errors import InvalidInput, StudioError
from studio.domain.events import Finished, Progress
from studio.domain.graphemes import cut
from studio.domain.jobs.models import CheckRequest, CheckSummary, FetchRequest, ModelReport, ModelSummary
from studio.domain.jobs.state import Done, Failed, Lost, Running
from studio.domain.translation import N_
from studio.engines.base import Engine
from studio.engines.job import Job
from studio.services.models.layers import weight_files
from studio.services.models.removal import CHECK, ModelRemoval, folder_of
from studio.services.models.status import check_ready, folder_gone
from studio.services.shared.fault_isolation import each_by_itself
from studio.store.catalogue import Catalogue
from studio.store.disk.reserve import Reserve
from studio.store.model_config import read_model_config
from studio.store.safetensors_header import read_tensors
from studio.store.tables.adapters import Adapter
from studio.store.tables.models import REMOVED, Model

STARTER = "starter"
STARTER_REFERENCE = "HuggingFaceTB/SmolLM2-135M-Instruct"

_MAX_REFERENCE_CHARACTERS = 300
_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?$")


class Models:
    """`folder` is where each model being fetched has its folder; `token` reads the Hub token, if there is one;
    `reserve` is what is kept back for a full disk."""

    def __init__(
        self,
        catalogue: Catalogue,
        engine: Engine,
        folder: Path,
        token: Callable[[], str | None],
        reserve: Reserve | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._engine = engine
        self._folder = folder
        self._token = token
        self._reserve = reserve or Reserve(folder / "reserve", 0)
        self._removal = ModelRemoval(catalogue, engine, folder)

    def add(self, reference: str, *, owner: str = "") -> Model:
        """The model of that reference, which is `starter`, a Hub id (`owner/name`, `owner/name@revision`) or a
        folder. It may still be `preparing`: a worker fetches it. One that failed, whose folder is gone, or that was
        removed is fetched again, under the name that it had: its adapters can answer then.

        Raises:
            InvalidInput: the reference is none of these, or the folder holds no model.
        """
        reference = reference.strip()
        source, name, place = _recognise(reference)
        every = self._catalogue.models(removed=True)
        model = next((m for m in every if m.source == source and m.reference == place), None)
        if model is not None and model.status in ("preparing", "ready") and not _folder_is_gone(model):
            return model
        if model is not None and model.status == REMOVED:
            self._removal.finish(model)
            model = self._catalogue.model_by_id(model.id)
        if model is None:
            model = self._catalogue.add_model(
                name=self._catalogue.free_name(Model, name), reference=place, source=source, owner=owner
            )
        self._fetch(model)
        return self._catalogue.model(model.name)

    def add_starter_once(self) -> None:
        """Begins to fetch the starter, unless it is there or was removed: who has removed it does not want it back."""
        statuses = [m.status for m in self._catalogue.models(removed=True) if m.source == STARTER]
        if not set(statuses) & {"ready", REMOVED}:
            self.add(STARTER)

    def start_check(self, name: str) -> Model:
        """Has a worker check that model anew; `checked` tells how that went. One under way is gone on with.

        Raises NotFound; StudioError where the model has no folder that could be checked.
        """
        model = self.get(name)
        if model.status == REMOVED or (not model.path and model.source != "folder"):
            return self.ready(name)
        path = Path(model.path or model.reference)
        if not path.is_dir():
            raise folder_gone(model, path)
        job = self._check_job(model)
        if not isinstance(job.poll(), Running):
            job.prepare(CheckRequest(path=str(path)))
            job.start("check")
        return model

    def check_result(self, name: str) -> ModelReport | None:
        """What the check found, which the catalogue keeps from now on; None while it is
        under way.

        Raises StudioError: it failed, or was never begun.
        """
        model = self.get(name)
        job = self._check_job(model)
        match job.poll():
            case Done():
                return self._keep_report(model)
            case Failed(fault):
                raise fault
            case Running():
                return None
        raise job.why_lost(N_("Start the check again."))

    def _keep_report(self, model: Model) -> ModelReport | None:
        """Lets the catalogue keep what a check has found that is done."""
        folder = self._check_job(model).folder
        last = folder.last_event() if folder.events.exists() else None
        if not isinstance(last, Finished):
            return None
        report = last.result(CheckSummary).report
        if model.report != report:
            self._catalogue.change_model(model.id, report=report)
        return report

    def _check_job(self, model: Model) -> Job:
        return Job(self._engine, folder_of(self._folder, model) / CHECK)

    def _fetch(self, model: Model) -> None:
        job = Job(self._engine, folder_of(self._folder, model))
        self._check_job(model).folder.events.unlink(missing_ok=True)  # it was of what is fetched anew
        hub_id, _, revision = model.reference.partition("@")
        job.prepare(FetchRequest(source=model.source, reference=hub_id, revision=revision or None))
        # Recorded before the process is: a server that dies in between finds the process by what that writes first.
        self._catalogue.change_model(model.id, folder=str(job.folder.path))
        worker = job.start("fetch", online=True, token=self._token())
        self._catalogue.change_model(
            model.id,
            status="preparing",
            stage="",
            done=0,
            total=0,
            problem="",
            remedy="",
            report=ModelReport(),
            worker=worker,
        )

    def list(self) -> Sequence[Model]:
        return self._catalogue.models()

    def get(self, name: str) -> Model:
        """The model of that name or reference. Raises NotFound."""
        for model in self._catalogue.models():
            if name in (model.name, model.reference):
                return model
        return self._catalogue.model(name)

    def adapters(self, model: Model) -> Sequence[Adapter]:
        """Those that were trained on it: without it they cannot answer."""
        return self._catalogue.adapters(model_id=model.id)

    def keeps_files(self, model: Model) -> bool:
        """Whether its files stay when it is removed; see ModelRemoval."""
        return self._removal.keeps_files(model)

    def delete(self, name: str) -> None:
        """Removes a model; see ModelRemoval. Its adapters stay, and can answer once it is added again.

        Raises:
            NotFound: there is no such model.
            InvalidInput: a run or an evaluation that waits or is under way needs it, or another model its files.
            StudioError: its files cannot be deleted now. That is tried again by itself; it is in no list any more.
        """
        with self._reserve.given_up():
            self._removal.remove(self.get(name))

    def ready(self, name: str) -> Model:
        """Raises NotFound; InvalidInput where it cannot be used, or not yet."""
        model = self.get(name)
        check_ready(model)
        return model

    def tick(self) -> None:
        """Records what the workers say that fetch and check, and ends a removal that was broken off."""
        models = self._catalogue.models(removed=True)
        each_by_itself([model for model in models if model.status == "preparing"], self._look_after, self._fail)
        each_by_itself([model for model in models if model.status == "ready"], self._keep_report, self._report_fault)
        for model in models:
            if model.status == REMOVED and model.folder:
                with suppress(StudioError):  # the disk still refuses
                    self._removal.finish(model)

    def _fail(self, model: Model, fault: StudioError) -> None:
        self._catalogue.change_model(
            model.id, only="preparing", status="failed", problem=fault.problem, remedy=fault.remedy, worker=""
        )

    def _report_fault(self, model: Model, fault: StudioError) -> None:
        """What a check wrote cannot be read: it is as if it had found this."""
        self._check_job(model).folder.events.unlink(missing_ok=True)
        self._catalogue.change_model(model.id, report=ModelReport(problems=[fault.as_dict()]))

    def _look_after(self, model: Model) -> None:
        job = Job(self._engine, model.folder or folder_of(self._folder, model), model.worker)
        change = partial(self._catalogue.change_model, model.id, only="preparing")  # it may be removed meanwhile
        match job.poll(created_at=model.created_at):
            case Done(finished):
                summary = finished.result(ModelSummary)
                details = {name: value for name, value in summary if name in summary.model_fields_set}
                change(status="ready", path=finished.path, size=finished.size, stage="", worker="", **details)
            case Failed(fault):
                change(
                    status="failed", problem=fault.problem, remedy=fault.remedy, worker="",
                    report=ModelReport(problems=[fault.as_dict()]),
                )  # fmt: skip
            case Lost():
                self._fail(model, job.why_lost(N_("Add it again; what was downloaded is kept.")))
            case Running(Progress(stage=stage, done=done, total=total)):
                change(stage=stage, done=done, total=total)


def _folder_is_gone(model: Model) -> bool:
    return model.status == "ready" and not Path(model.path).is_dir()


def _recognise(reference: str) -> tuple[str, str, str]:
    """Source, name and canonical reference."""
    if reference == STARTER:
        return "starter", STARTER, STARTER_REFERENCE
    try:
        path = Path(reference).expanduser()
        is_folder = reference.startswith((".", "~", "/", "\\")) or path.is_absolute() or path.is_dir()
        resolved = path.resolve()
    except (OSError, ValueError, RuntimeError):  # longer than a name can be, or the home of nobody
        is_folder, resolved = False, Path()
    if is_folder:
        return "folder", resolved.name, str(_model_folder(resolved))
    if len(reference) <= _MAX_REFERENCE_CHARACTERS and _HUB_ID.match(reference):
        return "hub", reference.partition("@")[0].rpartition("/")[2], reference
    fault = InvalidInput(
        "“{reference}” is neither a model on the Hub nor a folder here.",
        "Enter starter, a Hub id such as HuggingFaceTB/SmolLM2-135M-Instruct, or the path of a folder.",
        reference=cut(reference, _MAX_REFERENCE_CHARACTERS),
    )
    raise InvalidInput.at("reference", fault)


def _model_folder(path: Path) -> Path:
    """The folder, once it looks like a model that transformers can load."""
    try:
        read_model_config(path)
    except OSError as error:
        raise InvalidInput(
            "The folder {path} has no readable config.json.",
            "Choose the folder that holds config.json, the tokenizer and the .safetensors files.",
            path=path,
        ) from error
    if not any(path.glob("*.safetensors")):
        raise InvalidInput(
            "The folder {path} has no .safetensors weights.",
            "Convert the model to safetensors first; pickled weights are not opened.",
            path=path,
        )
    try:
        for file in weight_files(path):
            read_tensors(file)
    except OSError as error:
        raise InvalidInput(
            "The .safetensors weights in {path} are damaged or incomplete.",
            "Put the whole model there; pickled weights beside them are not opened.",
            path=path,
        ) from error
    return path
