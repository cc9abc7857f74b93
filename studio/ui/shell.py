"""The frame that every page stands in: navigation, heading and what runs now, in the first bytes of the document.

Gradio draws nothing until its script has started, half a second or more after the page came. So the frame, and the
skeletons of the page's views, are written here on the server; Gradio's own document gives only its configuration
and its assets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import escape
from typing import NamedTuple

from studio.ui.language import LANGUAGES, translate
from studio.ui.page import Page
from studio.ui.static_files import imported_modules
from studio.ui.theme import css_variables

PRODUCT = "Adapter Studio"
THEMES = ("light", "dark", "system")
THEME_COOKIE = "studio_theme"
HTML_LANGUAGE = {"en": "en", "zh": "zh-CN"}


SUN = (
    "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M2 12h2M20 12h2"
    "M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4"
)
GLOBE = "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM3 12h18M12 3c-5 5.5-5 12.5 0 18M12 3c5 5.5 5 12.5 0 18"
DOOR = "M14 4h5v16h-5M4 12h10M10 8l4 4-4 4"
FRAME_SCRIPT = "frame/index.js"
# In this order, since a later rule goes before an earlier one: the parts that every page is made of, and what gives way
# on a narrow page. A page's own come after them.
STYLES = (
    "base", "frame", "gradio", "layout", "buttons", "fields", "choices", "facts", "tables", "tabs", "states", "dialogs",
    "charts", "narrow",
)  # fmt: skip
PRELOADED_FONTS = ("inter-latin.woff2", "jetbrains-mono-latin.woff2")

# Before the first paint: the scheme that was chosen, else that of the page around (a Space asks so), else the system's.
# And whenever the choice changes, the system's scheme does, or Gradio puts its own in the place of the chosen one.
SCHEME_SCRIPT = """
(() => {
  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
  const around = new URLSearchParams(location.search).get("__theme");
  const apply = () => {
    const theme = root.dataset.theme !== "system" ? root.dataset.theme : around || "system";
    const on = theme === "dark" || (theme !== "light" && dark.matches);
    root.classList.toggle("dark", on);
    document.body?.classList.toggle("dark", on);
  };
  apply();
  dark.addEventListener("change", () => setTimeout(apply));
  new MutationObserver(apply).observe(root, {attributeFilter: ["data-theme"]});
  addEventListener("DOMContentLoaded", () => {
    apply();
    new MutationObserver(apply).observe(document.body, {attributeFilter: ["class"]});
  });
})();
"""


class Heading(NamedTuple):
    title: str
    lead: str


class GradioParts(NamedTuple):
    """What a page needs of the document that Gradio wrote."""

    configuration: str
    stylesheets: str
    modules: str

    @classmethod
    def of(cls, document: str) -> GradioParts:
        """Raises ValueError where the document is not as Gradio 6 writes it."""
        configuration = re.findall(r"<script>(window\.gradio_(?:config|api_info) = .*?;)</script>", document, re.DOTALL)
        stylesheets = re.findall(r'<link rel="stylesheet"[^>]* href="([^"]+)"', document)
        modules = re.findall(r'<script type="module"[^>]*></script>|<link rel="modulepreload"[^>]*>', document)
        if len(configuration) != 2 or not stylesheets or not modules:
            raise ValueError("Gradio's page is not laid out as Gradio 6 does it.")
        # In a layer, what Gradio sets for every button and input gives way to our own rules. Gradio's script would add
        # the same sheet outside the layer, unless it finds one of that address: here is one that never applies.
        layered = "".join(
            f'<link rel="stylesheet" media="not all" href="{address}">'
            f'<style>@import url("{address}") layer(gradio);</style>'
            for address in stylesheets
        )
        return cls("\n".join(configuration), layered, "\n".join(modules))


def document(
    page: Page,
    heading: Heading,
    skeleton: str,
    gradio: GradioParts,
    *,
    pages: tuple[Page, ...],
    script: str | None,
    styles: tuple[str, ...],
    version: str,
    language: str,
    theme: str,
    nonce: str,
    can_sign_out: bool = False,
) -> str:
    """The whole HTML document of a page.

    Args:
        skeleton: HTML of the page's views before they are drawn.
        pages: those in the navigation.
        script: static path of the page's own module, if it has one.
        styles: static paths of the page's own stylesheets.
        version: of the static files; part of their address, so that they can be kept for ever.
        theme: light, dark or system.
        nonce: of the inline scripts, as the Content-Security-Policy names it.
        can_sign_out: there is a login.
    """

    def t(text: str) -> str:
        return escape(translate(text, language))

    title = t(heading.title)
    static, dictionary = f"./static/{version}", f"./text/{language}.js?v={version}"
    scripts = (FRAME_SCRIPT, *([script] if script else []))
    dependencies = dict.fromkeys(
        module for each in scripts for module in imported_modules(each) if module not in scripts
    )
    preloads = (*(f"{static}/{module}" for module in dependencies), dictionary)
    # For what does not know the version: import("studio/lib/dom.js"). Modules name each other by relative paths.
    import_map = json.dumps({"imports": {"studio/": f"{static}/", "studio/text": dictionary}})
    stylesheets = stylesheet_links(static, *(f"styles/{name}.css" for name in STYLES), *styles)
    fonts = "".join(
        f'<link rel="preload" href="{static}/fonts/{name}" as="font" type="font/woff2" crossorigin>'
        for name in PRELOADED_FONTS
    )
    modules = "".join(
        [f'<link rel="modulepreload" href="{address}">' for address in preloads]
        + [f'<script type="module" src="{static}/{path}"></script>' for path in scripts]
    )
    return f"""<!doctype html>
