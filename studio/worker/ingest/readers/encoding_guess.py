"""Guesses in which encoding a text was written that says nothing of it.

Single-byte and Asian encodings are ranked by chardet, which knows the letter pairs of many languages; what each would
make of the text is then looked at. UTF-16 is told by the text that it gives.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache

import chardet

# In order: of those that give the same text, the first is meant. Superset before subset, frequent before rare.
_LEGACY = (
    "gb18030", "big5", "big5hkscs", "cp932", "euc_jp", "cp949", "cp1252", "cp1250", "cp1251", "cp1253", "cp1254",
    "cp1255", "cp1256", "cp1257", "cp874", "koi8-r", "koi8-u", "iso8859-2", "iso8859-7", "iso8859-9", "iso8859-15",
    "cp866", "cp850", "cp852", "mac-roman",
)  # fmt: skip
_DOUBLE_BYTE = ("gb18030", "big5", "big5hkscs", "cp932", "euc_jp", "cp949")
_WEIGHTS = {
    "cp1250": 0.9, "cp1254": 0.95, "cp1257": 0.85, "iso8859-2": 0.75, "iso8859-7": 0.75, "iso8859-9": 0.75,
    "iso8859-15": 0.75, "cp866": 0.75, "cp850": 0.72, "cp852": 0.7, "mac-roman": 0.75,
}  # fmt: skip
"""Of encodings that are rare today: they are meant where they fit clearly better, the more the fewer letters tell."""
_FEW = 3  # bytes beyond ASCII
_SIGNS_WEIGHT = 10
_OF_CHARDET = [name.replace("_", "-") for name in _LEGACY if name != "big5"]
_ITS_NAMES = {"euc_jis_2004": "euc_jp", "big5": "big5hkscs"}
_EAST_ASIAN_LEAST = 0.2
_LOOKED_AT = 1 << 14  # bytes of lines that are not ASCII
_WIDE_LOOKED_AT = 1 << 13  # bytes
_LEAST = 0.02  # a guess of less is none
_JAPANESE_ESCAPES = (b"\x1b$B", b"\x1b$@")
_HIGH_RUNS = re.compile(rb"[\x80-\xff]+")
_CONTROLS = bytes(byte for byte in range(0x20) if byte not in b"\t\n\r\x1b")
_CONTROL_BYTES = re.compile(b"[" + re.escape(_CONTROLS) + b"]")
_WORDS = re.compile(r"[^\s\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_PLACED_SIGN = re.compile(
    r"(?<=\w)’(?=\w)|(?<![^\W\d_])[“„«‘‚¿¡](?=\w)|(?<=[\w.,!?…])[”“»’…](?!\w)|(?<![^\W\d_])[–—•·£€¥©®°§½¼¾](?![^\W\d_])"
    r"|(?<=\w)[®™²³°€](?!\w)|(?<![^\W\d_])(?:[£©§]|°(?=[CF]\b))|\xa0"
)
_NOT_AFTER_LETTERS = "±¶¼½¾¤¬¦÷×¨¸¯¢¥ƒ"


@dataclass(frozen=True)
class Guess:
    """`share` is how likely it is among all guesses, which have 1 together. `evidence` counts the bytes that tell,
    and `plausibility` is the share of their characters that stand where such characters stand."""

    encoding: str
    share: float
    evidence: int
    plausibility: float


def is_utf8(data: bytes, *, complete: bool) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=complete)
    except UnicodeDecodeError:
        return False
    return True


def wide_guess(sample: bytes) -> str:
    """UTF-16 without a mark; empty where the bytes are something else."""
    head = sample[: min(_WIDE_LOOKED_AT, len(sample) // 2 * 2)]
    if len(head) < 2 or (len(sample) < _WIDE_LOOKED_AT and len(sample) % 2):
        return ""
    scores = {order: _wide_score(head, order) for order in ("utf-16-le", "utf-16-be")}
    best = max(scores, key=lambda order: scores[order])
    other = min(scores.values())
    if scores[best] < 0.6 or scores[best] < other + 0.1:
        return ""
    # Bytes that no other text has are there in nearly every UTF-16; without them, all has to be East Asian.
    if _CONTROL_BYTES.search(head):
        return best
    if is_utf8(head, complete=False):
        return ""
    texts = ((name, _decoded(head, name)) for name in _DOUBLE_BYTE)
    is_other = any(text is not None and _east_asian_share(text, name) > 0.7 for name, text in texts)
    return best if scores[best] > 0.95 and not is_other else ""


def _wide_score(head: bytes, order: str) -> float:
    """The share of characters that fit: those of scripts that the text has much of."""
    text = head.decode(order, "surrogatepass")
    if len(head) == _WIDE_LOOKED_AT and "\ud800" <= text[-1] < "\udc00":  # the first half of a character
        text = text[:-1]
    blocks = Counter(map(_block, text))
    fitting = 0.0
    for block, count in blocks.items():
        if block == "bad":
            return 0.0
        if block == "ascii" or block == "signs" or block in ("Han", "kana", "Hangul"):
            fitting += count
        elif block != "rare":
            fitting += count if count >= 3 or count * 20 >= len(text) else 0
    letters = {block for block in blocks if block not in ("ascii", "signs")}
    many = max(0, len(letters) - 6)  # scripts: bytes in the wrong order are of nearly all
    return fitting / len(text) - 0.05 * many


@cache
def _block(character: str) -> str:
    code = ord(character)
    if code < 0x80:
        return "ascii" if character in "\t\r\n\x1b" or (code >= 0x20 and code != 0x7F) else "bad"
    if unicodedata.category(character) in ("Cc", "Cn", "Co", "Cs") or code == 0xFFFD:
        return "bad"
    if 0x4E00 <= code < 0xA000:
        return "Han" if is_common_han(character) else "rare"
    if 0x3040 <= code < 0x3100:
        return "kana"
    if 0xAC00 <= code < 0xD7A4:
        return "Hangul" if is_common_hangul(character) else "rare"
    if 0x2010 <= code < 0x2040 or 0x3000 <= code < 0x3030 or 0xFF00 <= code < 0xFF65 or code in (0x20AC, 0x2122, 0xB7):
        return "signs"
    if code >= 0x10000:
        return "signs" if unicodedata.category(character) == "So" else "rare"
    if code >= 0x3400 or 0x2000 <= code < 0x3000:
        return "rare"
    return f"{code >> 8:x}"


@cache
def is_common_han(character: str) -> bool:
    """One of the characters that the national standards list as in daily use."""
    for charset, first, last in (("gb2312", 0xB0, 0xD7), ("big5", 0xA4, 0xC6), ("shift_jis", 0x88, 0x97)):
        try:
            if first <= character.encode(charset)[0] <= last:
                return True
        except UnicodeEncodeError:
            pass
    return False


def is_common_hangul(character: str) -> bool:
    """One of the syllables of the national standard; others it writes as their letters."""
    return len(character.encode("euc_kr", "replace")) == 2


def is_japanese_mail(sample: bytes) -> bool:
    """ISO-2022-JP, whose bytes are all ASCII."""
    if not any(escape in sample for escape in _JAPANESE_ESCAPES):
        return False
    try:
        codecs.getincrementaldecoder("iso2022_jp")().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def guesses(lines: list[bytes]) -> list[Guess]:
    """What the lines, none of them ASCII, may be written in: the likeliest first, each with another text."""
    data = _some(lines)
    scores: dict[str, float] = {}
    for found in chardet.detect_all(
        data.translate(None, _CONTROLS), ignore_threshold=True, include_encodings=_OF_CHARDET
    ):
        name = codecs.lookup(found["encoding"] or "ascii").name
        name = _ITS_NAMES.get(name, name)
        scores[name] = max(scores.get(name, 0.0), found["confidence"])
    high = sum(map(len, _HIGH_RUNS.findall(data)))
    by_text: dict[str, float] = {}
    names: dict[str, str] = {}
    for name in _LEGACY:
        text = _decoded(data, name)
        if text is None:
            continue
        score = scores.get("big5hkscs" if name == "big5" else name, 0.0)
        if name in _DOUBLE_BYTE:
            score = max(score, _EAST_ASIAN_LEAST * _east_asian_share(text, name))
        if name.startswith("cp125"):
            share = _share_of_signs(text)
            score = score * (1 + _SIGNS_WEIGHT * share) + (share == 1.0)
        score *= _plausibility(text) ** 3 * _WEIGHTS.get(name, 1.0) ** (1 + _FEW / high)
        names.setdefault(text, name)
        by_text[text] = max(by_text.get(text, 0.0), score)
    whole = sum(by_text.values())
    ranked = sorted(by_text, key=lambda text: -by_text[text])
    return [
        Guess(names[text], by_text[text] / whole, high, _plausibility(text))
        for text in ranked
        if by_text[text] >= _LEAST * whole > 0
    ]


def _some(lines: list[bytes]) -> bytes:
    """From all over the file, so many that their bytes are enough."""
    step = max(1, sum(map(len, lines)) // _LOOKED_AT)
    return b"".join(line[:_LOOKED_AT] + b"\n" for line in lines[::step])[: 2 * _LOOKED_AT]


def _decoded(data: bytes, encoding: str) -> str | None:
    """None where more than a few characters are not of that encoding."""
    text = data.decode(encoding, "replace")
    wrong = text.count("\ufffd")
    return None if 50 * wrong > len(_HIGH_RUNS.findall(data)) else text


def _east_asian_share(text: str, encoding: str) -> float:
    """How much of the text beyond ASCII is what is written in that encoding: chardet leaves short texts out."""
    blocks = Counter(_block(character) for character in text if not character.isascii())
    if encoding in ("cp932", "euc_jp"):
        known = blocks["kana"] + blocks["Han"] if 5 * blocks["kana"] >= blocks["Han"] else blocks["Han"] / 4
    elif encoding == "cp949":
        known = blocks["Hangul"]
    else:
        known = blocks["Han"] if not blocks["kana"] else 0
    share = (known + blocks["signs"]) / max(1, blocks.total())
    return share**3 * min(1.0, known / 3)


def _share_of_signs(text: str) -> float:
    """How much of the text beyond ASCII are quotation marks, dashes and such in their places. chardet looks at
    letters only."""
    places = [match.start() for match in _BEYOND_ASCII.finditer(text)]
    signs = (i for i in places if _kind(text[i]) == "sign")
    return sum(_PLACED_SIGN.match(text, i) is not None for i in signs) / max(1, len(places))


def _plausibility(text: str) -> float:
    """From 0 to 1: whether the characters beyond ASCII stand where such characters stand."""
    odd, total = 0.0, 0
    for word, count in Counter(_WORDS.findall(text)).items():
        if not word.isascii():
            total += count * len(_BEYOND_ASCII.findall(word))
            odd += count * _oddities(word)
    return max(0.0, 1 - odd / max(1, total))


def _oddities(word: str) -> float:
    """How many of the word's characters are not expected there."""
    odd = 0.0
    scripts = set()
    for i, character in enumerate(word):
        if character.isascii():
            if character.isalpha():
                scripts.add("Latin")
            continue
        kind = _kind(character)
        before, after = word[i - 1 : i] if i else "", word[i + 1 : i + 2]
        if kind == "bad":
            odd += 10
        elif kind == "sign":
            odd += before.isalpha() and (
                (after.isalpha() and character not in "’‘·´") or character in _NOT_AFTER_LETTERS
            )
        elif kind == "rare":
            odd += 0.5
        elif kind == "East":  # alone among Latin letters, of which its bytes may be two
            odd += (_is_ascii_letter(before) and not _is_east(after)) or (
                _is_ascii_letter(after) and not _is_east(before)
            )
        else:
            scripts.add(kind)
            odd += character.isupper() and (before.islower() or (before.isalpha() and after.islower()))
            odd += before.isupper() and character.islower() and i >= 2 and word[i - 2].isupper()
    if len(scripts) > 1:
        odd += sum(not character.isascii() for character in word)
    return odd


def _is_ascii_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()


def _is_east(character: str) -> bool:
    return bool(character) and _kind(character) == "East"


@cache
def _kind(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Cn", "Co", "Cs") or character == "\ufffd":
        return "bad"
    if category[0] not in "LM" or character in "ªºµƒ":
        return "sign"
    block = _block(character)
    if block in ("Han", "kana", "Hangul"):
        return "East"
    if block == "rare":
        return "rare"
    name = unicodedata.name(character, "").partition(" ")[0].capitalize()
    return "Latin" if name == "Modifier" else name
