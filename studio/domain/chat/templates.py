"""Well-known chat templates, for base models without one, or whose own leaves something out.

They are plain text under any vocabulary, and differ from their originals in one thing: an answer ends with the
model's own end token, so that whatever generates text with the model stops there by itself. Each only ever appends:
the text of the first turns, with the generation prompt or without, is the beginning of the text of more of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from studio.domain.chat.spans import Render
from studio.domain.chat.template_traits import asks_alike, traits_of

TemplateChoice = Literal["auto", "chatml", "llama-2", "llama-3", "zephyr", "vicuna", "alpaca", "plain"]
"""One of TEMPLATES, or what suits the model: its own, for which ChatML stands in where it has none."""

AUTOMATIC: TemplateChoice = "auto"
_OF_AUTOMATIC: TemplateChoice = "chatml"
_BEGIN = "{%- set begin = bos_token or '' -%}"


@dataclass(frozen=True)
class ChatTemplate:
    """`source` is Jinja, as a tokenizer's `chat_template`. It begins with the tokenizer's begin token, if any."""

    label: str
    source: str

    def source_for(self, *, begins: bool) -> str:
        """`begins` says whether the model expects a begin token, that is: whether its tokenizer puts one before a text
        of its own accord. Where it does not, none is written, though the tokenizer may know one."""
        return self.source if begins else self.source.replace(_BEGIN, "{%- set begin = '' -%}")


def stand_in(choice: TemplateChoice, *, begins: bool) -> str:
    """The chosen one of TEMPLATES, or the one for a model without its own. `begins`: see ChatTemplate.source_for."""
    return TEMPLATES[_OF_AUTOMATIC if choice == AUTOMATIC else choice].source_for(begins=begins)


def trained_template(own: str, variant: str | None, render_with: Callable[[str], Render]) -> str:
    """The template that a model with its `own` is trained with, where that is left to the studio.

    `variant` is its own as trl changes it for training, where trl knows it. It is taken where it serves better: where
    it keeps all that the own one keeps and something besides (calls of tools, reasoning, an end of the answer, a
    beginning that is that of any answer), and asks for an answer in the same words.
    """
    if not variant:
        return own
    own_render, variant_render = render_with(own), render_with(variant)
    if asks_alike(own_render, variant_render) and traits_of(variant_render).serves_better_than(traits_of(own_render)):
        return variant
    return own


# What they share. Tools and calls are written as Hermes models do, which many others follow.
_SHARED = r"""
{%- if not eos_token -%}
    {{- raise_exception('the tokenizer has no end token, so no answer could end') -}}
{%- endif -%}
{%- set begin = bos_token or '' -%}
{%- macro said(message) -%}
    {%- if message.reasoning_content -%}
        {{- '<think>\n' + message.reasoning_content + '\n</think>\n\n' -}}
    {%- endif -%}
    {{- message.content or '' -}}
    {%- for call in message.tool_calls or [] -%}
        {%- set given = call.function.arguments or {} -%}
        {{- '\n' if message.content or not loop.first else '' -}}
        {{- '<tool_call>\n{"name": ' + call.function.name | tojson + ', "arguments": ' -}}
        {{- (given if given is string else given | tojson) + '}\n</tool_call>' -}}
    {%- endfor -%}
{%- endmacro -%}
{%- set system, turns = default_system or '', messages -%}
{%- if messages[0].role == 'system' -%}
    {%- set system, turns = messages[0].content or '', messages[1:] -%}
{%- endif -%}
{%- if tools -%}
    {%- set system = system + ('\n\n' if system else '') + '# Tools\n\nYou may call these functions:\n<tools>\n'
        + tools | map('tojson') | join('\n') + '\n</tools>\n\nFor each call, write a JSON object within tags:\n'
        + '<tool_call>\n{"name": <function-name>, "arguments": <arguments-object>}\n</tool_call>' -%}
{%- endif -%}
"""

_CHATML = r"""
{{- begin -}}
{%- if system -%}
    {{- '<|im_start|>system\n' + system + eos_token + '\n' -}}
{%- endif -%}
{%- for message in turns -%}
    {{- '<|im_start|>' + message.role + '\n' + said(message) + eos_token + '\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<|im_start|>assistant\n' -}}
{%- endif -%}
"""

_ZEPHYR = r"""
{{- begin -}}
{%- if system -%}
    {{- '<|system|>\n' + system + eos_token + '\n' -}}
{%- endif -%}
{%- for message in turns -%}
    {{- '<|' + message.role + '|>\n' + said(message) + eos_token + '\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<|assistant|>\n' -}}
{%- endif -%}
"""

_LLAMA_2 = r"""
{%- set ahead = namespace(text='<<SYS>>\n' + system + '\n<</SYS>>\n\n' if system else '') -%}
{%- for message in turns -%}
    {%- if message.role == 'system' -%}
        {{- raise_exception('only the first message can be a system message') -}}
    {%- elif message.role == 'assistant' -%}
        {{- begin + '[INST] ' + ahead.text + '[/INST]' if ahead.text else '' -}}
        {{- ' ' + said(message) | trim + ' ' + eos_token -}}
    {%- elif message.role == 'tool' -%}
        {{- begin + '[INST] ' + ahead.text + '<tool_response>\n' + said(message) | trim -}}
        {{- '\n</tool_response> [/INST]' -}}
    {%- else -%}
        {{- begin + '[INST] ' + ahead.text + said(message) | trim + ' [/INST]' -}}
    {%- endif -%}
    {%- set ahead.text = '' -%}
{%- endfor -%}
{%- if add_generation_prompt and ahead.text -%}
    {{- begin + '[INST] ' + ahead.text + '[/INST]' -}}
{%- endif -%}
"""

_LLAMA_3 = r"""
{{- begin -}}
{%- if system -%}
    {{- '<|start_header_id|>system<|end_header_id|>\n\n' + system | trim + eos_token -}}
{%- endif -%}
{%- for message in turns -%}
    {{- '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + said(message) | trim + eos_token -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}
{%- endif -%}
"""

_VICUNA = r"""
{%- set default_system = "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
    + "helpful, detailed, and polite answers to the user's questions." -%}
"""
_VICUNA_TURNS = r"""
{{- begin + (system + ' ' if system else '') -}}
{%- for message in turns -%}
    {{- message.role | upper + ': ' + said(message) + (eos_token if message.role == 'assistant' else ' ') -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- 'ASSISTANT:' -}}
{%- endif -%}
"""

_ALPACA = r"""
{%- set default_system = 'Below is an instruction that describes a task. '
    + 'Write a response that appropriately completes the request.' -%}
"""
_ALPACA_TURNS = r"""
{%- set titles = {'user': 'Instruction', 'assistant': 'Response'} -%}
{{- begin + (system + '\n\n' if system else '') -}}
{%- for message in turns -%}
    {{- '### ' + titles.get(message.role, message.role | capitalize) + ':\n' + said(message) -}}
    {{- (eos_token if message.role == 'assistant' else '') + '\n\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '### Response:\n' -}}
{%- endif -%}
"""

_PLAIN = r"""
{{- begin + (system + '\n\n' if system else '') -}}
{%- for message in turns -%}
    {{- message.role | capitalize + ': ' + said(message) -}}
    {{- (eos_token if message.role == 'assistant' else '') + '\n\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- 'Assistant:' -}}
{%- endif -%}
"""

TEMPLATES: dict[TemplateChoice, ChatTemplate] = {
    "chatml": ChatTemplate("ChatML", _SHARED + _CHATML),
    "llama-2": ChatTemplate("Llama 2", _SHARED + _LLAMA_2),
    "llama-3": ChatTemplate("Llama 3", _SHARED + _LLAMA_3),
    "zephyr": ChatTemplate("Zephyr", _SHARED + _ZEPHYR),
    "vicuna": ChatTemplate("Vicuna", _VICUNA + _SHARED + _VICUNA_TURNS),
    "alpaca": ChatTemplate("Alpaca", _ALPACA + _SHARED + _ALPACA_TURNS),
    "plain": ChatTemplate("Plain (User: / Assistant:)", _SHARED + _PLAIN),
}
"""By the name that the spec knows them by."""