<html lang="{"zh-CN" if language == "zh" else "en"}" data-theme="{theme}" class="{"dark" if theme == "dark" else ""}">
<head>
<meta charset="utf-8">
<base href="./">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title if page.path == "" else f"{title} · {PRODUCT}"}</title>
<link rel="icon" href="{static}/icon.svg" type="image/svg+xml">
{fonts}
{gradio.stylesheets}
<style>{css_variables()}</style>
{stylesheets}
<script nonce="{nonce}">{SCHEME_SCRIPT}</script>
<script nonce="{nonce}">window.__gradio_mode__ = "app";
{gradio.configuration}</script>
<script nonce="{nonce}" type="importmap">{import_map}</script>
{modules}
{gradio.modules}
</head>
<body>
<a class="skip" href="{escape(page.path) or "./"}#page-title">{t("Skip to the content")}</a>
<div class="frame">
<header class="side">
<a class="brand" href="./"><img src="{static}/icon.svg" width="22" height="22" alt="">{PRODUCT}</a>
<nav class="nav" aria-label="{t("Pages")}">{"".join(_link(p, p == page, t(p.title)) for p in pages)}</nav>
<div class="foot">
<a class="live" id="live" href="./runs" hidden></a>
<div class="tools">{_switches(language, theme, t)}{_sign_out(t) if can_sign_out else ""}</div>
</div>
</header>
<div class="page">
<section class="page-head" aria-labelledby="page-title">
<div><h1 id="page-title" tabindex="-1">{title}</h1><p id="page-lead">{t(heading.lead) if heading.lead else ""}</p></div>
<div class="page-actions" id="page-actions"></div>
</section>
<div class="boot" aria-hidden="true">{skeleton}</div>
<gradio-app control_page_title="false" embed="false" eager="true"></gradio-app>
<noscript><p>{t("Adapter Studio needs JavaScript. Allow it for this address, then reload the page.")}</p></noscript>
</div>
</div>
</body>
</html>
"""


def stylesheet_links(static: str, *paths: str) -> str:
    return "".join(f'<link rel="stylesheet" href="{static}/{path}">' for path in paths)


def _icon(path: str) -> str:
    return (
        '<svg viewBox="0 0 24 24" width="18" height="18" fill="none" stroke="currentColor" stroke-width="1.8" '
        f'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="{path}"/></svg>'
    )


def _link(page: Page, current: bool, title: str) -> str:
    return (
        f'<a href="./{page.path}"{" aria-current=page" if current else ""}>{_icon(page.icon)}<span>{title}</span></a>'
    )


def _sign_out(t: Callable[[str], str]) -> str:
    label = t("Sign out")
    return (
        f'<form method="post" action="./sign-out"><button id="sign-out" title="{label}" aria-label="{label}">'
        f"{_icon(DOOR)}<span>{label}</span></button></form>"
    )


def _switches(language: str, theme: str, t: Callable[[str], str]) -> str:
    other = next(name for name in LANGUAGES if name != language)
    theme_label = {"light": t("Light"), "dark": t("Dark"), "system": t("System")}[theme]
    colours = t("Colours")
    return (
        f'<button type="button" id="switch-theme" title="{colours}" aria-label="{colours}: {theme_label}">'
        f"{_icon(SUN)}<span>{theme_label}</span></button>"
        f'<button type="button" id="switch-language" data-language="{other}" lang="{HTML_LANGUAGE[other]}">'
        f"{_icon(GLOBE)}<span>{LANGUAGES[other]}</span></button>"
    )
