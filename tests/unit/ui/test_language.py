"""Every word that a reader can see exists in both languages."""

import ast
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from studio.domain.chat.templates import TEMPLATES
from studio.domain.datasets.clean_actions import ACTIONS
from studio.domain.datasets.problem_kinds import PROBLEM_KINDS
from studio.domain.errors import InvalidInput, StudioError
from studio.domain.metrics import METRICS
from studio.domain.spec.presets import PRESETS
from studio.domain.spec.run_spec import describe
from studio.ui.language import LANGUAGES, dictionary, language_of, preferred_language, sentence_of, translate

ROOT = Path(__file__).parents[3]
SCRIPTS = sorted((ROOT / "static").rglob("*.js"))
# The command line and the start speak English; what the rest says can reach a page.
MODULES = sorted(
    file for file in (ROOT / "studio").rglob("*.py") if not {"cli", "migrations"} & set(file.relative_to(ROOT).parts)
)
QUIET = {"settings.py", "installation.py", "lock.py", "model_card.py"}  # the start, and the card on the Hub
SENTENCE = re.compile(r"[A-Z“{].* .*\.", re.DOTALL)
UNSEEN = {  # said to a chat template, by transformers, and to whoever updates Gradio
    "You are a helpful assistant.",
    "Cannot apply chat template to an empty conversation. Provide at least one message.",
    "Gradio's page is not laid out as Gradio 6 does it.",
}
LOGS = {"debug", "info", "warning", "error", "exception"}
SPOKEN_IN_JS = re.compile(r'\bt\(\s*("(?:[^"\\]|\\.)*")\s*([,)+])')
CHOSEN_IN_JS = re.compile(r'\bt\((?!\s*")[^()"]*\?\s*"')
PLACE = re.compile(r"\{(\w+(?::[^}|]*)?)\}")  # words for one and for many are needed in English alone
TRANSLATED = {name: dictionary(name) for name in LANGUAGES if name != "en"}


def trees():
    return {file: ast.parse(file.read_text("utf-8")) for file in MODULES}


