"""Any number of adapters over one base model, each row of a batch with its own.

The base is never changed: an adapter that would touch its weights is taken off again before the base is used.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import torch
from peft import PeftConfig, PeftModel, get_peft_model
from peft.helpers import DoraCaching
from torch import nn

from studio.domain.errors import InvalidInput, NotFound, StudioError
from studio.worker.adapter_files import (
    WEIGHTS,
    check_fit,
    layer_shapes,
    read_config,
    read_template,
    why_alone,
    why_by_itself,
)
from studio.worker.model import LoadedModel

logger = logging.getLogger(__name__)

BASE = "base"  # the name that the base model answers to


@dataclass
class ShelvedAdapter:
    """`alone` says why it shares no batch, `by_itself` that it also bears no other adapter on the model meanwhile.

    `template` is the chat template that it was trained with, where that is not the base's.
    """

    name: str
    path: Path
    stamp: float
    alone: str
    by_itself: bool
    template: str | None = None
    key: str = field(default_factory=lambda: f"ad_{secrets.token_hex(4)}")  # peft allows no dot in a name
    is_on_model: bool = False


class AdapterShelf:
    """Not for several threads: all calls come from the one that generates."""

    def __init__(self, base: LoadedModel) -> None:
        self._base = base
        self._shapes = layer_shapes(base.model)
        self._bare = BareModel(base.model)
        self._peft: PeftModel | None = None
        self._adapters: dict[str, ShelvedAdapter] = {}

    @property
    def names(self) -> list[str]:
        return list(self._adapters)

    def holds(self, name: str, path: Path) -> bool:
        """Whether `name` is the adapter that lies in the folder now. The only method for any thread."""
        known = self._adapters.get(name)
        return known is not None and (known.path, known.stamp) == (path, _stamp(path))

    def add(self, name: str, path: Path) -> None:
        """Puts the adapter in the folder `path` on the model under `name`. The same again does nothing.

        Raises:
            StudioError: the folder holds no adapter that this base can bear; nothing has changed then.
        """
        if name == BASE:
            raise InvalidInput("“base” is the name of the base model.", "Give the adapter another name.")
        config = read_config(path, name)
        if self.holds(name, path):
            return
        if name in self._adapters:
            self.remove(name)
        check_fit(path, self._shapes, name)
        by_itself = why_by_itself(config)
        template = None if self._base.has_own_template else read_template(path)
        alone = by_itself or why_alone(config)
        adapter = ShelvedAdapter(name, path, _stamp(path), alone, bool(by_itself), template)
        self._put_on(adapter, config)
        self._adapters[name] = adapter

    def remove(self, name: str) -> None:
        """Raises NotFound."""
        adapter = self.find(name)
        del self._adapters[name]
        if not adapter.is_on_model or self._peft is None:
            return
        if adapter.by_itself or not any(a.is_on_model for a in self._adapters.values()):
            self._take_all_off()
        else:
            self._peft.delete_adapter(adapter.key)

    def find(self, name: str) -> ShelvedAdapter:
        """Raises NotFound."""
        try:
            return self._adapters[name]
        except KeyError:
            raise NotFound("There is no adapter “{name}” on this model.", "Attach it first.", name=name) from None

    def why_alone(self, name: str | None) -> str:
        """Why answers of this adapter (None: of the base) share no batch; empty where they do."""
        if self._base.precision == "8-bit":
            return "In 8-bit, the rows of a batch change each other."
        return self.find(name).alone if name is not None else ""

    @contextmanager
    def serving(self, names: Sequence[str | None]) -> Iterator[tuple[Any, dict[str, Any]]]:
        """The model, and options for its `generate`, with which row i is answered by `names[i]` (None: the base).

        Several rows must be such as share a batch. Raises StudioError where an adapter cannot be put on again.
        """
        wanted = [self.find(n) for n in names if n is not None]
        for adapter in wanted:
            if not adapter.is_on_model:
                self._put_on(adapter, read_config(adapter.path, adapter.name))
        if not wanted and any(a.is_on_model and a.by_itself for a in self._adapters.values()):
            self._take_all_off()
        if self._peft is None:
            yield self._base.model, {}
        elif wanted and wanted[0].alone:
            self._peft.set_adapter(wanted[0].key, inference_mode=True)
            with DoraCaching(enabled=self._has_room_for_dora()):
                yield self._peft, {}
            self._peft.train().eval()  # which is how peft drops what it cached
        else:
            keys = {a.name: a.key for a in wanted}
            yield self._peft, {"adapter_names": ["__base__" if n is None else keys[n] for n in names]}

    def _has_room_for_dora(self) -> bool:
        """DoRA is some ten times as fast when its full-size updates (fp32) are kept for as long as it answers."""
        needed = 4 * sum(width_in * width_out for width_in, width_out in self._shapes.values())
        return needed < free_memory(self._base.device) / 2

    def _put_on(self, adapter: ShelvedAdapter, config: PeftConfig) -> None:
        if adapter.by_itself or any(a.is_on_model and a.by_itself for a in self._adapters.values()):
            self._take_all_off()
        config.inference_mode = True
        # An adapter by itself may write into parameters of the base: those must stay the objects that they are.
        swap_in = {"low_cpu_mem_usage": not adapter.by_itself}
        try:
            if self._peft is None:
                self._peft = get_peft_model(self._base.model, config, adapter.key, **swap_in)
            result = self._peft.load_adapter(
                str(adapter.path), adapter.key, torch_device=str(self._base.device), **swap_in
            )
            strangers = result.missing_keys + result.unexpected_keys
            if strangers:
                raise ValueError(f"{len(strangers)} weights have no counterpart, such as {strangers[0]}")
        except Exception as error:
            # What half an adapter leaves behind is not worth finding out: the others are put on again when needed.
            self._take_all_off()
            logger.exception("The adapter %s could not be put on", adapter.name)
            raise StudioError(
                "The adapter “{name}” cannot be put on this base model: {reason}.",
                "Choose the base model that it was trained on.",
                name=adapter.name,
                reason=str(error).strip().partition("\n")[0].rstrip("."),
            ) from error
        self._peft.eval()
        adapter.is_on_model = True

    def _take_all_off(self) -> None:
        for adapter in self._adapters.values():
            adapter.is_on_model = False
        self._peft = None
        self._bare.restore()


class BareModel:
    """A model as it was before any adapter, to go back to.

    peft's own `unload` keeps trained copies of layers and trained biases in the base; here the very modules come back.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._places = [(p, name, child) for p in model.modules() for name, child in p.named_children()]
        self._biases = [(p, p.detach().clone()) for n, p in model.named_parameters() if n.endswith("bias")]

    def restore(self) -> None:
        for parent, name, child in self._places:
            if getattr(parent, name) is not child:
                setattr(parent, name, child)
        with torch.no_grad():
            for bias, value in self._biases:
                bias.copy_(value)
        if hasattr(self._model, "peft_config"):
            del self._model.peft_config


def _stamp(path: Path) -> float:
    """When the weights were written; 0 where there are none."""
    try:
        return (path / WEIGHTS).stat().st_mtime
    except OSError:
        return 0.0


def free_memory(device: torch.device) -> int:
    """Bytes that are left on the device."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
