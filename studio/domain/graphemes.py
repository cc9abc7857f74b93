"""Truncation of long text that never splits what a reader sees as one character."""

from __future__ import annotations

import unicodedata

JOINER = "\u200d"
_REGIONAL = ("\U0001f1e6", "\U0001f1ff")  # two of them are a flag
_EXTENDING = (
    (JOINER, JOINER),
    ("\u1160", "\u11ff"),  # vowels and finals of Korean syllables in parts
    ("\U0001f3fb", "\U0001f3ff"),  # tones of skin
    ("\U000e0020", "\U000e007f"),  # tags, as in the flag of Scotland
)


def cut(text: str, most: int) -> str:
    """The beginning of the text, of at most `most` code points. Unicode's extended grapheme clusters (UAX 29) stay
    whole, but for one that is longer than that by itself, and for the rarer rules of Indic scripts."""
    if len(text) <= most:
        return text
    end = most
    while end > 0 and _is_within(text, end):
        end -= 1
    return text[: end or most]


def _is_within(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if before == JOINER or before + after == "\r\n":
        return True
    if unicodedata.category(after) in ("Mn", "Me", "Mc") or any(low <= after <= high for low, high in _EXTENDING):
        return True
    if not _is_regional(after):
        return False
    flags = at
    while flags > 0 and _is_regional(text[flags - 1]):
        flags -= 1
    return (at - flags) % 2 == 1


def _is_regional(sign: str) -> bool:
    return _REGIONAL[0] <= sign <= _REGIONAL[1]


def is_whole(value: str) -> bool:
    """Has no half of a character (an unpaired surrogate), which no file can hold."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
