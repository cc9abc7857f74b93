"""The chat templates for models without one: what they write, what is learned of it, and who may choose."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from studio.domain.chat.spans import Messages, answer_spans, parts_of
from studio.domain.chat.templates import AUTOMATIC, TEMPLATES, TemplateChoice
from studio.domain.errors import StudioError
from studio.domain.spec.run_spec import RunSpec, describe, read_spec
from studio.services.models.chat_template import SAMPLE, load_chat_template, sample_conversation
from studio.services.runs.service import Runs
from studio.store.catalogue import Catalogue

SYSTEM = {"role": "system", "content": "Be kind."}
ASK = {"role": "user", "content": "Who?"}
ANSWER = {"role": "assistant", "content": "Me.\n\nAnd you?"}
CALL: dict[str, Any] = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": {"city": "巴黎"}}}],
}
TOLD = {"role": "tool", "content": "21 degrees"}
CONVERSATIONS: dict[str, list[dict[str, Any]]] = {
    "one turn": [ASK, ANSWER],
    "system": [SYSTEM, ASK, ANSWER],
    "several turns": [SYSTEM, ASK, ANSWER, ASK, ANSWER, ASK, ANSWER],
    "the same words everywhere": [ANSWER | {"role": "user"}, ANSWER, ANSWER | {"role": "user"}, ANSWER],
    "tools": [SYSTEM, ASK, CALL, TOLD, ANSWER],
    "assistant first": [ANSWER, ASK, ANSWER],
    "assistant after system": [SYSTEM, ANSWER, ASK, ANSWER],
}
WRITTEN = {
    "chatml": "<s><|im_start|>system\nBe kind.</s>\n<|im_start|>user\nWho?</s>\n<|im_start|>assistant\n",
    "llama-2": "<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nWho? [/INST]",
    "llama-3": "<s><|start_header_id|>system<|end_header_id|>\n\nBe kind.</s><|start_header_id|>user<|end_header_id|>"
    "\n\nWho?</s><|start_header_id|>assistant<|end_header_id|>\n\n",
    "zephyr": "<s><|system|>\nBe kind.</s>\n<|user|>\nWho?</s>\n<|assistant|>\n",
    "vicuna": "<s>Be kind. USER: Who? ASSISTANT:",
    "alpaca": "<s>Be kind.\n\n### Instruction:\nWho?\n\n### Response:\n",
    "plain": "<s>Be kind.\n\nUser: Who?\n\nAssistant:",
}

BEGINS = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]}

every_template = pytest.mark.parametrize("name", TEMPLATES)
every_conversation = pytest.mark.parametrize("messages", CONVERSATIONS.values(), ids=CONVERSATIONS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder without a chat template, whose tokenizer begins each text with a token."""
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "eos_token": "</s>"}))
    (tmp_path / "tokenizer.json").write_text(json.dumps({"post_processor": BEGINS}))
    return tmp_path


@pytest.fixture
def catalogue(tmp_path: Path, migrated: Path, folder: Path) -> Iterator[Catalogue]:
    """Knows a model with a chat template, and one without."""
    shutil.copy(migrated, tmp_path / "studio.db")
    catalogue = Catalogue(f"sqlite:///{tmp_path / 'studio.db'}")
    ready = {"source": "folder", "status": "ready", "path": str(folder)}
    catalogue.add_model(name="instruct", reference="instruct", chat_template=True, **ready)
    catalogue.add_model(name="base", reference="base", **ready)
    catalogue.add_dataset(
        name="rows", sha256="ab" * 32, file_name="rows.jsonl", path="", rows_path="", size=1, format="chat",
        rows=10, status="ready",
    )  # fmt: skip
    yield catalogue
    catalogue.close()


@every_template
def test_a_template_writes_what_it_is_known_for(folder: Path, name: TemplateChoice):
    assert load_chat_template(folder, name)([SYSTEM, ASK], True) == WRITTEN[name]


@every_template
@every_conversation
def test_every_answer_is_learned_with_the_models_own_end_token(folder: Path, name: TemplateChoice, messages: Messages):
    text, spans = answer_spans(messages, load_chat_template(folder, name))
    learned = [text[start:end] for start, end in spans]
    answers = [m for m in messages if m["role"] == "assistant"]
    assert len(learned) == len(answers)
    for one, message in zip(learned, answers, strict=True):
        assert one.endswith("</s>")
        assert one.count("</s>") == 1
        expected = message["content"] or '<tool_call>\n{"name": "weather", "arguments": {"city": "巴黎"}}\n</tool_call>'
        assert one.removesuffix("</s>").strip() == expected


@every_template
@every_conversation
def test_what_is_asked_is_the_beginning_of_what_is_trained(folder: Path, name: TemplateChoice, messages: Messages):
    render = load_chat_template(folder, name)
    whole = render(messages, False)
    for i, message in enumerate(messages[1:], 1):
        assert whole.startswith(render(messages[:i], False))
        if message["role"] == "assistant":
            assert whole.startswith(render(messages[:i], True))


@every_template
def test_no_word_of_a_conversation_is_lost(folder: Path, name: TemplateChoice):
    text = load_chat_template(folder, name)([SYSTEM, ASK, CALL, TOLD, ANSWER], False)
    for said in ("Be kind.", "Who?", '"weather"', "巴黎", "21 degrees", "Me.\n\nAnd you?"):
        assert text.count(said) == 1


