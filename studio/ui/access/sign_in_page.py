"""The sign-in page: HTML without a script."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

from studio.ui.language import LANGUAGES, translate
from studio.ui.shell import HTML_LANGUAGE, PRODUCT, THEMES, stylesheet_links
from studio.ui.theme import css_variables_without_script

STYLES = tuple(f"styles/{name}.css" for name in ("base", "frame", "layout", "buttons", "fields", "sign_in", "narrow"))


def sign_in_page(
    *, language: str, theme: str, version: str, onward: str, name: str = "", problem: str = "", wait: int = 0
) -> str:
    """`onward` is the page to go on to; `name` what was given before; `problem` a template with {seconds}, what was
    wrong with the last answer."""

    def t(text: str, **values: object) -> str:
        return escape(translate(text, language, **values))

    other = next(name for name in LANGUAGES if name != language)
    switch = escape("./sign-in?" + urlencode({"language": other, "next": onward}))
    alert = f'<p class="field-error" id="wrong" role="alert">{t(problem, seconds=wait)}</p>' if problem else ""
    bad = ' aria-invalid="true" aria-describedby="wrong"' if problem else ""
    scheme = theme if theme in THEMES else "system"
    static = f"./static/{version}"
    icon = f"{static}/icon.svg"
    return f"""<!doctype html>
<html lang="{HTML_LANGUAGE[language]}" data-theme="{scheme}" class="{"dark" if scheme == "dark" else ""}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{t("Sign in")} · {PRODUCT}</title>
<link rel="icon" href="{icon}" type="image/svg+xml">
<style>{css_variables_without_script()}</style>
{stylesheet_links(static, *STYLES)}
</head>
<body>
<main class="entrance">
<span class="brand"><img src="{icon}" width="22" height="22" alt="">{PRODUCT}</span>
<form class="card" method="post" action="./sign-in">
<h1>{t("Sign in")}</h1>
{alert}
<div class="field"><label for="name">{t("Name")}</label>
<input id="name" name="name" value="{escape(name)}" required{"" if name else " autofocus"} autocomplete="username"
 autocapitalize="none" spellcheck="false"{bad}></div>
<div class="field"><label for="password">{t("Password")}</label>
<input id="password" name="password" type="password" required{" autofocus" if name else ""}
 autocomplete="current-password"{bad}></div>
<input type="hidden" name="next" value="{escape(onward)}">
<button class="button primary large">{t("Sign in")}</button>
</form>
<nav><a href="{switch}" lang="{HTML_LANGUAGE[other]}">{LANGUAGES[other]}</a></nav>
</main>
</body>
</html>
"""
