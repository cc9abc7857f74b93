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
    tools = _parsed(value)
    if isinstance(tools, Mapping):
        tools = [tools]
    if not isinstance(tools, list):
        raise WrongTools
    return [_tool(tool) for tool in tools]


def _tool(value: Any) -> Tool:
    described = value.get("function", value) if isinstance(value, Mapping) else None
    if not isinstance(described, Mapping) or not isinstance(described.get("name"), str):
        raise WrongTools
    return _writable({"type": "function", "function": dict(described)})


def read_calls(value: Any) -> list[Call]:
    """The calls of one turn. Raises WrongTools."""
    calls = _parsed(value)
    if not isinstance(calls, list):
        raise WrongTools
    return [read_call(call, f"[{i}]") for i, call in enumerate(calls)]


def read_call(value: Any, place: str = "") -> Call:
    """One call, as an object or in JSON; its arguments may be JSON once more. Raises WrongTools."""
    call = _parsed(value, place)
    function = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str) or not function["name"]:
        raise WrongTools(place)
    given = function.get("arguments", function.get("parameters"))
    arguments = {} if given is None or given == "" else _parsed(given, place)
    if not isinstance(arguments, Mapping):
        raise WrongTools(place)
    made: Call = {"type": "function", "function": {"name": function["name"], "arguments": dict(arguments)}}
    if isinstance(call, Mapping) and isinstance(call.get("id"), str):
        made["id"] = call["id"]
    return _writable(made, place)


def _writable(value: dict[str, Any], place: str = "") -> dict[str, Any]:
    """The value, once it is sure that it can be written down as JSON."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError, TypeError, ValueError):
        raise WrongTools(place) from None
    return value


def _parsed(value: Any, place: str = "") -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise WrongTools(place) from None