@every_template
def test_a_tokenizer_without_an_end_token_is_refused_and_one_without_a_begin_token_is_not(
    folder: Path, name: TemplateChoice
):
    (folder / "tokenizer_config.json").write_text('{"eos_token": "</s>"}')
    assert load_chat_template(folder, name)([SYSTEM, ASK], True) == WRITTEN[name].replace("<s>", "")
    (folder / "tokenizer_config.json").write_text("{}")
    with pytest.raises(StudioError, match="no end token"):
        load_chat_template(folder, name)([ASK], True)


@every_template
def test_tools_are_listed_before_the_first_turn(folder: Path, name: TemplateChoice):
    render = load_chat_template(folder, name)
    tool = {"type": "function", "function": {"name": "weather", "description": "<b> & 天气"}}
    for messages in ([ASK], [SYSTEM, ASK]):
        text = render(messages, True, tools=[tool])
        listed = f"<tools>\n{json.dumps(tool, ensure_ascii=False)}\n</tools>"
        assert 0 < text.index(listed) < text.index("Who?")
        assert (SYSTEM in messages) == ("Be kind.\n\n# Tools" in text)


def test_automatic_is_the_models_own_template_and_else_chatml(folder: Path):
    assert load_chat_template(folder)([SYSTEM, ASK], True) == WRITTEN["chatml"]
    (folder / "chat_template.jinja").write_text("{{ messages[0].content }}")
    assert load_chat_template(folder)([ASK], True) == "Who?"
    assert load_chat_template(folder, "zephyr")([SYSTEM, ASK], True) == WRITTEN["zephyr"]


@every_template
@pytest.mark.parametrize(
    "steps",
    [
        None,
        {"type": "ByteLevel"},
        {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "</s>"}}]},
        {"type": "Sequence", "processors": [{"type": "ByteLevel"}]},
    ],
)
def test_a_tokenizer_that_knows_a_begin_token_and_does_not_use_it_gets_none(
    folder: Path, name: TemplateChoice, steps: Any
):
    (folder / "tokenizer.json").write_text(json.dumps({"post_processor": steps}))
    assert load_chat_template(folder, name)([SYSTEM, ASK], True) == WRITTEN[name].replace("<s>", "")
    (folder / "tokenizer.json").unlink()
    assert load_chat_template(folder, name)([SYSTEM, ASK], True) == WRITTEN[name].replace("<s>", "")


@every_template
@pytest.mark.parametrize(
    "steps",
    [
        {"type": "Sequence", "processors": [{"type": "ByteLevel"}, BEGINS]},
        {"type": "RobertaProcessing", "cls": ["<s>", 0], "sep": ["</s>", 1]},
    ],
)
def test_a_begin_token_is_written_wherever_the_tokenizer_says_that_it_puts_one(
    folder: Path, name: TemplateChoice, steps: Any
):
    (folder / "tokenizer.json").write_text(json.dumps({"post_processor": steps}))
    assert load_chat_template(folder, name)([SYSTEM, ASK], True) == WRITTEN[name]


def test_the_spec_offers_every_template_and_names_it():
    assert get_args(TemplateChoice) == (AUTOMATIC, *TEMPLATES)
    (knob,) = [f for section in describe() for f in section["fields"] if f["name"] == "chat_template"]
    labels = {choice["value"]: choice["label"] for choice in knob["choices"]}
    assert labels == {AUTOMATIC: "Automatic"} | {name: template.label for name, template in TEMPLATES.items()}


def spec(model: str, choice: str) -> RunSpec:
    return read_spec({"model": {"name": model, "chat_template": choice}, "data": {"name": "rows"}})


def test_any_model_can_be_trained_with_another_template_than_its_own(catalogue: Catalogue):
    runs = Runs(catalogue)
    runs.submit(spec("instruct", AUTOMATIC), "captain")
    for model, name in (("instruct", "skald"), ("base", "bard")):
        chosen = runs.get(runs.submit(spec(model, "zephyr"), name))
        assert chosen.spec["model"]["chat_template"] == "zephyr"


def test_the_sample_of_a_template_that_refuses_a_system_message_has_none(catalogue: Catalogue):
    template = "{% for m in messages %}{{ raise_exception('no') if m.role == 'system' }}[{{ m.content }}]{% endfor %}"
    (Path(catalogue.model("base").path) / "chat_template.jinja").write_text(template)
    text, _ = sample_conversation(catalogue.model("base"))
    assert text.startswith("[What is the capital of France?][Paris.]")


def test_the_sample_shows_what_is_written_and_what_is_learned(catalogue: Catalogue):
    text, spans = sample_conversation(catalogue.model("base"), "alpaca")
    assert text == load_chat_template(catalogue.model("base").path, "alpaca")(SAMPLE, False)
    assert [part for part, learned in parts_of(text, spans) if learned] == ["Paris.</s>", "Tokyo.</s>"]
    assert "".join(part for part, _ in parts_of(text, spans)) == text
    catalogue.change_model(catalogue.model("base").id, status="preparing")
    with pytest.raises(StudioError, match="not ready"):
        sample_conversation(catalogue.model("base"))
