"""Any number of adapters over one base model; each row of a batch has its own set."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft import PeftConfig
from peft.tuners.tuners_utils import check_target_module_exists
from peft.utils.transformers_weight_conversion import convert_peft_config_for_transformers

from studio.domain.chat.template_faults import TemplateExceeds
from studio.domain.columns import BASE
from studio.domain.errors import InvalidInput, NotFound
from studio.domain.precision import PRECISIONS
from studio.domain.translation import N_
from studio.store.adapter_folder import WEIGHTS
from studio.worker.common.device import free_memory
from studio.worker.decoding.sequence import AdapterSet
from studio.worker.models.load import LoadedModel
from studio.worker.serving.adapter_fit import (
    Fit,
    check_fit,
    made_for_another_base,
    shapes_of,
    why_alone,
    why_by_itself,
)
from studio.worker.serving.adapter_folder import read_config, read_template
from studio.worker.serving.batched_lora import BatchedLora, Matrices, layers_by_row, read_matrices
from studio.worker.serving.peft_adapters import PeftAdapters, misfit
from studio.worker.tokenization.chat_template import TurnEnd, turn_end

logger = logging.getLogger(__name__)

RESERVE = 256 << 20  # bytes that stay free for the answers' own state when an adapter is loaded


@dataclass(frozen=True)
class ManagedAdapter:
    """`alone_reason` says why its answers share no batch, `by_itself` that it also bears no other adapter on the model.

    `template` is the chat template that it was trained with, where that is not the base's, and `end` how an answer ends
    under it.
    """

    name: str
    path: Path
    stamp: float
    alone_reason: str
    by_itself: bool
    template: str | None
    end: TurnEnd


class AdapterManager:
    """Not for several threads: all calls come from the one that generates.

    Adapters are loaded when they are used first. Those that were not used for the longest time are dropped where
    memory runs short, and loaded again when they are asked.
    """

    def __init__(self, base: LoadedModel) -> None:
        self._base = base
        self._shapes = shapes_of(base.model)
        modules = dict(base.model.named_modules())
        self._layers = {name: modules[name] for name in self._shapes.linear}
        self._by_row: set[str] | None = None
        self._bank = BatchedLora(self._layers)
        self._peft = PeftAdapters(base, self._shapes.linear)
        self._adapters: dict[str, ManagedAdapter] = {}
        self._end = _end_of(base.tokenizer)
        self._matrices: OrderedDict[str, Matrices] = OrderedDict()  # the one that was used last is the last

    @property
    def names(self) -> list[str]:
        return list(self._adapters)

    @property
    def loaded_names(self) -> list[str]:
        """Those in memory, the one that was used last at the end."""
        return list(self._matrices)

    def holds(self, name: str, path: Path) -> bool:
        """Whether `name` is the adapter that lies in the folder now. The only method for any thread."""
        adapter = self._adapters.get(name)
        return adapter is not None and (adapter.path, adapter.stamp) == (path, _stamp(path))

    def add(self, name: str, path: Path) -> None:
        """Makes the adapter in the folder `path` answer to `name`. The same again does nothing.

        Raises:
            StudioError: the folder holds no adapter that this base can bear; nothing has changed then.
        """
        if name == BASE:
            raise InvalidInput("“base” is the name of the base model.", "Give the adapter another name.")
        config = self._config(path, name)
        if self.holds(name, path):
            return
        fit = check_fit(path, config, self._shapes, name)
        by_itself = why_by_itself(config, fit)
        alone_reason = by_itself or why_alone(config) or self._why_not_by_row(fit)
        template = self._other_template(path)
        end = turn_end(self._base.tokenizer, template, name=name) if template else self._end
        adapter = ManagedAdapter(name, path, _stamp(path), alone_reason, bool(by_itself), template, end)
        if name in self._adapters:
            self.remove(name)
        self._load(adapter, keep=())
        self._adapters[name] = adapter

    def remove(self, name: str) -> None:
        """Raises NotFound."""
        self.find(name)
        del self._adapters[name]
        self._drop(name)
        self._peft.take_off(name)

    def find(self, name: str) -> ManagedAdapter:
        """Raises NotFound."""
        try:
            return self._adapters[name]
        except KeyError:
            raise NotFound("There is no adapter “{name}” on this model.", "Attach it first.", name=name) from None

    def template(self, adapter_set: AdapterSet) -> tuple[str | None, TurnEnd]:
        """The chat template of these adapters (the first that has its own; None: the base's), and how an answer ends
        under it. Raises NotFound."""
        adapters = (self.find(name) for name, _ in adapter_set)
        return next(((adapter.template, adapter.end) for adapter in adapters if adapter.template), (None, self._end))

    def check(self, adapter_set: AdapterSet) -> None:
        """Raises:
        NotFound: an adapter of it is not here.
        InvalidInput: it acts only as a whole and by itself, so that it cannot be mixed or weakened.
        """
        for name, strength in adapter_set:
            if (reason := self.find(name).alone_reason) and (len(adapter_set) > 1 or strength != 1):
                raise InvalidInput(
                    "The adapter “{name}” works only alone and at full strength. {reason}",
                    "Give it a column of its own, at strength 1.",
                    name=name,
                    reason=reason,
                )

    def why_alone(self, adapter_set: AdapterSet) -> str:
        """Why answers of these adapters (none: of the base) share no batch; empty where they do. Raises NotFound."""
        if (precision := PRECISIONS.get(self._base.precision)) and not precision.rows_are_independent:
            return N_("In 8-bit, the rows of a batch affect each other.")
        return next((reason for name, _ in adapter_set if (reason := self.find(name).alone_reason)), "")

    @contextmanager
    def active(self, adapter_sets: Sequence[AdapterSet]) -> Iterator[Any]:
        """The model, with which row i is answered by the adapters of `adapter_sets[i]`. Equal rows stand side by side.

        Several rows must be such as share a batch. Raises StudioError where an adapter cannot be loaded again.
        """
        adapters = {name: self.find(name) for adapter_set in adapter_sets for name, _ in adapter_set}
        for adapter in adapters.values():
            self._load(adapter, keep=adapters)
        special = next((name for name, adapter in adapters.items() if adapter.alone_reason), None)
        if special is not None:
            with self._peft.acting(special) as model:
                yield model
            return
        with self._peft.resting() as model, self._bank.open(adapter_sets, self._matrices):
            yield model

    def _config(self, path: Path, name: str) -> PeftConfig:
        """As peft applies it to this base: what a layer of an earlier transformers has become here is in it."""
        config = read_config(path, name)
        try:
            convert_peft_config_for_transformers(config, self._base.model, None)
        except ValueError as error:
            raise misfit(name, str(error)) from error
        return config

    def _other_template(self, path: Path) -> str | None:
        """The chat template that is saved with an adapter, where the base is not used with the same."""
        own = self._base.tokenizer.chat_template
        template = read_template(path)
        return template if template and template != (own.get("default") if isinstance(own, dict) else own) else None

    def _why_not_by_row(self, fit: Fit) -> str:
        if not fit.is_plain:
            return N_("This variant of LoRA cannot share a batch.")
        if self._by_row is None:
            with self._peft.resting() as model:
                self._by_row = layers_by_row(model, self._layers)
        if not fit.linear <= self._by_row:
            return N_("It changes layers where this model mixes the rows of a batch.")
        return ""

    def _load(self, adapter: ManagedAdapter, keep: Any) -> None:
        if adapter.alone_reason:
            self._peft.put_on(adapter.name, adapter.path, by_itself=adapter.by_itself)
        elif adapter.name in self._matrices:
            self._matrices.move_to_end(adapter.name)
        else:
            self._make_room(adapter, keep)
            self._matrices[adapter.name] = self._read(adapter)

    def _read(self, adapter: ManagedAdapter) -> Matrices:
        config = self._config(adapter.path, adapter.name)
        try:
            matrices = read_matrices(adapter.path, config, self._base.device)
        except Exception as error:
            logger.exception("The adapter %s could not be loaded", adapter.name)
            raise misfit(adapter.name, str(error)) from error
        targets = {layer for layer in self._layers if check_target_module_exists(config, layer)}
        if unknown := sorted(matrices.keys() - targets):
            raise made_for_another_base(adapter.name, f"{unknown[0]} ?")
        if missing := sorted(targets - matrices.keys()):
            raise misfit(adapter.name, f"{len(missing)} layers have no weights, such as {missing[0]}")
        return matrices

    def _make_room(self, adapter: ManagedAdapter, keep: Any) -> None:
        """Its matrices in fp32, which may be twice its file, and the batch's that are stacked out of them."""
        required = 4 * (adapter.path / WEIGHTS).stat().st_size + RESERVE
        for name in [n for n in self._matrices if n not in keep]:
            if free_memory(self._base.device) >= required:
                return
            self._drop(name)

    def _drop(self, name: str) -> None:
        self._matrices.pop(name, None)
        self._bank.forget(name)


def _end_of(tokenizer: Any) -> TurnEnd:
    """Adapters may have another chat template than a base whose own takes too much; of that one each answer says so."""
    try:
        return turn_end(tokenizer)
    except TemplateExceeds:
        return TurnEnd("", frozenset(), (), (), adds_end_token=False)


def _stamp(path: Path) -> float:
    """When the weights were written; 0 where there are none."""
    try:
        return (path / WEIGHTS).stat().st_mtime
    except OSError:
        return 0.0
