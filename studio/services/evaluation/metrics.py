"""Metrics of an answer against its reference, computed by the libraries that everyone uses.

They are imported when the first answer is scored: the web process must start fast.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

MAX_COMPARISONS = 4_000_000  # words of the answer times words of the reference: beyond, ROUGE-L takes seconds

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")


def score(answer: str, reference: str) -> dict[str, float | None]:
    """exact_match and contains (0 or 1), rouge_l (F, 0 to 1; None where the texts are too long for it), and of the
    sentence bleu and chrf (0 to 100)."""
    told, right = _plain(answer), _plain(reference)
    return {
        "exact_match": float(told == right),
        "contains": float(right.casefold() in told.casefold()),
        "rouge_l": _rouge_l(answer, reference),
        "bleu": float(_bleu(_tokenization(reference)).sentence_score(answer, [reference]).score),
        "chrf": float(_chrf().sentence_score(answer, [reference]).score),
    }


def score_corpus(pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """bleu and chrf over all answers together, as papers report them, of pairs of answer and reference; empty where
    there are none."""
    if not pairs:
        return {}
    answers, references = zip(*pairs, strict=True)
    bleu = _bleu(_tokenization(" ".join(references)), effective_order=False)
    return {
        "bleu": float(bleu.corpus_score(list(answers), [list(references)]).score),
        "chrf": float(_chrf().corpus_score(list(answers), [list(references)]).score),
    }


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def words(text: str) -> list[str]:
    """In lower case; each character of Chinese and Japanese is one, since nothing stands between their words."""
    return _WORD.findall(unicodedata.normalize("NFC", text).lower())


def _rouge_l(answer: str, reference: str) -> float | None:
    told, right = words(answer), words(reference)
    if len(told) * len(right) > MAX_COMPARISONS:
        return None
    return float(_rouge().score(reference, answer)["rougeL"].fmeasure)


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
