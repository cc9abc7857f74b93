"""Base models: added by name, fetched by a worker, looked up ready for use."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from studio.domain.errors import InvalidInput, StudioError
from studio.domain.events import Failed, Finished, Progress
from studio.domain.naming import slug
from studio.engines.base import Engine, Process
from studio.services.base_weights import weight_files
from studio.services.tending import tend
from studio.store.catalogue import Catalogue
from studio.store.run_folder import RunFolder
from studio.store.safetensors_header import read_tensors
from studio.store.tables import Model

STARTER = "starter"
STARTER_REFERENCE = "HuggingFaceTB/SmolLM2-135M-Instruct"

_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?$")


class Models:
    """`folder` is where each model being fetched has its folder; `token` reads the Hub token, if there is one."""

    def __init__(self, catalogue: Catalogue, engine: Engine, folder: Path, token: Callable[[], str | None]) -> None:
        self._catalogue = catalogue
        self._engine = engine
        self._folder = folder
        self._token = token

    def add(self, reference: str, *, owner: str = "") -> Model:
        """The model of that reference, which is `starter`, a Hub id (`owner/name`, `owner/name@revision`) or a
        folder. It may still be `preparing`: a worker fetches it. One that failed is tried again.

        Raises:
            InvalidInput: the reference is none of these, or the folder holds no model.
        """
        reference = reference.strip()
        source, name, place = _recognise(reference)
        known = next((m for m in self._catalogue.models() if m.source == source and m.reference == place), None)
        if known is not None and known.status != "failed":
            return known
        if known is None:
            known = self._catalogue.add_model(
                name=self._catalogue.free_name(Model, name), reference=place, source=source, owner=owner
            )
        self._fetch(known)
        return self._catalogue.model(known.name)

    def _fetch(self, model: Model) -> None:
        folder = RunFolder(self._folder / f"{slug(model.name)}-{model.id}")
        folder.events.unlink(missing_ok=True)
        hub_id, _, revision = model.reference.partition("@")
        folder.prepare({"source": model.source, "reference": hub_id, "revision": revision or None})
        process = self._engine.start("fetch", folder.path, online=True, token=self._token())
        self._catalogue.change_model(
            model.id,
            status="preparing", stage="", done=0, total=0, problem="", remedy="",
            folder=str(folder.path), pid=process.pid, process_started=process.started,
        )  # fmt: skip

    def list(self) -> Sequence[Model]:
        return self._catalogue.models()

    def get(self, name: str) -> Model:
        """The model of that name or reference. Raises NotFound."""
        for model in self._catalogue.models():
            if name in (model.name, model.reference):
                return model
        return self._catalogue.model(name)

    def ready(self, name: str) -> Model:
        """Raises NotFound; StudioError where it is not ready to be used."""
        model = self.get(name)
        if model.status == "failed":
            raise StudioError(model.problem, model.remedy)
        if model.status != "ready":
            raise StudioError("The base model “{name}” is not ready yet.", "Wait until it is.", name=model.name)
        if not Path(model.path).is_dir():
            raise StudioError(
                "The folder of the base model “{name}” is gone: {path}.",
                "Put it back, or add the model again.", name=model.name, path=model.path,
            )  # fmt: skip
        return model

    def tick(self) -> None:
        """Records what the fetching workers say."""
        preparing = [model for model in self._catalogue.models() if model.status == "preparing"]
        tend(preparing, self._look_after, self._fail)

    def _fail(self, model: Model, fault: StudioError) -> None:
        self._catalogue.change_model(model.id, status="failed", problem=fault.problem, remedy=fault.remedy, pid=None)

    def _look_after(self, model: Model) -> None:
        alive = model.pid is not None and self._engine.is_alive(Process(model.pid, model.process_started or 0.0))
        events, _ = RunFolder(model.folder).read()
        match events[-1] if events else None:
            case Finished(path=path, size=size, details=details):
                self._catalogue.change_model(
                    model.id, status="ready", path=path, size=size, stage="", pid=None, **details
                )
            case Failed(problem=problem, remedy=remedy):
                self._catalogue.change_model(model.id, status="failed", problem=problem, remedy=remedy, pid=None)
            case _ if not alive:
                self._catalogue.change_model(
                    model.id, status="failed", pid=None,
                    problem="Fetching the model ended without a word.",
                    remedy="Add it again; what was downloaded is kept.",
                )  # fmt: skip
            case Progress(stage=stage, done=done, total=total):
                self._catalogue.change_model(model.id, stage=stage, done=done, total=total)


def _recognise(reference: str) -> tuple[str, str, str]:
    """Source, name and canonical reference."""
    if reference == STARTER:
        return "starter", STARTER, STARTER_REFERENCE
    path = Path(reference).expanduser()
    if reference.startswith((".", "~", "/", "\\")) or path.is_absolute() or path.is_dir():
        return "folder", path.resolve().name, str(_model_folder(path.resolve()))
    if _HUB_ID.match(reference):
        return "hub", reference.partition("@")[0].rpartition("/")[2], reference
    fault = InvalidInput(
        "“{reference}” is neither a model on the Hub nor a folder here.",
        "Enter starter, a Hub id such as HuggingFaceTB/SmolLM2-135M-Instruct, or the path of a folder.",
        reference=reference,
    )
    raise InvalidInput.at("reference", fault)


def _model_folder(path: Path) -> Path:
    """The folder, once it looks like a model that transformers can load."""
    config = path / "config.json"
    try:
        json.loads(config.read_text("utf-8"))
    except (OSError, ValueError) as error:
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
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidInput(
            "The .safetensors weights in {path} are damaged or not whole.",
            "Put the whole model there; pickled weights beside them are not opened.",
            path=path,
        ) from error
    return path
