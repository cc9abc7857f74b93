"""Checks of the text itself: invisible and garbled characters, secrets, email addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ftfy.badness import BADNESS_RE

_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]"
_GARBLED = r"[ÂÃâÐÑÎÏ][\u0080-\u00ff\u0152-\u0192\u02c6\u02dc\u2013-\u2122]|ï¿½|[\ufffd\ue000-\uf8ff]|锟斤拷|烫烫烫"
_PLACEHOLDER = r"<(?:image|video|audio)>|<\|(?:image|video|audio)(?:_pad|_1)?\|>"
_EMAIL = r"[A-Za-z0-9._%+-]@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"
_SECRETS = {
    "Hugging Face token": r"\bhf_[A-Za-z0-9]{20,}",
    "OpenAI or Anthropic key": r"\bsk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9_-]{20,}",
    "GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})",
    "GitLab token": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "Google API key": r"\bAIza[0-9A-Za-z_-]{35}",
    "Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "Stripe key": r"\b[rs]k_live_[A-Za-z0-9]{16,}",
    "JSON web token": r"\beyJ[A-Za-z0-9_-]{10,1000}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*",
    "private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----",
}

_MEANINGLESS = re.compile(r"[\x80-\x84\x86-\x9f\ufffd\ue000-\uf8ff]")

CONTROL, _GARBLED_RE, EMAIL, _PLACEHOLDER_RE = map(re.compile, (_CONTROL, _GARBLED, _EMAIL, _PLACEHOLDER))
"""EMAIL begins with the last character before the @: to look for more would take too long in a long word."""
SECRETS = {what: re.compile(pattern) for what, pattern in _SECRETS.items()}
"""Of a private key only its first line."""
KEY_BEGIN = SECRETS["private key"]
KEY_END = re.compile(_SECRETS["private key"].replace("BEGIN", "END"))


def _for_re2(pattern: str) -> str:
    """RE2 has no escapes such as \\u202a; and is linear without the limits that keep Python's own from starting long
    looks at each character of a long word."""
    pattern = pattern.replace("{10,1000}", "{10,}")
    return re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), pattern)


SUSPECT = _for_re2("|".join((_CONTROL, _GARBLED, _PLACEHOLDER, _EMAIL, *_SECRETS.values())))
"""What any of the checks can find has this in it: an expression for RE2, by which a column is searched at once."""


def text_faults(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Code and values of each kind of problem in the text, each kind once. None of them repeats a secret."""
    if control := CONTROL.search(text):
        yield "control_characters", {"character": f"U+{ord(control[0]):04X}"}
    if characters := _garbled_characters(text):
        yield "mojibake", {"found": characters}
    if placeholder := _PLACEHOLDER_RE.search(text):
        yield "media_placeholder", {"found": placeholder[0]}
    for what, pattern in SECRETS.items():
        if pattern.search(text):
            yield "secret", {"what": what}
            break
    if EMAIL.search(text):
        yield "email", {}


def is_garbled(text: str) -> bool:
    """It has characters that only come from reading bytes in a wrong encoding."""
    return bool(_MEANINGLESS.search(text) or _garbled_characters(text))


def _garbled_characters(text: str) -> str:
    """Characters that only come from reading text in a wrong encoding; ftfy knows the improbable sequences."""
    if not (candidate := _GARBLED_RE.search(text)):
        return ""
    if candidate[0] in ("ï¿½", "锟斤拷", "烫烫烫") or _MEANINGLESS.match(candidate[0]):
        return candidate[0]
    match = BADNESS_RE.search(text)
    return match[0][:20] if match else ""
