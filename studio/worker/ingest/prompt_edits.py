"""Whether two prompts that share most of their words ask the same."""

from __future__ import annotations

import functools
import re
from collections import Counter
from itertools import chain

from studio.worker.ingest.shingles import tokens_of

Sentence = tuple[str, ...]
"""Its tokens."""

_ENDS = re.compile(r"\n+|(?<=[.!?؟।])\s+|(?<=[。！？；])")
_MOST_KEPT = 10_000  # characters of a prompt whose sentences are remembered
_EDITED = 0.7  # of the shingles of a sentence: one word in fifteen may be another


def is_edit(one: str, other: str) -> bool:
    """Whether one prompt is the other with scattered edits, not with another sentence in a place.

    Rows of reading comprehension share a long passage, so that their prompts are alike by any count of words; what they
    ask stands in the one sentence that they do not share. So only the sentences (or lines) that stand in one of the two
    alone decide: each needs one in the other that it is an edit of: 70 % of their runs of three words are shared, and
    their numbers are the same. A sentence that was only added does not make another prompt, as long as none is missing.
    """
    added, missing = own_sentences(one, other), own_sentences(other, one)
    if not added or not missing or [*chain(*added)] == [*chain(*missing)]:  # the same, with another punctuation
        return True
    return _all_edited(added, missing) or _all_edited(missing, added)


def own_sentences(one: str, other: str) -> list[Sentence]:
    """The sentences, or lines, of the one that do not stand in the other."""
    return list((_sentences(one) - _sentences(other)).elements())


def _sentences(text: str) -> Counter[Sentence]:
    """Not to be changed."""
    return _kept_sentences(text) if len(text) <= _MOST_KEPT else _split(text)


@functools.lru_cache(maxsize=2_000)  # a prompt is compared with several others, and many with the same
def _kept_sentences(text: str) -> Counter[Sentence]:
    return _split(text)


def _split(text: str) -> Counter[Sentence]:
    return Counter(tokens for piece in _ENDS.split(text) if (tokens := _tokens(piece)))


@functools.lru_cache(maxsize=20_000)  # of a passage that many rows share, or of one with many sentences
def _tokens(piece: str) -> Sentence:
    return tuple(tokens_of(piece))


def _all_edited(sentences: list[Sentence], others: list[Sentence]) -> bool:
    """Whether each of the sentences is an edit of one of the others, no two of the same."""
    places: dict[Sentence, list[int]] = {}
    shingles = [_shingles(other) for other in others]
    for i, own in enumerate(shingles):
        for shingle in own:
            places.setdefault(shingle, []).append(i)
    taken: set[int] = set()
    for sentence in sentences:
        own = _shingles(sentence)
        shared = Counter(i for shingle in own for i in places.get(shingle, ()) if i not in taken)
        if not shared:
            return False
        ((best, count),) = shared.most_common(1)
        is_near = count >= _EDITED * (len(own) + len(shingles[best]) - count)
        if not is_near or _numbers(sentence) != _numbers(others[best]):
            return False
        taken.add(best)
    return True


def _shingles(sentence: Sentence) -> set[Sentence]:
    """With what is before the first word and behind the last one: an edit at an end counts as one in the middle."""
    padded = ("", "", *sentence, "", "")
    return {*zip(padded, padded[1:], padded[2:], strict=False)}


def _numbers(sentence: Sentence) -> list[str]:
    return [token for token in sentence if token.isdecimal()]
