"""Single turns as other programs spell them, in the one spelling that the reader of turns knows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

ROLE_KEYS = ("role", "from", "speaker", "sender", "author")
CONTENT_KEYS = ("content", "value", "text", "parts", "message")
_OF_OTHER_LANGUAGES = {"角色": "role", "内容": "content"}
_LANGCHAIN = ("human", "ai", "system", "tool", "function")  # its types of messages
_SPEAKERS = ("system", "user", "human", "assistant", "gpt", "bot", "ai", "用户", "助手")
_SPELLINGS = {**_OF_OTHER_LANGUAGES, **{key: key for key in (*ROLE_KEYS, *CONTENT_KEYS)}}


def as_turn(value: Any) -> Any:
    """The turn with a role, where it says in another way whose it is; anything else as it is."""
    if not isinstance(value, Mapping) or any(isinstance(value.get(key), str) for key in ROLE_KEYS):
        return value
    kind = value.get("type")
    match value:
        case {"author": {"role": str(role), **more}}:  # ChatGPT's export
            rest = {key: inner for key, inner in value.items() if key != "author"}
            return {"role": role, **rest, **({"author": more} if any(more.values()) else {})}
        case {"type": "function_call", "name": str()}:  # items of OpenAI's Responses API
            call = {"id": value.get("call_id"), "name": value["name"], "arguments": value.get("arguments")}
            return {
                **_without(value, "type", "call_id", "name", "arguments"),
                "role": "assistant",
                "tool_calls": [call],
            }
        case {"type": "function_call_output", "output": output}:
            rest = _without(value, "type", "call_id", "output")
            return {**rest, "role": "tool", "tool_call_id": value.get("call_id"), "content": output}
        case {"type": str(), "data": Mapping() as data} if kind in _LANGCHAIN:
            return {"role": kind, **_without(data, "type"), **_without(value, "type", "data")}
        case {"type": str()} if kind in _LANGCHAIN and any(key in value for key in CONTENT_KEYS):
            return {"role": kind, **_without(value, "type")}
    if len(value) == 1:
        ((key, content),) = value.items()
        name = str(key).strip().lower()
        return {"role": name, "content": content} if name in _SPEAKERS else value
    names = {key: _SPELLINGS.get(str(key).strip().lower(), key) for key in value}
    if len(set(names.values())) < len(names):
        return value
    return {names[key]: inner for key, inner in value.items()}


def turns_of_columns(value: Any) -> list[Any] | None:
    """The turns of {"role": ["…", …], "content": ["…", …]}, as some libraries store lists of objects; None where it is
    something else."""
    if not isinstance(value, Mapping) or not all(isinstance(column, list) for column in value.values()):
        return None
    is_complete = any(key in value for key in ROLE_KEYS) and any(key in value for key in CONTENT_KEYS)
    if not is_complete or len({len(column) for column in value.values()}) != 1:
        return None
    return [dict(zip(value, cells, strict=True)) for cells in zip(*value.values(), strict=True)]


def parts_of_gemini(parts: Sequence[Any]) -> list[Any]:
    """Gemini's parts that are calls of functions, their results and thoughts, as Anthropic's are written."""
    return [_part_of_gemini(part) for part in parts]


def _part_of_gemini(part: Any) -> Any:
    match part:
        case {"functionCall": Mapping() as call} | {"function_call": Mapping() as call}:
            return {"type": "tool_use", "id": call.get("id"), "name": call.get("name"), "input": call.get("args")}
        case {"functionResponse": Mapping() as result} | {"function_response": Mapping() as result}:
            answer = result.get("response")
            words = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False, default=str)
            return {
                "type": "tool_result", "tool_use_id": result.get("id"), "name": result.get("name"), "content": words,
            }  # fmt: skip
        case {"thought": True, "text": str(text)}:
            return {"type": "thinking", "thinking": text}
    return part


def _without(value: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: inner for key, inner in value.items() if key not in keys}