def error_classes(modules):
    """Names of StudioError and of all that derives from it."""
    names = {"StudioError"}
    classes = [node for tree in modules.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    while found := {c.name for c in classes if {getattr(b, "id", "") for b in c.bases} & names} - names:
        names |= found
    return names


def literals(nodes):
    """Texts among the nodes, and those between which one of them chooses."""
    found = []
    for node in nodes:
        if isinstance(node, ast.IfExp):
            found += literals([node.body, node.orelse])
        elif isinstance(node, ast.BoolOp):
            found += literals(node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
            found.append(node.value)
    return found


def spoken_in_declarations():
    """What is declared as data: every setting, metric, kind of problem, cleaning action, chat template and preset."""
    found = {*PRESETS, *(template.label for template in TEMPLATES.values())}
    for section in describe():
        found.add(section["title"])
        for field in section["fields"]:
            found |= {field["label"], field["help"], *(choice["label"] for choice in field["choices"])}
    for metric in METRICS:
        found |= {metric.label, metric.help}
    for kind in PROBLEM_KINDS.values():
        found |= {kind.title, kind.message, kind.remedy}
    for action in ACTIONS.values():
        found |= {text for way in action.ways for text in (way.label, way.found, way.also, way.done) if text}
        found |= {action.traits.not_changed} - {""}
    return dict.fromkeys(found, "declared")


def spoken_in_python():
    """English text → where it is said: what is declared, errors, translate(…) and t(…), and whatever N_(…) marks."""
    modules = trees()
    errors = error_classes(modules)
    found = spoken_in_declarations()
    for file, tree in modules.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in errors and file.name not in QUIET:
                said = [*node.args[:2], *(k.value for k in node.keywords if k.arg in ("problem", "remedy"))]
                found |= dict.fromkeys(literals(said), file.name)
            elif name in ("N_", "t", "translate"):
                found |= dict.fromkeys(literals(node.args[:1]), file.name)
    return found


def sentences_in_python():
    """Whatever reads like a sentence and is neither documentation nor a line of a log."""
    found = {}
    for file, tree in trees().items():
        unsaid = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                unsaid |= {id(part) for part in node.values}
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in LOGS:
                unsaid |= {id(argument) for argument in node.args}
        if file.name not in QUIET:
            said = literals(node for node in ast.walk(tree) if id(node) not in unsaid)
            found |= {text: file.name for text in said if SENTENCE.fullmatch(text)}
    return {text: file for text, file in found.items() if text not in UNSEEN}


def spoken_in_scripts():
    return {
        json.loads(text): file.name for file in SCRIPTS for text, _ in SPOKEN_IN_JS.findall(file.read_text("utf-8"))
    }


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_visible_string_is_translated(language):
    spoken = spoken_in_python() | spoken_in_scripts()
    assert len(spoken) > 60
    assert {text: file for text, file in spoken.items() if text not in TRANSLATED[language]} == {}


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_sentence_whose_mark_was_forgotten_is_found(language):
    assert {text: file for text, file in sentences_in_python().items() if text not in TRANSLATED[language]} == {}


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_translation_outlives_its_source(language):
    written = "\n".join(file.read_text("utf-8") for file in SCRIPTS)
    literal = {text for tree in trees().values() for text in literals(ast.walk(tree))}
    said = spoken_in_scripts()
    assert [
        text
        for text in TRANSLATED[language]
        if text not in literal and text not in said and json.dumps(text) not in written
    ] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_keeps_the_places_of_its_values(language):
    assert {
        text: said
        for text, said in TRANSLATED[language].items()
        if set(PLACE.findall(text)) != set(PLACE.findall(said))
    } == {}


def test_a_dictionary_is_sorted_so_that_two_changes_seldom_meet():
    for language in TRANSLATED:
        text = (ROOT / "studio/ui/text" / f"{language}.json").read_text("utf-8")
        assert text == json.dumps(json.loads(text), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_a_script_names_each_string_whole_so_that_it_can_be_found(file):
    script = file.read_text("utf-8")
    assert [text for text, after in SPOKEN_IN_JS.findall(script) if after == "+"] == []
    assert CHOSEN_IN_JS.findall(script) == []


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,en;q=0.9,zh-CN;q=0.8", "en"),
        ("en;q=0.5, zh-TW;q=0.7", "zh"),
        ("fr-FR, de;q=0.9", "en"),
        ("fr, zh;q=0.3", "zh"),
        ("zh;q=0, en", "en"),
        ("zh;q=nonsense", "en"),
    ],
)
def test_the_language_is_the_browsers_favourite_of_ours(header, language):
    assert preferred_language(header) == language


def test_a_chosen_language_goes_before_the_browsers():
    request = SimpleNamespace(cookies={"studio_language": "en"}, headers={"accept-language": "zh-CN"})
    assert language_of(request) == "en"


def test_an_unknown_choice_is_passed_over():
    request = SimpleNamespace(cookies={"studio_language": "../../etc"}, headers={"accept-language": "zh-CN"})
    assert language_of(request) == "zh"


def test_values_are_filled_in_after_the_template_is_translated():
    assert translate("Select {name}", "zh", name="tone {v3}") == "选择 tone {v3}"


def test_what_has_no_translation_stays_english():
    assert translate("Nobody says this {n} times.", "zh", n=2) == "Nobody says this 2 times."


def test_an_error_is_one_sentence_in_the_readers_language():
    fault = StudioError("The uploaded file is gone.", "Choose the file again.")
    assert sentence_of(fault, "zh") == "上传的文件已不存在。 请重新选择文件。"
    assert sentence_of(InvalidInput("The uploaded file is gone."), "en") == "The uploaded file is gone."


@pytest.mark.parametrize(
    ("n", "said"), [(1, "1 row"), ("1", "1 row"), (0, "0 rows"), (2, "2 rows"), ("1,000", "1,000 rows")]
)
def test_what_is_counted_stands_in_the_singular_where_there_is_one(n, said):
    fault = StudioError("{n} {n:row|rows}", n=n)
    assert (fault.problem, StudioError.from_dict(fault.as_dict()).problem) == (said, said)


def test_one_row_that_cannot_be_trained_on_is_not_called_rows():
    template = "{count} {count:row|rows} of “{name}” cannot be trained on."
    assert StudioError(template, count=1, name="a").problem == "1 row of “a” cannot be trained on."
    assert translate(template, "zh", count=1, name="a") == translate(template, "zh", count="1", name="a")
