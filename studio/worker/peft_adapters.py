"""Adapters that have to be on the model to act: DoRA, IA3, whole layers and what else only peft computes.

The base is never changed: an adapter that would touch its weights is taken off again before the base is used.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model
from peft.helpers import DoraCaching
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from studio.domain.errors import StudioError
from studio.worker.adapter_files import layer_shapes, read_config
from studio.worker.device import free_memory
from studio.worker.model import LoadedModel

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Seated:
    """`key` is peft's name for it, which has no dot; `by_itself` that it bears no other one beside it."""

    key: str
    by_itself: bool


class PeftAdapters:
    """Not for several threads: all calls come from the one that generates."""

    def __init__(self, base: LoadedModel) -> None:
        self._base = base
        self._bare = BareModel(base.model)
        self._peft: Any = None  # a PeftModel while there is an adapter on the model
        self._seated: dict[str, _Seated] = {}

    def put_on(self, name: str, path: Path, *, by_itself: bool) -> None:
        """The same again does nothing. Raises StudioError where this base cannot bear it: none is on it then."""
        if name in self._seated:
            return
        if by_itself or any(other.by_itself for other in self._seated.values()):
            self.take_all_off()
        config = read_config(path, name)
        config.inference_mode = True
        key = f"ad_{secrets.token_hex(4)}"
        # An adapter by itself may write into parameters of the base: those must stay the objects that they are.
        swap_in = {"low_cpu_mem_usage": not by_itself}
        try:
            if self._peft is None:
                self._peft = get_peft_model(self._base.model, config, key, **swap_in)
            result = self._peft.load_adapter(str(path), key, torch_device=str(self._base.device), **swap_in)
            strangers = result.missing_keys + result.unexpected_keys
            if strangers:
                raise ValueError(f"{len(strangers)} weights have no counterpart, such as {strangers[0]}")
        except Exception as error:
            # What half an adapter leaves behind is not worth finding out: the others are put on again when needed.
            self.take_all_off()
            logger.exception("The adapter %s could not be put on", name)
            raise misfit(name, str(error)) from error
        self._peft.eval()
        self._seated[name] = _Seated(key, by_itself)

    def take_off(self, name: str) -> None:
        """Does nothing where it is not on the model."""
        seated = self._seated.pop(name, None)
        if seated is None or self._peft is None:
            return
        if seated.by_itself or not self._seated:
            self.take_all_off()
        else:
            self._peft.delete_adapter(seated.key)

    def take_all_off(self) -> None:
        self._seated.clear()
        self._peft = None
        self._bare.restore()

    @contextmanager
    def acting(self, name: str) -> Iterator[Any]:
        """The model as this adapter, which is on it, makes it."""
        model = self._peft
        self._switch(on=True)
        model.set_adapter(self._seated[name].key, inference_mode=True)
        try:
            with DoraCaching(enabled=self._has_room_for_dora()):
                yield model
        finally:
            model.train().eval()  # which is how peft drops what it cached

    @contextmanager
    def resting(self) -> Iterator[Any]:
        """The base model, as if there were no adapter."""
        if any(seated.by_itself for seated in self._seated.values()):
            self.take_all_off()
        self._switch(on=False)
        yield self._base.model

    def _switch(self, *, on: bool) -> None:
        """Like peft's own switch, without its walk over every parameter."""
        if self._peft is not None:
            for module in self._peft.modules():
                if isinstance(module, BaseTunerLayer):
                    module._disable_adapters = not on

    def _has_room_for_dora(self) -> bool:
        """DoRA is some ten times as fast when its full-size updates (fp32) are kept for as long as it answers."""
        needed = 4 * sum(width_in * width_out for width_in, width_out in layer_shapes(self._base.model).values())
        return needed < free_memory(self._base.device) / 2


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


def misfit(name: str, reason: str) -> StudioError:
    return StudioError(
        "The adapter “{name}” cannot be put on this base model: {reason}.",
        "Choose the base model that it was trained on.",
        name=name,
        reason=reason.strip().partition("\n")[0].rstrip("."),
    )
