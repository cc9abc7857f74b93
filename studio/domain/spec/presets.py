"""Presets: values for a quick, a usual and a careful run.

Each sets every knob that any of them sets, so that none leaves another one's value behind. Those of a method stand in
its module.
"""

from __future__ import annotations

from typing import Any

from studio.domain.spec.peft_methods.registry import METHODS
from studio.domain.spec.run_spec import defaults

Values = dict[str, dict[str, Any]]

_TRAINING: Values = {
    "Quick": {
        "learning_rate": 1e-3,
        "num_train_epochs": 3,
        "max_steps": 60,
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 1,
        "max_length": 512,
        "eval_steps": 20,
    },
    "Balanced": {
        "learning_rate": 3e-4,
        "num_train_epochs": 3,
        "max_steps": -1,
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 1,
        "max_length": 1024,
        "eval_steps": 20,
    },
    "Thorough": {
        "learning_rate": 2e-4,
        "num_train_epochs": 5,
        "max_steps": -1,
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 2,
        "weight_decay": 0.01,
        "max_length": 2048,
        "eval_steps": 20,
    },
}

_DIFFERING: dict[str, Values] = {
    name: {"training": training} | {kind: dict(method.presets.get(name, {})) for kind, method in METHODS.items()}
    for name, training in _TRAINING.items()
}


def _whole(preset: Values) -> Values:
    """The preset with the usual value of each knob that only another one says."""
    usual = defaults()
    knobs = {section: {k for each in _DIFFERING.values() for k in each.get(section, {})} for section in usual}
    return {
        section: {
            name: preset.get(section, {}).get(name, usual[section][name]) for name in usual[section] if name in here
        }
        for section, here in knobs.items()
        if here
    }


PRESETS: dict[str, Values] = {name: _whole(preset) for name, preset in _DIFFERING.items()}


def preset_values(name: str, base: Values) -> Values:
    """`base` with the preset's values laid over it. Raises KeyError where there is no such preset."""
    preset = PRESETS[name]
    return {section: values | preset.get(section, {}) for section, values in base.items()}
