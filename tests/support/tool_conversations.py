"""A conversation with a tool, and chat templates that know tools, small and in the manner of well-known ones."""

from __future__ import annotations

from typing import Any

WEATHER: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": "What is the weather in Brest?"},
        {
            "role": "assistant", "content": "",
            "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": {"city": "Brest"}}}],
        },
        {"role": "tool", "content": '{"sky": "rain"}', "name": "weather"},
        {"role": "assistant", "content": "Rain."},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "weather", "description": "The weather in a city",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
            },
        }
    ],
}  # fmt: skip

_TOOLS = """{%- if tools %}
    {{- '<|im_start|>system\n<tools>\n' }}
    {%- for tool in tools %}
        {{- tool | tojson + '\n' }}
    {%- endfor %}
    {{- '</tools><|im_end|>\n' }}
{%- endif %}
"""
_CALLS = """
            {%- for call in message.tool_calls %}
                {{- '\n' if message.content or not loop.first }}
                {{- '<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' }}
                {{- call.function.arguments | tojson + '}\n</tool_call>' }}
            {%- endfor %}"""
_TURNS = """{%- for message in messages %}
    {%- if message.role == 'tool' %}
        {{- '<|im_start|>user\n<tool_response>\n' + message.content + '\n</tool_response><|im_end|>\n' }}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\n' }}
        {%- set content = message.content %}{# content #}
        {{- content }}
        {%- if message.tool_calls %}{# calls #}
        {%- endif %}
        {{- '<|im_end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}"""

HERMES = _TOOLS + _TURNS.replace("{# calls #}", _CALLS)
"""Tools in a system turn, calls as JSON between tags, a tool's answer as a user's turn."""

_LAST_THOUGHT = """
        {%- if message.role == 'assistant' and loop.last and not message.tool_calls and '</think>' not in content %}
            {%- set content = '<think>\n\n</think>\n\n' + content %}
        {%- endif %}"""
QWEN = HERMES.replace("{# content #}", _LAST_THOUGHT)
"""As HERMES, and the last answer begins with a thinking block, which earlier ones have not: the text of the first turns
is not the beginning of the text of all of them."""
