"""The process that renders chat templates: it knows Jinja and nothing of the studio, and can be killed at any time.

It is run as a script. A request on standard input is its length (4 bytes) and a dictionary, as marshal writes it:
{"name", "values"} renders the template of that name; with "source" it compiles it first, without "values" only that.
An answer on standard output is a letter, a length (4 bytes) and a text: "t" what was rendered, "u" no template of that
name is known, "r" why the template refuses, "l" the result is too long, "m" the memory does not suffice (then it ends).
"""

from __future__ import annotations

import json
import marshal
import math
import os
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Any, BinaryIO

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

resource: Any
try:
    import resource
except ImportError:  # Windows: whoever started this process looks after it
    resource = None

MEMORY, MEMORY_OF_A_BYTE = 384 << 20, 24  # bytes, and bytes for each byte of a request
LENGTH, LENGTH_OF_A_BYTE = 4_000_000, 16  # characters of a result
SECONDS = 5  # of the processor's time
TEMPLATES_KEPT = 32
_LONGEST_REASON = 500
_STEP = 1 << 20  # bytes


class Generation(Extension):
    """`{% generation %}`, by which some templates mark answers, shows what is in it."""

    tags = {"generation"}  # noqa: RUF012 - the name and kind that jinja2 asks for

    def parse(self, parser: Any) -> Any:
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)


class Namespace(jinja2.utils.Namespace):
    """jinja2's own, without names that lead into Python."""

    def __setitem__(self, name: str, value: Any) -> None:
        if str(name).startswith("_"):
            raise jinja2.exceptions.SecurityError(f"{name} may not be set")
        super().__setitem__(name, value)


def namespace(*given: Any, **more: Any) -> Namespace:
    made = Namespace()
    for name, value in dict(*given, **more).items():
        made[name] = value
    return made


class Dict:
    """`dict` for templates: what makes one, and nothing of the type itself."""

    def __call__(self, *given: Any, **more: Any) -> dict[Any, Any]:
        return dict(*given, **more)

    def fromkeys(self, *given: Any) -> dict[Any, Any]:
        return dict.fromkeys(*given)


def raise_exception(message: str) -> None:
    raise jinja2.TemplateError(message)


def to_json(
    value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment() -> Any:
    """Jinja as transformers sets it up (utils/chat_template_utils.py), sandbox included."""
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    made.filters["tojson"] = to_json
    given: dict[str, Callable[..., Any]] = {
        "raise_exception": raise_exception,
        "strftime_now": lambda form: datetime.now().strftime(form),  # noqa: DTZ005 - transformers' is local time too
        "dict": Dict(),
        "namespace": namespace,
    }
    made.globals.update(given)
    return made


class Limits:
    """What this process may take; changed as seldom as it can be, since that costs half as much as a short template."""

    def __init__(self) -> None:
        self._before = address_space()
        self._seconds = self._room = 0

    def set(self, size: int) -> None:
        """For the work on a request of `size` bytes."""
        if resource is None:
            return
        seconds = math.ceil(time.process_time()) + SECONDS
        if seconds != self._seconds:
            self._seconds = seconds
            _lower(resource.RLIMIT_CPU, seconds)
        room = self._before + MEMORY + MEMORY_OF_A_BYTE * (size + -size % _STEP)
        if self._before and room != self._room:
            self._room = room
            _lower(resource.RLIMIT_AS, room)


def _lower(kind: int, value: int) -> None:
    _, most = resource.getrlimit(kind)
    resource.setrlimit(kind, (value if most < 0 else min(value, most), most))


def address_space() -> int:
    """Bytes that this process has reserved; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - pathlib takes a third of the start
            return int(file.read().split()[0]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        return 0


class Renderer:
    def __init__(self) -> None:
        self._environment = environment()
        self._templates: OrderedDict[str, Any] = OrderedDict()

    def answer(self, content: bytes) -> tuple[str, str]:
        try:
            request = marshal.loads(content)  # noqa: S302 - from the studio, which started this process
            template = self._template(request["name"], request.get("source"))
            if template is None:
                return "u", ""
            if "values" not in request:
                return "t", ""
            text = template.render(**request["values"])
            if len(text) > LENGTH + LENGTH_OF_A_BYTE * len(content):
                return "l", ""
            return "t", text
        except MemoryError:
            return "m", ""
        except Exception as error:  # a foreign program may raise anything
            return "r", (str(error) or type(error).__name__)[:_LONGEST_REASON]

    def _template(self, name: str, source: str | None) -> Any:
        if name in self._templates:
            self._templates.move_to_end(name)
        elif source is None:
            return None
        else:
            self._templates[name] = self._environment.from_string(source)
            if len(self._templates) > TEMPLATES_KEPT:
                self._templates.popitem(last=False)
        return self._templates[name]


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    renderer, limits = Renderer(), Limits()
    while head := requests.read(4):
        size = int.from_bytes(head, "big")
        limits.set(size)
        try:
            kind, text = renderer.answer(requests.read(size))
            content = text.encode("utf-8", "surrogatepass")
        except MemoryError:
            kind, content = "m", b""
        answers.write(kind.encode() + len(content).to_bytes(4, "big") + content)
        answers.flush()
        if kind == "m":
            return


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
