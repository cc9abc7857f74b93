"""The web process renders chat templates as transformers does, and shows what a tokenizer trains."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import trl
from jinja2 import TemplateError
from transformers import AutoTokenizer

from studio.domain.chat.spans import Messages, Render, Tools, answer_spans, spans_of, turns_of
from studio.domain.chat.template_faults import template_refusal
from studio.domain.chat.template_traits import traits_of
from studio.domain.errors import StudioError
from studio.services.models.chat_template import load_chat_template, render
from studio.worker.tokenization.load import load_chat_tokenizer, renderer
from tests.support.tool_conversations import HERMES, QWEN, WEATHER

FAMILIES = Path(trl.__file__).parent / "chat_templates"
SYSTEM = {"role": "system", "content": "Be <brief> & kind."}
ASK = {"role": "user", "content": 'What is "1 < 2"? 船长 \u2028 ⚓'}
ANSWER = {"role": "assistant", "content": "  True.\n\nAnd more.  "}
CONVERSATIONS: list[list[dict[str, str]]] = [
    [ASK],
    [ASK, ANSWER],
    [SYSTEM, ASK, ANSWER],
    [SYSTEM, ASK, ANSWER, ASK, ANSWER],
    [ASK, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes."}, ASK, ANSWER],
]

# Each has what the one before lacks: tokens, trimming, refusals, namespaces, loop controls, filters, answer marks.
TEMPLATES = {
    "chatml": "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "llama": "{{ bos_token }}\n{%- for m in messages %}\n    {%- if m.role == 'user' %}\n{{ '[INST] ' + m.content + "
    "' [/INST]' }}\n    {%- elif m.role == 'assistant' %}\n{{ ' ' + m.content | trim + ' ' + eos_token }}\n"
    "    {%- else %}\n{{- raise_exception('no ' + m.role) }}\n    {%- endif %}\n{%- endfor %}",
    "thinking": "{% set ns = namespace(last=-1) %}{% for m in messages %}{% if m.role == 'user' %}"
    "{% set ns.last = loop.index0 %}{% endif %}{% endfor %}{% for m in messages %}"
    "{% set text = m.content %}{% if '</think>' in text and loop.index0 < ns.last %}"
    "{% set text = text.split('</think>')[-1].lstrip('\n') %}{% endif %}"
    "<|{{ m.role }}|>{{ text }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}",
    "marked": "{% for m in messages %}{% if m.role == 'system' %}{% continue %}{% endif %}"
    "{{ m | tojson }}{{ {'a': '<é>'} | tojson(indent=2) }}{% if m.role == 'assistant' %}"
    "{% generation %}{{ m.content }}{{ eos_token }}{% endgeneration %}{% endif %}{% endfor %}"
    "{{ dict(a=1) }}{{ strftime_now('%Y') }}{{ tools is none }}{{ documents is none }}{{ missing is defined }}",
}  # fmt: skip


def theirs_of(tokenizer: Any) -> Render:
    """The chat template as transformers itself renders it, in this process."""

    def render(messages: Messages, add_generation_prompt: bool, tools: Tools | None = None) -> str:
        try:
            return str(
                tokenizer.apply_chat_template(
                    list(messages), tools=tools and list(tools), tokenize=False,
                    add_generation_prompt=add_generation_prompt,
                )
            )  # fmt: skip
        except Exception as error:
            raise template_refusal(error) from error

    return render


@pytest.fixture(scope="module")
def starter() -> Path:
    return Path(os.environ["STUDIO_TEST_STARTER"])


@pytest.fixture(scope="module", params=["starter", *TEMPLATES])
def tokenizer(request: pytest.FixtureRequest, starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The starter's, with its own chat template or another."""
    folder = starter
    if request.param != "starter":
        folder = tmp_path_factory.mktemp(request.param)
        for file in starter.glob("*token*.json"):
            shutil.copy(file, folder)
        (folder / "chat_template.jinja").write_text(TEMPLATES[request.param], "utf-8")
    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("messages", CONVERSATIONS)
@pytest.mark.parametrize("add_generation_prompt", [False, True])
def test_a_conversation_is_rendered_as_transformers_renders_it(
    tokenizer: Any, messages: list[dict[str, str]], add_generation_prompt: bool
) -> None:
    model = tokenizer.name_or_path
    try:
        theirs = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=add_generation_prompt)
    except TemplateError as error:
        with pytest.raises(StudioError) as caught:
            render(model, messages, add_generation_prompt)
        assert str(error) in caught.value.problem
    else:
        assert render(model, messages, add_generation_prompt) == theirs


