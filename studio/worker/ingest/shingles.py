"""The word shingles of texts, as numbers: equal for texts that differ in case, blanks and punctuation only."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

SHORT = 5  # a text of fewer tokens is one shingle: only its equal has it

_CHUNK_CHARACTERS = (
    100_000  # characters worked on at once, in some 40 bytes of arrays each; a longer text is a piece of its own
)
_KEPT_POWERS = 2 * _CHUNK_CHARACTERS
_BETWEEN, _IN_WORD, _ALONE = 0, 1, 2
_SIGNS = "#%&*/@"  # punctuation to Unicode, but it stands for something: C#, 5%, 3*4
_VARIATION_SELECTORS = (0xFE00, 0xFE10)
_WITHOUT_BLANKS = (
    (0x0E00, 0x0F00),  # Thai, Lao
    (0x1000, 0x10A0),  # Burmese
    (0x1780, 0x1800),  # Khmer
    (0x3005, 0x3008),  # 々〆〇
    (0x3040, 0x3100),  # Hiragana, Katakana
    (0x31F0, 0x3200),  # Katakana extensions
    (0x3400, 0x4DC0),  # Han, extension A
    (0x4E00, 0xA000),  # Han
    (0xF900, 0xFB00),  # Han, compatibility
    (0xFF66, 0xFFA0),  # Katakana, half width
    (0x20000, 0x40000),  # Han, further extensions
)

# Odd, so that each has an inverse modulo 2⁶⁴ (the constants of SplitMix64 and xxHash).
_BASE = 0x9E3779B97F4A7C15
_FACTORS = np.array([0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)
_WHOLE = np.uint64(0x27D4EB2F165667C5)  # keeps a short text apart from the same words in a longer one


def word_shingles(texts: Sequence[str]) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.int64]]]:
    """(hashes, offsets) for piece after piece of the texts: text i of a piece has hashes[offsets[i]:offsets[i + 1]].

    A token is a word or number without regard to case, a symbol (+ = € 🙂 and #%&*/@), or a character of a script that
    is written without blanks (Chinese, Japanese, Thai…); other punctuation is left out. A shingle is three tokens in a
    row; a text of fewer than SHORT tokens has one shingle, all of it, and a text without a token has none. A shingle
    that occurs twice in a text is there twice. The hashes have 64 bits and are the same in every process.
    """
    piece: list[str] = []
    size = 0
    for text in texts:
        if piece and size + len(text) > _CHUNK_CHARACTERS:
            yield _piece_shingles(piece)
            piece, size = [], 0
        piece.append(_normal(text))
        size += len(text)
    if piece:
        yield _piece_shingles(piece)


def tokens_of(text: str) -> list[str]:
    """The tokens of a short text, in order."""
    kinds = _kinds_as_bytes()
    tokens: list[str] = []
    in_word = False
    for character in _normal(text):
        kind = kinds[ord(character)]
        if kind == _IN_WORD and in_word:
            tokens[-1] += character
        elif kind != _BETWEEN:
            tokens.append(character)
        in_word = kind == _IN_WORD
    return tokens


def has_token(text: str) -> bool:
    kinds = _kinds_as_bytes()
    return any(kinds[ord(character)] != _BETWEEN for character in text)


def _normal(text: str) -> str:
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", text.casefold())


def _piece_shingles(texts: list[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    tokens, first = _tokens(texts)
    count = np.diff(first)
    if not len(tokens):
        return tokens, first
    keep = np.repeat(count >= SHORT, count)
    ends = first[1:][count >= SHORT]
    keep[ends - 1] = keep[ends - 2] = False
    shingles = tokens * _FACTORS[0]
    shingles[:-1] += tokens[1:] * _FACTORS[1]
    shingles[:-2] += tokens[2:] * _FACTORS[2]
    short = (count > 0) & (count < SHORT)
    starts, lengths = first[:-1][short], count[short]
    whole = lengths.astype(np.uint64) * _WHOLE
    for place in range(SHORT - 1):
        has = lengths > place
        whole[has] += tokens[starts[has] + place] * _FACTORS[place]
    shingles[starts] = whole
    keep[starts] = True
    return _mix(shingles[keep]), np.concatenate(([0], np.cumsum(keep)))[first]


def _tokens(texts: list[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The hash of each token of the texts, and at which token each text starts (and the last one ends)."""
    codes = np.frombuffer("\n".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = np.zeros(len(codes) + 2, np.uint8)
    kinds[1:-1] = _kinds()[codes]
    here = kinds[1:-1]
    starts = np.flatnonzero((here == _ALONE) | ((here == _IN_WORD) & (kinds[:-2] != _IN_WORD)))
    stops = np.flatnonzero((here == _ALONE) | ((here == _IN_WORD) & (kinds[2:] != _IN_WORD))) + 1
    # A token's polynomial, Σ code · BASE^(place in the token), is a difference of sums over all characters.
    powers, inverses = _powers(len(codes))
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(codes * powers, out=sums[1:])
    text_starts = np.cumsum([0, *(len(text) + 1 for text in texts)])
    return _mix((sums[stops] - sums[starts]) * inverses[starts]), np.searchsorted(starts, text_starts)


def _powers(count: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """BASE⁰, BASE¹… modulo 2⁶⁴, and their inverses."""
    if count <= _KEPT_POWERS:
        powers, inverses = _kept_powers()
        return powers[:count], inverses[:count]
    return _made_powers(count)


@functools.cache
def _kept_powers() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    return _made_powers(_KEPT_POWERS)


def _made_powers(count: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    made = []
    for base in (_BASE, pow(_BASE, -1, 1 << 64)):
        factors = np.full(count, base, np.uint64)
        factors[:1] = 1
        made.append(np.multiply.accumulate(factors))
    return made[0], made[1]


def _mix(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Every bit of the result depends on every bit of the hash (the end of SplitMix64); one to one."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * _FACTORS[0]
    hashes = (hashes ^ (hashes >> np.uint64(27))) * _FACTORS[1]
    return hashes ^ (hashes >> np.uint64(31))


@functools.cache
def _kinds() -> NDArray[np.uint8]:
    """By code point: between tokens, part of a word, or a token by itself."""
    kinds = np.array([_kind(chr(code)) for code in range(0x110000)], np.uint8)
    for start, stop in _WITHOUT_BLANKS:
        script = kinds[start:stop]
        script[script == _IN_WORD] = _ALONE
    kinds[slice(*_VARIATION_SELECTORS)] = _BETWEEN
    return kinds


@functools.cache
def _kinds_as_bytes() -> bytes:
    return _kinds().tobytes()


def _kind(character: str) -> int:
    category = unicodedata.category(character)
    if category[0] in "LMN":
        return _IN_WORD
    return _ALONE if character in _SIGNS or (category[0] == "S" and category != "Sk") else _BETWEEN
