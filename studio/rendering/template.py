"""A chat template, ready to render in a process of its own."""

from __future__ import annotations

import atexit
import hashlib
import marshal
import threading
from collections import deque
from collections.abc import Mapping
from functools import cache
from queue import SimpleQueue
from typing import Any

from studio.domain.chat_spans import Messages, TemplateExceeds, Tools, template_refusal
from studio.rendering.process import Ended, RenderingProcess

LONGEST_SOURCE = 256_000  # characters; the longest in use have some 20,000
AT_ONCE = 4
TRIES = 3  # that a template may exceed a limit, until no more is asked of it
_WATCH = 0.5  # seconds
_REASONING = ("reasoning_content", "thinking", "reasoning")

_ENDED = {
    "time": "The base model's chat template takes too long to write a conversation, and was ended.",
    "memory": "The base model's chat template takes too much memory, and was ended.",
    "length": "What the base model's chat template writes is too long.",
}


class Template:
    """`tokens` are the tokenizer's special tokens by their names."""

    def __init__(self, source: str, tokens: Mapping[str, Any], for_tools: str = "") -> None:
        """`for_tools` is another template for conversations with tools.

        Raises:
            ValueError: it is no template, or too long.
            TemplateExceeds: reading it takes more time or memory than it may.
        """
        self._tokens = dict(tokens)
        self._source, self._for_tools = source, for_tools or source
        self._names = {text: _name(text) for text in (self._source, self._for_tools)}
        self._exceeded: list[TemplateExceeds] = []
        for text in self._names:
            if len(text) > LONGEST_SOURCE:
                raise ValueError(f"it has {len(text):,} characters, and may have {LONGEST_SOURCE:,}")
            kind, reason = self._ask(text, {})
            if kind == "r":
                raise ValueError(reason)

    def __call__(self, messages: Messages, add_generation_prompt: bool, tools: Tools | None = None) -> str:
        """As tokenizer.apply_chat_template(tokenize=False) of transformers.

        Raises:
            StudioError: the template refuses them.
            TemplateExceeds: it takes more time or memory than it may, or writes more.
        """
        values = self._tokens | {
            "messages": [_message(message) for message in messages],
            "tools": [dict(tool) for tool in tools] if tools else None,
            "documents": None,
            "add_generation_prompt": add_generation_prompt,
        }
        try:
            kind, text = self._ask(self._for_tools if tools else self._source, {"values": values})
        except ValueError as error:  # something in them is nothing that JSON could say
            raise template_refusal(error) from error
        if kind == "r":
            raise template_refusal(ValueError(text))
        return text

    def _ask(self, source: str, asked: Mapping[str, Any]) -> tuple[str, str]:
        """The answer's letter and text: "t" or "r". Raises TemplateExceeds; ValueError as __call__ does."""
        if len(self._exceeded) >= TRIES:
            raise self._exceeded[-1]
        for last in (False, True):
            try:
                kind, text = _processes().ask({"name": self._names[source], **asked}, {"source": source})
                break
            except Ended as end:
                kind, text = "x", end.reason
                if last or end.reason != "unknown":  # else somebody ended it, or the system was short of memory
                    break
        if kind in "tr":
            return kind, text
        self._exceeded.append(
            TemplateExceeds(
                _ENDED.get("length" if kind == "l" else text, _ENDED["memory"]),
                "Choose another chat template or base model; or shorten the conversation where it is very long.",
            )
        )
        raise self._exceeded[-1]


def _name(source: str) -> str:
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    """As transformers hands it to a template: without what is None, and its reasoning under each name in use."""
    given = {key: value for key, value in message.items() if value is not None}
    reasoning = next((given[name] for name in _REASONING if name in given), None)
    return given if reasoning is None else {"thinking": reasoning, **given, "reasoning_content": reasoning}


class _Processes:
    """Those of this process: as many as render at once, and then kept."""

    def __init__(self) -> None:
        self._permits: SimpleQueue[None] = SimpleQueue()
        for _ in range(AT_ONCE):
            self._permits.put(None)
        self._idle: deque[RenderingProcess] = deque()
        self._busy: set[RenderingProcess] = set()
        self._work = threading.Event()
        threading.Thread(target=self._watch, name="rendering", daemon=True).start()

    def ask(self, request: Mapping[str, Any], more: Mapping[str, Any]) -> tuple[str, str]:
        """The answer's letter and text; `more` goes with the request where the process does not know the template yet.
        Raises Ended; ValueError where it is nothing that JSON could say."""
        content = marshal.dumps(dict(request))
        self._permits.get()
        try:
            process = self._idle.pop() if self._idle else RenderingProcess()
            self._busy.add(process)
            try:
                if not self._work.is_set():
                    self._work.set()
                answer = process.ask(content)
                if answer[0] == "u":
                    answer = process.ask(marshal.dumps({**request, **more}))
            except BaseException:
                process.close()
                raise
            finally:
                self._busy.discard(process)
            self._idle.append(process)
            return answer
        finally:
            self._permits.put(None)

    def _watch(self) -> None:
        pause = threading.Event()
        while True:
            self._work.wait()
            pause.wait(_WATCH)
            for process in list(self._busy):
                process.watch()
            if not self._busy:
                self._work.clear()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


@cache
def _processes() -> _Processes:
    made = _Processes()
    atexit.register(made.close)
    return made
