"""Every metric of an evaluation, declared once: its words, and how its values are written and compared.

services/evaluation/metrics.py computes them by their names. The catalogue, exports, pages, the command line and the
model card follow from the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Metric:
    """`basis` says what it is computed from: the text of an answer, or how likely a model finds the reference.

    `label` heads a column, `full_label` stands on a model card, where nothing around explains it. `digits` are those
    after the point of a `number`.
    """

    name: str
    label: str
    help: str
    better: Literal["higher", "lower"] = "higher"
    format: Literal["percent", "number", "loss", "significant"] = "number"
    digits: int = 0
    basis: Literal["answer", "likelihood"] = "answer"
    needs_reference: bool = True
    full_label: str = ""


METRICS = (
    Metric(
        "exact_match", "Exact match",
        "Share of answers that equal their reference, apart from spaces.",
        format="percent",
    ),
    Metric(
        "contains", "Contains",
        "Share of answers that contain their reference, whatever its case.",
        format="percent", full_label="Contains the reference",
    ),
    Metric(
        "rouge_l", "ROUGE-L",
        "Longest common subsequence of words, as F-measure from 0 to 1 (Lin 2004; rouge-score).",
        digits=3,
    ),
    Metric(
        "bleu", "BLEU",
        "Precision of word sequences up to four long, from 0 to 100 (Papineni et al. 2002; sacrebleu).",
        digits=1,
    ),
    Metric(
        "chrf", "chrF",
        "F-measure of character sequences up to six long, from 0 to 100 (Popović 2015; sacrebleu).",
        digits=1,
    ),
    Metric(
        "loss", "Loss",
        "Mean negative log-likelihood of the reference, in nats per token.",
        better="lower", format="loss", basis="likelihood", full_label="Loss of the reference",
    ),
    Metric(
        "perplexity", "Perplexity",
        "Exponential of the loss: among how many tokens the model hesitates at each token of the reference.",
        better="lower", format="significant", basis="likelihood", full_label="Perplexity of the reference",
    ),
)  # fmt: skip
SCORES = tuple(metric for metric in METRICS if metric.basis == "answer")
LIKELIHOODS = tuple(metric for metric in METRICS if metric.basis == "likelihood")


def applicable(references: int) -> Sequence[Metric]:
    """Those that an evaluation can have whose prompts have that many references."""
    return [metric for metric in METRICS if references or not metric.needs_reference]


def metric_named(name: str) -> Metric:
    return next(metric for metric in METRICS if metric.name == name)


def describe() -> list[dict[str, Any]]:
    """As a page reads them."""
    return [asdict(metric) for metric in METRICS]
