"""Names that people choose, and folder names derived from them."""

from __future__ import annotations

import re
import unicodedata

from studio.domain.errors import InvalidInput

MAX_NAME_CHARACTERS = 80

# Within a family of emoji, or a word in Persian or an Indic script: what is beside one looks otherwise for it.
JOINERS = re.compile(r"(?<=[^\x00-\x7f\u200c\u200d])[\u200c\u200d](?=[^\x00-\x7f\u200c\u200d])")


def check_name(name: str, what: str = "name") -> str:
    """The name without outer blanks.

    Raises:
        InvalidInput: it is empty, too long, or has characters that no line of text shows. `what` is the field.
    """
    clean = unicodedata.normalize("NFC", name).strip()
    if not clean:
        problem = InvalidInput("The name is empty.", "Give it a short name, such as captain-v1.")
    elif len(clean) > MAX_NAME_CHARACTERS:
        problem = InvalidInput(
            "The name has {length} characters.", "Keep it to {most}.", length=len(clean), most=MAX_NAME_CHARACTERS
        )
    elif any(unicodedata.category(c).startswith("C") for c in JOINERS.sub("", clean)) or set(clean) & set("/\\"):
        problem = InvalidInput(
            "The name contains a slash or an invisible character.", "Use letters, digits, spaces, dots and dashes."
        )
    else:
        return clean
    raise InvalidInput(problem.template, problem.remedy_template, fields={what: problem}, **problem.values)


def slug(name: str) -> str:
    """A folder or repository name: ASCII letters, digits, dots and dashes; "adapter" when nothing is left."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9.]+", "-", ascii_name).strip("-.")[:60] or "adapter"
