"""The colours can be read: WCAG AA, computed from the tokens of both schemes."""

import re
from pathlib import Path

import pytest

from studio.ui.theme import ADAPTER_COLOURS, DARK, LIGHT, TOKEN_OF_GRADIO_VARIABLE, css_variables, gradio_theme

STATIC = Path(__file__).parents[3] / "static"
SCHEMES = {"light": LIGHT, "dark": DARK}
TEXT, GRAPHIC = 4.5, 3.0  # WCAG 2.2: 1.4.3 for text, 1.4.11 for what a control is known by
GROUNDS = ("canvas", "surface", "inset")
PAIRS = [
    *((ink, ground, TEXT) for ink in ("text", "text-2", "accent", "err") for ground in GROUNDS),
    *(("text-3", ground, TEXT) for ground in GROUNDS),
    *((ink, ground, TEXT) for ink in ("ok", "warn") for ground in ("canvas", "surface", "inset")),
    ("text", "accent-soft", TEXT),
    ("accent", "accent-soft", TEXT),
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-strong", TEXT),
    *(("text", f"{kind}-soft", TEXT) for kind in ("ok", "warn", "err")),
    *((kind, f"{kind}-soft", TEXT) for kind in ("ok", "warn", "err")),
    *(("control", ground, GRAPHIC) for ground in ("surface", "canvas")),
    *((f"adapter-{n}", "surface", GRAPHIC) for n in range(ADAPTER_COLOURS + 1)),
]


def luminance(colour):
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
def test_what_is_written_can_be_read(scheme, ink, ground, least):
    tokens = SCHEMES[scheme]
    assert contrast(tokens[ink], tokens[ground]) >= least


def test_both_schemes_name_the_same_tokens():
    assert list(LIGHT) == list(DARK)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_two_adapters_share_a_colour(scheme):
    colours = [SCHEMES[scheme][f"adapter-{n}"] for n in range(ADAPTER_COLOURS + 1)]
    assert len(set(colours)) == len(colours)


def test_the_script_knows_as_many_adapter_colours_as_there_are():
    script = (STATIC / "ui/color.js").read_text("utf-8")
    assert re.search(r"const COLOURS = (\d+);", script)[1] == str(ADAPTER_COLOURS)


def test_every_colour_that_a_stylesheet_or_script_names_is_a_token():
    sources = [*STATIC.rglob("*.css"), *STATIC.rglob("*.js")]
    named = {name for file in sources for name in re.findall(r"var\(--s-([a-z0-9-]+[a-z0-9])", file.read_text("utf-8"))}
    assert named - {*LIGHT, "adapter"} == set()


def test_each_colour_of_gradio_is_one_of_ours_in_both_schemes():
    theme = gradio_theme()
    for variable, token in TOKEN_OF_GRADIO_VARIABLE.items():
        assert token in LIGHT
        assert getattr(theme, variable) == f"var(--s-{token})"
    assert theme.body_background_fill_dark == "var(--s-canvas)"


def test_the_dark_scheme_stands_behind_its_class():
    light, dark = css_variables().split("html.dark")
    assert f"--s-canvas:{LIGHT['canvas']};" in light
    assert f"--s-canvas:{DARK['canvas']};" in dark
