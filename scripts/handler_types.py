"""Writes static/api/handlers.d.ts, the types of the handlers; see scripts/handler-types.

They come from the handlers' type hints. The page's script calls a handler by its name; with these types a misspelled
name or argument fails in scripts/lint.
"""

from __future__ import annotations

import collections
import inspect
import json
import typing
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pydantic import TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from studio.ui.web import page_modules

TARGET = Path(__file__).parents[1] / "static" / "api" / "handlers.d.ts"
HEADER = "// Written by scripts/handler_types.py out of the handlers' type hints in studio/ui/pages.\n"
WIDTH = 120
NOTHING = "Record<string, never>"  # the type of an object that has no member
PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
Handler = Callable[..., Any]
View = tuple[list[Handler], list[Handler]]  # handlers, and generators that the page follows


def views() -> dict[str, View]:
    """Name → what each page passes to `view(name, …)`."""
    found: dict[str, View] = {}

    def record(name: str, *handlers: Handler, streams: typing.Sequence[Handler] = (), **_: Any) -> None:
        found[name] = list(handlers), list(streams)

    for module in page_modules().values():
        with patch.object(module, "view", record):
            module.build(None)
    return dict(sorted(found.items()))


def typescript(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """The TypeScript type of what a JSON schema describes; `any` where it says nothing."""
    if reference := schema.get("$ref"):
        return typescript(definitions[reference.rpartition("/")[2]], definitions)
    if choices := schema.get("anyOf"):
        return " | ".join(dict.fromkeys(typescript(each, definitions) for each in choices))
    if "const" in schema or "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type")
    if kind == "array":
        if places := schema.get("prefixItems"):
            return f"[{', '.join(typescript(each, definitions) for each in places)}]"
        item = typescript(schema.get("items", {}), definitions)
        return f"({item})[]" if " | " in item or item[0] == "{" else f"{item}[]"
    if kind == "object":
        if properties := schema.get("properties"):
            required = schema.get("required", ())
            return members({n: (typescript(s, definitions), n in required) for n, s in properties.items()})
        more = schema.get("additionalProperties", {})
        value = typescript(more, definitions) if isinstance(more, dict) else "any"
        return "any" if value == "any" else f"Record<string, {value}>"
    return PLAIN.get(str(kind), "any")


def members(types: dict[str, tuple[str, bool]]) -> str:
    """An object's type, of name → (type, whether it has to be there)."""
    if not types:
        return NOTHING
    return "{ " + "; ".join(f"{n}{'' if needed else '?'}: {kind}" for n, (kind, needed) in types.items()) + " }"


def typed(hint: Any, mode: typing.Literal["validation", "serialization"]) -> str:
    try:
        schema = TypeAdapter(hint).json_schema(mode=mode)
    except (PydanticSchemaGenerationError, PydanticUserError):
        return "any"
    return typescript(schema, schema.get("$defs", {}))


def signature(handler: Handler) -> str:
    """`{ args: …; result: … }` of one handler."""
    function = handler.func if isinstance(handler, partial) else handler
    arguments = {}
    for name, parameter in inspect.signature(handler).parameters.items():
        if name not in ("request", "token"):  # the server's own
            kind = typed(hint_of(function, name), "validation")
            arguments[name] = kind, parameter.default is inspect.Parameter.empty
    result = hint_of(function, "return")
    if typing.get_origin(result) in (collections.abc.Iterator, Iterator):
        (result,) = typing.get_args(result)
    answer = "null" if result is type(None) else typed(result, "serialization")
    return f"{{ args: {members(arguments)}; result: {answer} }}"


def wrapped(member: str, indent: str) -> list[str]:
    """A member of an interface in lines that are not too long: what does not fit has a line for each of its members."""
    if len(indent + member) <= WIDTH or "{ " not in member:
        return [indent + member]
    begin = member.index("{ ")
    depth, parts = 0, [begin + 1]
    for place in range(begin, len(member)):
        depth += {"{": 1, "}": -1}.get(member[place], 0)
        if depth == 1 and member[place] == ";":
            parts.append(place + 1)
        if depth == 0:
            break
    ends = [*parts[1:], place]
    inner = [member[start:end].strip().removesuffix(";") for start, end in zip(parts, ends, strict=True)]
    lines = [line for each in inner for line in wrapped(f"{each};", indent + "  ")]
    return [indent + member[: begin + 1], *lines, *wrapped(member[place:], indent)]


def hint_of(function: Handler, name: str) -> Any:
    """One hint alone: another may name what is imported for the type checker alone."""
    try:
        hints = typing.get_type_hints(
            type("", (), {"__annotations__": {name: function.__annotations__.get(name, Any)}}), function.__globals__
        )
    except NameError:
        return Any
    return hints[name]


def declared(interface: str, handlers: dict[str, list[Handler]]) -> list[str]:
    lines = [f"export interface {interface} {{"]
    for view, functions in handlers.items():
        names = {(f.func if isinstance(f, partial) else f).__name__: f for f in functions}
        if not names:
            lines.append(f"  {view}: Record<never, never>;")
            continue
        lines.append(f"  {view}: {{")
        for name, function in sorted(names.items()):
            lines += wrapped(f"{name}: {signature(function)};", "    ")
        lines.append("  };")
    return [*lines, "}"]


def handler_types() -> str:
    found = views()
    handlers = declared("Handlers", {name: functions for name, (functions, _) in found.items()})
    streams = declared("Streams", {name: functions for name, (_, functions) in found.items()})
    return "\n".join([HEADER, *handlers, "", *streams, ""])


if __name__ == "__main__":
    TARGET.write_text(handler_types(), "utf-8")
    print(TARGET)
