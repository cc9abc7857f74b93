"""What a page sends with a call: its language, and the form of the train page."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from studio.domain.spec.presets import preset_values
from studio.domain.spec.run_spec import defaults

IN_ENGLISH: Any = SimpleNamespace(cookies={}, headers={})
IN_CHINESE: Any = SimpleNamespace(cookies={"studio_language": "zh"}, headers={})


def values(dataset: str = "", model: str = "small", **changes: Any) -> dict[str, dict[str, Any]]:
    """A quick run's form, with what was changed in it: `lora__r="3"`."""
    chosen = preset_values("Quick", defaults())
    chosen["model"]["name"], chosen["data"]["name"] = model, dataset
    for place, value in changes.items():
        section, _, knob = place.partition("__")
        chosen[section] = chosen[section] | {knob: value}
    return chosen
