"""Computes the metrics that domain/metrics.py declares, with the libraries that everyone uses.

They are imported when the first answer is scored: the web process must start fast.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from studio.domain.metrics import LIKELIHOODS, SCORES

MAX_COMPARISONS = 4_000_000  # words of the answer times words of the reference: beyond, ROUGE-L takes seconds

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")


def score(answer: str, reference: str) -> dict[str, float]:
    """By the names of those metrics that can be computed of the two; `reference` is empty where there is none."""
    values = {m.name: OF_AN_ANSWER[m.name](answer, reference) for m in SCORES if reference or not m.needs_reference}
    return {name: float(value) for name, value in values.items() if value is not None and math.isfinite(value)}


def score_corpus(pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Over all answers together, as papers report it, of pairs of answer and reference; empty where there are none."""
    if not pairs:
        return {}
    answers, references = ([pair[side] for pair in pairs] for side in (0, 1))
    return {name: float(compute(answers, references)) for name, compute in OF_A_CORPUS.items()}


def from_loss(loss: float | None) -> dict[str, float | None]:
    """What follows from the mean loss of references, which is None where none was read."""
    return {m.name: None if loss is None else OF_A_LOSS[m.name](loss) for m in LIKELIHOODS}


def _exact_match(answer: str, reference: str) -> float:
    return _plain(answer) == _plain(reference)


def _contains(answer: str, reference: str) -> float:
    return _plain(reference).casefold() in _plain(answer).casefold()


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def words(text: str) -> list[str]:
    """In lower case; each character of Chinese and Japanese is one, since nothing stands between their words."""
    return _WORD.findall(unicodedata.normalize("NFC", text).lower())


def _rouge_l(answer: str, reference: str) -> float | None:
    """None where the texts are too long for it."""
    answer_words, reference_words = words(answer), words(reference)
    if len(answer_words) * len(reference_words) > MAX_COMPARISONS:
        return None
    return float(_rouge().score(reference, answer)["rougeL"].fmeasure)


def _sentence_bleu(answer: str, reference: str) -> float:
    return float(_bleu(_tokenization(reference)).sentence_score(answer, [reference]).score)


def _corpus_bleu(answers: list[str], references: list[str]) -> float:
    bleu = _bleu(_tokenization(" ".join(references)), effective_order=False)
    return float(bleu.corpus_score(answers, [references]).score)


def _sentence_chrf(answer: str, reference: str) -> float:
    return float(_chrf().sentence_score(answer, [reference]).score)


def _corpus_chrf(answers: list[str], references: list[str]) -> float:
    return float(_chrf().corpus_score(answers, [references]).score)


def _perplexity(loss: float) -> float:
    return math.exp(min(loss, 700.0))


def _tokenization(reference: str) -> str:
    """sacrebleu's: its standard one knows only words with blanks between them."""
    if _KANA.search(reference):
        return "char"
    return "zh" if _HAN.search(reference) else "13a"


class _Words:
    """For rouge-score, whose own tokenizer drops everything but a to z."""

    def tokenize(self, text: str) -> list[str]:
        return words(text)


@lru_cache(maxsize=1)
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], tokenizer=_Words())


@lru_cache(maxsize=8)
def _bleu(tokenization: str, *, effective_order: bool = True) -> Any:
    from sacrebleu.metrics import BLEU

    return BLEU(tokenize=tokenization, effective_order=effective_order)


@lru_cache(maxsize=1)
def _chrf() -> Any:
    from sacrebleu.metrics import CHRF

    return CHRF()


OF_AN_ANSWER: Mapping[str, Callable[[str, str], float | None]] = {
    "exact_match": _exact_match, "contains": _contains, "rouge_l": _rouge_l, "bleu": _sentence_bleu,
    "chrf": _sentence_chrf,
}  # fmt: skip
OF_A_CORPUS: Mapping[str, Callable[[list[str], list[str]], float]] = {"bleu": _corpus_bleu, "chrf": _corpus_chrf}
OF_A_LOSS: Mapping[str, Callable[[float], float]] = {"loss": float, "perplexity": _perplexity}
