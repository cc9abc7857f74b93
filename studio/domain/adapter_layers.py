"""Linear layers that never get an adapter, by model type and last part of their name."""

from __future__ import annotations

from collections.abc import Mapping

_STATE_SPACES = ("falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h")

# peft refuses these: kernels read their weights past the layer.
REFUSED: Mapping[str, tuple[str, ...]] = dict.fromkeys(_STATE_SPACES, ("out_proj", "conv1d"))

# The model multiplies by their weights without calling them. Whoever has the model at hand finds that out by trying.
_UNCALLED: Mapping[str, tuple[str, ...]] = {
    "falcon_mamba": ("dt_proj",), "gemma3n": ("correction_coefs",), "gemma3n_text": ("correction_coefs",),
    "jamba": ("dt_proj",), "mamba": ("dt_proj",),
}  # fmt: skip


def bare_layers(kind: str) -> frozenset[str]:
    """Of models of that type, the names of all such layers."""
    return frozenset((*REFUSED.get(kind, ()), *_UNCALLED.get(kind, ())))
