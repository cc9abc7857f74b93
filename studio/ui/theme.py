"""Colours, type and spacing: CSS variables for our own views, and a Gradio theme that uses them."""

from __future__ import annotations

import inspect

import gradio as gr
from gradio.themes.utils.fonts import Font

LIGHT = {
    "canvas": "#F7F7F5",
    "surface": "#FFFFFF",
    "inset": "#F1F1EE",
    "text": "#17191C",
    "text-2": "#555B63",
    "text-3": "#666C75",
    "border": "#E4E3DF",
    "control": "#8A8F98",
    "accent": "#2B59D9",
    "accent-strong": "#2149BC",
    "accent-soft": "#E9EFFD",
    "on-accent": "#FFFFFF",
    "ok": "#14774A",
    "ok-soft": "#E6F4EC",
    "warn": "#8F5300",
    "warn-soft": "#FCF1DF",
    "err": "#B8321F",
    "err-soft": "#FCEBE8",
    "adapter-0": "#6B717A",
    "adapter-1": "#2B59D9",
    "adapter-2": "#B45309",
    "adapter-3": "#0F766E",
    "adapter-4": "#9D3C94",
    "adapter-5": "#4D7C0F",
    "adapter-6": "#BE185D",
    "adapter-7": "#6D28D9",
    "adapter-8": "#0369A1",
}
DARK = {
    "canvas": "#0D0F12",
    "surface": "#15181C",
    "inset": "#1C2026",
    "text": "#ECEDEF",
    "text-2": "#A7ADB6",
    "text-3": "#8B929C",
    "border": "#282D34",
    "control": "#6B727D",
    "accent": "#8FB0FF",
    "accent-strong": "#A9C2FF",
    "accent-soft": "#1B2744",
    "on-accent": "#0D0F12",
    "ok": "#4CC38A",
    "ok-soft": "#12281E",
    "warn": "#F0B04A",
    "warn-soft": "#2C2312",
    "err": "#FF8A75",
    "err-soft": "#311B17",
    "adapter-0": "#8B929C",
    "adapter-1": "#8FB0FF",
    "adapter-2": "#F0B04A",
    "adapter-3": "#4FD1C0",
    "adapter-4": "#E29AD9",
    "adapter-5": "#B5D96A",
    "adapter-6": "#FF8FB8",
    "adapter-7": "#B9A5FF",
    "adapter-8": "#67C7F5",
}
ADAPTER_COLOURS = sum(name.startswith("adapter-") for name in LIGHT) - 1  # adapter-0 is the base model, always grey

# A Gradio variable takes the token's value in both schemes, since the token itself changes with the scheme.
TOKEN_OF_GRADIO_VARIABLE = {
    "body_background_fill": "canvas",
    "body_text_color": "text",
    "body_text_color_subdued": "text-2",
    "background_fill_primary": "surface",
    "background_fill_secondary": "inset",
    "border_color_primary": "border",
    "border_color_accent": "accent",
    "color_accent": "accent",
    "color_accent_soft": "accent-soft",
    "link_text_color": "accent",
    "link_text_color_hover": "accent-strong",
    "link_text_color_active": "accent-strong",
    "link_text_color_visited": "accent",
    "block_background_fill": "surface",
    "block_border_color": "border",
    "block_info_text_color": "text-2",
    "block_label_background_fill": "surface",
    "block_label_text_color": "text-2",
    "block_title_text_color": "text",
    "panel_background_fill": "surface",
    "panel_border_color": "border",
    "input_background_fill": "surface",
    "input_background_fill_focus": "surface",
    "input_border_color": "control",
    "input_border_color_focus": "accent",
    "input_border_color_hover": "text-2",
    "input_placeholder_color": "text-3",
    "loader_color": "accent",
    "button_primary_background_fill": "accent",
    "button_primary_background_fill_hover": "accent-strong",
    "button_primary_border_color": "accent",
    "button_primary_text_color": "on-accent",
    "button_secondary_background_fill": "surface",
    "button_secondary_background_fill_hover": "inset",
    "button_secondary_border_color": "control",
    "button_secondary_text_color": "text",
    "error_text_color": "err",
    "error_border_color": "err",
    "error_background_fill": "surface",
    "error_icon_color": "err",
}
SANS = ("Inter", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "system-ui", "sans-serif")
MONO = ("JetBrains Mono", "ui-monospace", "Menlo", "Consolas", "Noto Sans Mono CJK SC", "monospace")


def css_variables() -> str:
    """The tokens as custom properties, `--s-accent` and so on; `html.dark` has the dark scheme."""
    return f":root{{{_declarations(LIGHT)}color-scheme:light}}html.dark{{{_declarations(DARK)}color-scheme:dark}}"


def css_variables_without_script() -> str:
    """As above; where the scheme is the system's, the browser itself chooses."""
    system = f"html[data-theme=system]{{{_declarations(DARK)}color-scheme:dark}}"
    return f"{css_variables()}@media (prefers-color-scheme:dark){{{system}}}"


def _declarations(tokens: dict[str, str]) -> str:
    return "".join(f"--s-{name}:{value};" for name, value in tokens.items())


def gradio_theme() -> gr.themes.Base:
    parameters = inspect.signature(gr.themes.Base.set).parameters
    colours = {
        variable + scheme: f"var(--s-{token})"
        for variable, token in TOKEN_OF_GRADIO_VARIABLE.items()
        for scheme in ("", "_dark")
        if variable + scheme in parameters
    }
    return gr.themes.Base(font=[Font(name) for name in SANS], font_mono=[Font(name) for name in MONO]).set(
        **colours,
        block_radius="10px",
        block_shadow="none",
        block_shadow_dark="none",
        block_border_width="0px",
        block_padding="0px",
        layout_gap="16px",
    )
