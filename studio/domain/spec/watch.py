"""What happens while a run trains."""

from __future__ import annotations

from typing import Any

from pydantic import field_validator

from studio.domain.spec.knob import Section, knob


class WatchSpec(Section):
    """While it trains"""

    early_stopping_patience: int = knob(
        0,
        "Early stopping",
        "Stops after this many evaluations in a row without a lower loss; 0 turns it off.",
        ge=0,
        le=1000,
        advanced=True,
    )
    keep_best: bool = knob(
        True,
        "Keep the best",
        "On: the adapter is the checkpoint with the lowest evaluation loss. Off: the last step's weights.",
        advanced=True,
    )
    keep_checkpoints: int = knob(
        2,
        "Checkpoints to keep",
        "How many recent checkpoints to keep, besides the best one.",
        ge=1,
        le=100,
        advanced=True,
    )
    samples: int = knob(
        2,
        "Sample answers",
        "Prompts answered at each evaluation, to follow the adapter's progress; 0 for none.",
        ge=0,
        le=8,
        advanced=True,
    )
    sample_prompts: list[str] = knob(
        [],
        "Sample prompts",
        "Your own prompts, one per line; if empty, the first validation rows are used.",
        advanced=True,
    )
    automatic_resumes: int = knob(
        1,
        "Automatic resumes",
        "How many times a run that ended unexpectedly resumes automatically from its latest checkpoint.",
        ge=0,
        le=100,
        advanced=True,
    )

    @field_validator("sample_prompts", mode="before")
    @classmethod
    def _one_a_line(cls, value: Any) -> Any:
        lines = value.splitlines() if isinstance(value, str) else value
        if isinstance(lines, list) and all(isinstance(line, str) for line in lines):
            return [line.strip() for line in lines if line.strip()]
        return lines
