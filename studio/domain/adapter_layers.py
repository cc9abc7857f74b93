"""Layers that peft puts no LoRA on, by the type of the model, since its kernels read their weights directly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_STATE_SPACES = ("falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h")
REFUSED: Mapping[str, Sequence[str]] = dict.fromkeys(_STATE_SPACES, ("out_proj", "conv1d"))
