"""English source strings, and the dictionary that turns them into 简体中文."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from studio.domain.errors import StudioError, fill

LANGUAGES = {"en": "English", "zh": "简体中文"}
COOKIE = "studio_language"
DICTIONARIES = Path(__file__).parent / "text"


@cache
def dictionary(language: str) -> dict[str, str]:
    """English source string → the same in `language`; empty for English."""
    path = DICTIONARIES / f"{language}.json"
    return json.loads(path.read_text("utf-8")) if language in LANGUAGES and path.is_file() else {}


def translate(template: str, language: str, **values: Any) -> str:
    return fill(dictionary(language).get(template, template), values)


def problem_of(error: StudioError, language: str) -> str:
    return translate(error.template, language, **error.values)


def remedy_of(error: StudioError, language: str) -> str:
    return translate(error.remedy_template, language, **error.values)


def sentence_of(error: StudioError, language: str) -> str:
    """Problem and remedy in one line, as it stands below a field."""
    return f"{problem_of(error, language)} {remedy_of(error, language)}".strip()


def language_of(request: Any) -> str:
    """The language that the reader chose, else the one that the browser prefers; `request` may be None."""
    if request is None:
        return "en"
    language = request.cookies.get(COOKIE, "")
    return language if language in LANGUAGES else preferred_language(request.headers.get("accept-language", ""))


def preferred_language(accept_language: str) -> str:
    """The first language of ours in an Accept-Language header, by its weights."""
    candidates = []
    for position, part in enumerate(accept_language.split(",")):
        tag, _, parameters = part.strip().partition(";")
        weight = parameters.strip().removeprefix("q=")
        try:
            candidates.append((-float(weight or 1), position, tag.strip().lower().partition("-")[0]))
        except ValueError:
            continue
    return next((tag for weight, _, tag in sorted(candidates) if tag in LANGUAGES and weight < 0), "en")
