"""The base model of a run."""

from __future__ import annotations

from studio.domain.chat.templates import AUTOMATIC, TEMPLATES, TemplateChoice
from studio.domain.precision import AUTOMATIC as AUTOMATIC_PRECISION
from studio.domain.precision import LABELS, PrecisionName
from studio.domain.spec.knob import Section, knob


class ModelSpec(Section):
    """Base model"""

    name: str = knob("starter", "Base model", "The model to fine-tune.", min_length=1)
    precision: PrecisionName = knob(
        AUTOMATIC_PRECISION,
        "Precision",
        "Number format of the base model's weights. Fewer bits need less memory; on a CPU, 8-bit and 4-bit are slower.",
        advanced=True,
        choices=LABELS,
    )
    chat_template: TemplateChoice = knob(
        AUTOMATIC,
        "Chat template",
        "How conversations are formatted. Automatic uses the model's own template, or ChatML if it has none. A model "
        "with its own template was trained with it: choose another only if its own leaves out something the adapter "
        "should learn. Saved with the adapter.",
        choices={AUTOMATIC: "Automatic", **{name: template.label for name, template in TEMPLATES.items()}},
    )
