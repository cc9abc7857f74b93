"""Tools and tool calls, in the spellings that datasets use, normalised to OpenAI's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Tool = dict[str, Any]
Call = dict[str, Any]
"""{"type": "function", "function": {"name", "arguments": object}}, and "id" where it has one."""


class WrongTools(ValueError):
    """They are in no known spelling. `place` is the path of the one at fault, behind its list's name."""

    def __init__(self, place: str = "") -> None:
        self.place = place


def read_tools(value: Any) -> list[Tool]:
    """The tools of a conversation: a list of objects with a name (alone or under "function"), or that in JSON.

    Raises:
        WrongTools: it is something else.
    """
    tools = _parse(value)
    if isinstance(tools, Mapping):
        tools = [tools]
    if not isinstance(tools, list):
        raise WrongTools
    return [_tool(each) for tool in tools for each in _declared(tool)]


def _tool(value: Any) -> Tool:
    function = value.get("function", value) if isinstance(value, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise WrongTools
    names = {"input_schema": "parameters"} if "parameters" not in function else {}  # as Anthropic's format has it
    described = {names.get(name, name): value for name, value in function.items()}
    return _writable({"type": "function", "function": described})


def _declared(tool: Any) -> list[Any]:
    """The tools of an object that holds several, as Gemini's do."""
    for name in ("functionDeclarations", "function_declarations"):
        several = tool.get(name) if isinstance(tool, Mapping) else None
        if isinstance(several, list):
            return several
    return [tool]


def read_calls(value: Any) -> list[Call]:
    """The calls of one turn: a list of them, or one alone, or that in JSON; none where all its fields are null.

    Raises WrongTools.
    """
    calls = _parse(value)
    if calls is None or (isinstance(calls, Mapping) and all(field is None for field in calls.values())):
        return []
    if isinstance(calls, Mapping):
        return [read_call(calls)]
    if not isinstance(calls, list):
        raise WrongTools
    return [read_call(call, f"[{i}]") for i, call in enumerate(calls)]


def read_call(value: Any, place: str = "") -> Call:
    """One call, as an object or in JSON; its arguments may be JSON once more. Raises WrongTools."""
    call = _parse(value, place)
    function = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str) or not function["name"]:
        raise WrongTools(place)
    raw_arguments = function.get("arguments", function.get("parameters"))
    arguments = {} if raw_arguments is None or raw_arguments == "" else _parse(raw_arguments, place)
    if not isinstance(arguments, Mapping):
        raise WrongTools(place)
    tool_call: Call = {"type": "function", "function": {"name": function["name"], "arguments": dict(arguments)}}
    if isinstance(call, Mapping) and isinstance(call.get("id"), str):
        tool_call["id"] = call["id"]
    return _writable(tool_call, place)


def _writable(value: dict[str, Any], place: str = "") -> dict[str, Any]:
    """The value, once it is sure that it can be written down as JSON."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError, TypeError, ValueError):
        raise WrongTools(place) from None
    return value


def _parse(value: Any, place: str = "") -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise WrongTools(place) from None
