"""Adapters that only peft can compute, injected into the model: DoRA, IA3, whole layers and others.

The base is never changed: an adapter that touches its weights is taken off again, and they are put back to the bit,
before the base is used.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Mapping
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
from studio.worker.common.device import free_memory
from studio.worker.models.load import LoadedModel
from studio.worker.serving.adapter_fit import made_for_another_base
from studio.worker.serving.adapter_folder import read_config

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Seated:
    """`key` is peft's name for it, which has no dot; `by_itself` that it bears no other one beside it."""

    key: str
    by_itself: bool


class PeftAdapters:
    """Not for several threads: all calls come from the one that generates. `linear`: the widths of the base's linear
    layers."""

    def __init__(self, base: LoadedModel, linear: Mapping[str, tuple[int, int]]) -> None:
        self._base = base
        self._dora_bytes = 4 * sum(width_in * width_out for width_in, width_out in linear.values())
        self._bare_model = BareModel(base.model)
        self._peft: Any = None  # a PeftModel while there is an adapter on the model
        self._entries: dict[str, _Seated] = {}

    def put_on(self, name: str, path: Path, *, by_itself: bool) -> None:
        """The same again does nothing. Raises StudioError where this base cannot bear it: none is on it then."""
        if name in self._entries:
            return
        if by_itself or any(other.by_itself for other in self._entries.values()):
            self.take_all_off()
        key = f"ad_{secrets.token_hex(4)}"
        try:
            missing, unknown = self._load(path, name, key)
        except Exception as error:
            # What half an adapter leaves behind is not worth finding out: the others are put on again when needed.
            self.take_all_off()
            logger.exception("The adapter %s could not be put on", name)
            raise misfit(name, str(error)) from error
        if unknown:
            self.take_all_off()
            raise made_for_another_base(name, f"{unknown[0]} ?")
        if missing:
            self.take_all_off()
            raise misfit(name, f"{len(missing)} weights have no counterpart, such as {missing[0]}")
        self._peft.eval()
        self._entries[name] = _Seated(key, by_itself)

    def take_off(self, name: str) -> None:
        """Does nothing where it is not on the model."""
        entry = self._entries.pop(name, None)
        if entry is None or self._peft is None:
            return
        if entry.by_itself or not self._entries:
            self.take_all_off()
        else:
            self._peft.delete_adapter(entry.key)

    def take_all_off(self) -> None:
        self._entries.clear()
        self._peft = None
        self._bare_model.restore()

    @contextmanager
    def acting(self, name: str) -> Iterator[Any]:
        """The model as this adapter, which is on it, makes it."""
        model = self._peft
        self._switch(on=True)
        model.set_adapter(self._entries[name].key, inference_mode=True)
        try:
            with DoraCaching(enabled=self._has_room_for_dora()):
                yield model
        finally:
            model.train().eval()  # which is how peft drops what it cached

    @contextmanager
    def resting(self) -> Iterator[Any]:
        """The base model, as if there were no adapter."""
        if any(entry.by_itself for entry in self._entries.values()):
            self.take_all_off()
        self._switch(on=False)
        yield self._base.model

    def _load(self, path: Path, name: str, key: str) -> tuple[list[str], list[str]]:
        """As `PeftModel.from_pretrained` does, with weights in fp32. Those that the file lacks, and those that have no
        place on this base."""
        if self._peft is None:
            config = read_config(path, name)
            config.inference_mode = True
            self._peft = get_peft_model(self._base.model, config, key)
        with self._bare_model.kept_from(self._peft):
            result = self._peft.load_adapter(str(path), key, torch_device=str(self._base.device))
        return result.missing_keys, result.unexpected_keys

    def _switch(self, *, on: bool) -> None:
        """Like peft's own switch, without its walk over every parameter."""
        if self._peft is not None:
            for module in self._peft.modules():
                if isinstance(module, BaseTunerLayer):
                    module._disable_adapters = not on

    def _has_room_for_dora(self) -> bool:
        """DoRA is some ten times as fast when its full-size updates (fp32) are kept for as long as it answers."""
        return self._dora_bytes < free_memory(self._base.device) / 2


class BareModel:
    """A model as it was before any adapter, to go back to.

    peft's own `unload` keeps trained copies of layers and trained biases in the base; here the very modules come back,
    and the weights that a file overwrote.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._places = [(p, name, child) for p in model.modules() for name, child in p._modules.items()]
        self._own = {id(tensor) for tensor in [*model.parameters(), *model.buffers()]}
        self._overwritten_values: list[tuple[torch.Tensor, torch.Tensor]] = []  # with their values

    @contextmanager
    def kept_from(self, peft_model: nn.Module) -> Iterator[None]:
        """Inside, weights are loaded into the model with adapters: what they overwrite of its own is remembered."""
        hook = peft_model.register_load_state_dict_pre_hook(self._remember)
        try:
            yield
        finally:
            hook.remove()

    def restore(self) -> None:
        for parent, name, child in self._places:
            if parent._modules.get(name) is not child:
                setattr(parent, name, child)
        with torch.no_grad():
            for tensor, value in reversed(self._overwritten_values):
                tensor.copy_(value)
        self._overwritten_values.clear()
        if hasattr(self._model, "peft_config"):
            del self._model.peft_config

    def _remember(self, module: nn.Module, weights: Mapping[str, torch.Tensor], *_: Any) -> None:
        for key, tensor in module.state_dict(keep_vars=True).items():
            if key in weights and id(tensor) in self._own:
                self._overwritten_values.append((tensor, tensor.detach().clone()))


def misfit(name: str, reason: str) -> StudioError:
    return StudioError(
        "The adapter “{name}” does not fit this base model: {reason}.",
        "Choose the base model that it was trained on.",
        name=name,
        reason=reason.strip().partition("\n")[0].rstrip("."),
    )