def test_special_tokens_are_found_wherever_a_tokenizer_keeps_them(starter: Path, tmp_path: Path) -> None:
    shutil.copy(starter / "tokenizer.json", tmp_path)
    config = json.loads((starter / "tokenizer_config.json").read_text("utf-8"))
    template = "{{ bos_token }}|{{ eos_token }}|{{ pad_token }}|{{ messages[0].content }}"
    moved: dict[str, Any] = {"bos_token": {"content": "<|im_start|>"}, "eos_token": "<|im_end|>"}
    config |= {"chat_template": [{"name": "tool_use", "template": "x"}, {"name": "default", "template": template}]}
    config = {key: value for key, value in config.items() if key not in moved}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    (tmp_path / "special_tokens_map.json").write_text(json.dumps(moved), "utf-8")
    theirs = AutoTokenizer.from_pretrained(tmp_path).apply_chat_template([ASK], tokenize=False)
    assert render(tmp_path, [ASK]) == theirs
    assert theirs.startswith("<|im_start|>|<|im_end|>|")


@pytest.mark.parametrize("template", [HERMES, QWEN])
def test_tools_and_their_calls_are_rendered_as_transformers_renders_them(
    starter: Path, tmp_path: Path, template: str
) -> None:
    for file in starter.glob("*token*.json"):
        shutil.copy(file, tmp_path)
    (tmp_path / "chat_template.jinja").write_text(template, "utf-8")
    ours, theirs = load_chat_template(tmp_path), theirs_of(AutoTokenizer.from_pretrained(tmp_path))
    tools = WEATHER["tools"]
    for turns in range(1, 5):
        messages = WEATHER["messages"][:turns]
        assert ours(messages, turns % 2 == 1, tools) == theirs(messages, turns % 2 == 1, tools)
        assert ours(messages, False) == theirs(messages, False) != theirs(messages, False, tools)
    text, found = turns_of(WEATHER, ours)
    assert (text, found) == turns_of(WEATHER, theirs)
    spans = spans_of(text, found)
    assert text[slice(*spans[0])].startswith("<tool_call>") and text[slice(*spans[0])].endswith(
        "</tool_call><|im_end|>"
    )


@pytest.mark.parametrize("in_files", [True, False])
def test_a_template_of_its_own_for_tools_is_used_where_there_are_tools(
    starter: Path, tmp_path: Path, in_files: bool
) -> None:
    for file in starter.glob("*token*.json"):
        shutil.copy(file, tmp_path)
    plain, with_tools = "{{ messages | length }} turns", "{{ tools | length }} tools"
    if in_files:
        (tmp_path / "chat_template.jinja").write_text(plain, "utf-8")
        (tmp_path / "additional_chat_templates").mkdir()
        (tmp_path / "additional_chat_templates" / "tool_use.jinja").write_text(with_tools, "utf-8")
    else:
        config = json.loads((tmp_path / "tokenizer_config.json").read_text("utf-8"))
        config["chat_template"] = [
            {"name": n, "template": s} for n, s in (("default", plain), ("tool_use", with_tools))
        ]
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    ours, theirs = load_chat_template(tmp_path), theirs_of(AutoTokenizer.from_pretrained(tmp_path))
    for tools in (None, WEATHER["tools"]):
        assert ours([ASK], False, tools) == theirs([ASK], False, tools)


@pytest.mark.parametrize("messages", CONVERSATIONS)
def test_the_answers_shown_are_those_that_the_tokenizers_own_rendering_gives(
    starter: Path, messages: list[dict[str, str]]
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(starter)
    theirs = answer_spans(
        messages,
        lambda turns, prompt: tokenizer.apply_chat_template(list(turns), tokenize=False, add_generation_prompt=prompt),
    )
    text, spans = answer_spans(messages, load_chat_template(starter))
    assert (text, spans) == theirs
    expected = [m["content"] + "<|im_end|>" for m in messages if m["role"] == "assistant"]
    assert [text[start:end] for start, end in spans] == expected


def folder_with(starter: Path, folder: Path, template: str | None, **changed: Any) -> Path:
    """The starter's tokenizer with that chat template, and changes of its tokenizer.json."""
    folder.mkdir(exist_ok=True)
    for file in starter.glob("*token*.json"):
        shutil.copy(file, folder)
    if template is not None:
        (folder / "chat_template.jinja").write_text(template, "utf-8")
    told = json.loads((folder / "tokenizer.json").read_text("utf-8")) | changed
    (folder / "tokenizer.json").write_text(json.dumps(told), "utf-8")
    return folder


BEGINS = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<|im_start|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {"<|im_start|>": {"id": "<|im_start|>", "ids": [1], "tokens": ["<|im_start|>"]}},
}
SPLITS = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": True}


