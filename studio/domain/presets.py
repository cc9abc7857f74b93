"""Presets: sets of values for a first, a usual and a careful run."""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "Quick": {
        "lora": {"r": 8, "lora_alpha": 16, "lora_dropout": 0.0},
        "training": {
            "learning_rate": 1e-3,
            "num_train_epochs": 3,
            "max_steps": 60,
            "per_device_train_batch_size": 4,
            "gradient_accumulation_steps": 1,
            "max_length": 512,
            "eval_steps": 20,
        },
    },
    "Balanced": {
        "lora": {"r": 16, "lora_alpha": 32, "lora_dropout": 0.0},
        "training": {
            "learning_rate": 3e-4,
            "num_train_epochs": 3,
            "max_steps": -1,
            "per_device_train_batch_size": 4,
            "gradient_accumulation_steps": 1,
            "max_length": 1024,
            "eval_steps": 20,
        },
    },
    "Thorough": {
        "lora": {"r": 32, "lora_alpha": 64, "lora_dropout": 0.05},
        "training": {
            "learning_rate": 2e-4,
            "num_train_epochs": 5,
            "max_steps": -1,
            "per_device_train_batch_size": 4,
            "gradient_accumulation_steps": 2,
            "weight_decay": 0.01,
            "max_length": 2048,
            "eval_steps": 20,
        },
    },
}


def preset_values(name: str, base: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """`base` with the preset's values laid over it. Raises KeyError where there is no such preset."""
    preset = PRESETS[name]
    return {section: values | preset.get(section, {}) for section, values in base.items()}
