"""The dataset of a run."""

from __future__ import annotations

from studio.domain.spec.knob import Section, knob


class DataSpec(Section):
    """Dataset"""

    name: str = knob("", "Dataset", "The rows to train on.", min_length=1)
    validation_split: float = knob(
        0.1,
        "Validation split",
        "Fraction of the rows held out to measure how well the adapter does on new ones.",
        ge=0,
        le=0.5,
    )
    validation_name: str = knob(
        "",
        "Validation set",
        "A separate dataset, used only for validation; replaces the split.",
        advanced=True,
    )
    answers_only: bool = knob(
        True,
        "Train on answers only",
        "On: only the assistant's words are trained on. Off: the user's words too.",
        advanced=True,
    )

    def eval_rows(self, rows: int) -> int:
        """How many of so many rows are kept for validation: at least one where a share is asked, and none where there
        is a validation set."""
        is_split = self.validation_split > 0 and not self.validation_name
        return max(1, round(rows * self.validation_split)) if is_split else 0