@pytest.mark.parametrize("choice", ["auto", "zephyr", "llama-2"])
@pytest.mark.parametrize(
    ("steps", "begins"),
    [
        (BEGINS, True),
        ({"type": "Sequence", "processors": [SPLITS, BEGINS]}, True),
        ({"type": "RobertaProcessing", "sep": ["<|im_end|>", 2], "cls": ["<|im_start|>", 1], "trim_offsets": True,
          "add_prefix_space": False}, True),
        (SPLITS, False),
        (None, False),
    ],
    ids=["template", "sequence", "roberta", "bytes", "nothing"],
)  # fmt: skip
def test_a_begin_token_is_written_where_the_tokenizer_writes_one_before_a_text(
    starter: Path, tmp_path: Path, choice: Any, steps: Any, begins: bool
) -> None:
    folder = folder_with(starter, tmp_path / "base", None, post_processor=steps)
    tokenizer = load_chat_tokenizer(folder, choice)
    assert (tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id) == begins
    ours, theirs = load_chat_template(folder, choice), theirs_of(tokenizer)
    for messages in CONVERSATIONS[:4]:
        text = ours(messages, False)
        assert text == theirs(messages, False)
        again = "<|im_start|>" * begins + ("<|im_start|>" if choice == "auto" else "")
        assert text.startswith(again) and not text.startswith(again + "<|im_start|>")


@pytest.mark.parametrize("own", sorted(FAMILIES.glob("*_training.jinja")), ids=lambda file: file.stem)
def test_a_well_known_model_is_trained_with_the_template_that_keeps_more(
    starter: Path, tmp_path: Path, own: Path
) -> None:
    """The page and the worker choose alike, the prompt is that of the model, and nothing that it kept is lost."""
    family = own.with_name(own.name.replace("_training", ""))
    folder = folder_with(starter, tmp_path / "base", source := family.read_text("utf-8"))
    tokenizer = load_chat_tokenizer(folder, "auto")
    ours, theirs = load_chat_template(folder), theirs_of(tokenizer)
    plain = renderer(tokenizer, source)
    for messages in CONVERSATIONS:
        for add_generation_prompt in (False, True):
            said = []
            for render_one in (ours, theirs, plain):
                try:
                    said.append(render_one(messages, add_generation_prompt))
                except StudioError as error:
                    said.append(str(error))
            assert said[0] == said[1]
            if add_generation_prompt and messages == [ASK]:
                assert said[1] == said[2]
    kept, before = traits_of(theirs), traits_of(plain)
    assert tokenizer.chat_template == (own.read_text("utf-8") if kept != before else source)
    assert all(now or not then for now, then in zip(kept.merits, before.merits, strict=True))
    if family.stem in ("glm4moe", "deepseek_r1_distill", "qwen3", "qwen3_5_think"):
        assert kept.merits != before.merits, "its own drops what is to be learned"


def test_a_template_that_only_resembles_a_known_one_is_left_as_it_is(starter: Path, tmp_path: Path) -> None:
    source = (FAMILIES / "qwen3.jinja").read_text("utf-8") + " "
    folder = folder_with(starter, tmp_path / "base", source)
    assert load_chat_tokenizer(folder, "auto").chat_template == source


def test_a_worker_renders_to_the_letter_as_transformers_does(starter: Path) -> None:
    """What a message has besides, too: reasoning under each of its names, and what is None."""
    tokenizer = AutoTokenizer.from_pretrained(starter)
    thought = [ASK, ANSWER | {"reasoning": "hm", "tool_calls": None}, ASK, ANSWER | {"thinking": "so"}]
    for template in (*TEMPLATES.values(), HERMES, QWEN, *(f.read_text("utf-8") for f in FAMILIES.glob("*.jinja"))):
        tokenizer.chat_template = template
        ours, theirs = renderer(tokenizer), theirs_of(tokenizer)
        for messages in (*CONVERSATIONS, thought, WEATHER["messages"], []):
            for prompt in (False, True):
                said = []
                for render_one in (ours, theirs):
                    try:
                        said.append(render_one(messages, prompt, WEATHER["tools"] if prompt else None))
                    except StudioError as error:
                        said.append(str(error))
                assert said[0] == said[1]
