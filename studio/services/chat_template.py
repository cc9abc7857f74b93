"""A model's chat template, rendered without transformers, to the letter as transformers renders it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.domain.chat_spans import Messages, Render, Span, Tools, answer_spans, template_refusal
from studio.domain.chat_templates import AUTOMATIC, TemplateChoice, template_for
from studio.domain.errors import StudioError
from studio.services.model_states import check_ready

if TYPE_CHECKING:
    from studio.store.tables import Model

SAMPLE: Messages = (
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "What is the capital of France?"},
    {"role": "assistant", "content": "Paris."},
    {"role": "user", "content": "And of Japan?"},
    {"role": "assistant", "content": "Tokyo."},
)
SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


def render(model_path: str | Path, messages: Messages, add_generation_prompt: bool = False) -> str:
    """The conversation as the model in that folder sees it.

    Raises:
        StudioError: the chat template is damaged, or refuses the conversation.
    """
    return load_chat_template(model_path)(messages, add_generation_prompt)


def sample_conversation(model: Model, choice: TemplateChoice = AUTOMATIC) -> tuple[str, list[Span]]:
    """A short conversation as that model would see it, and the spans (characters) that it learns to write.

    Raises:
        StudioError: the model is not ready, has a template of its own beside the chosen one, or its own is damaged or
            refuses a system message.
    """
    check_ready(model)
    return answer_spans(SAMPLE, load_chat_template(model.path, choice))


def load_chat_template(model_path: str | Path, choice: TemplateChoice = AUTOMATIC) -> Render:
    """The chat template of the model in that folder, ready to render; the chosen one where it has none.

    Raises:
        StudioError: it is damaged, or one is chosen though the model has its own.
    """
    import jinja2

    folder = Path(model_path)
    try:
        config = _read_json(folder / "tokenizer_config.json")
        source = template_for(choice, _source(folder, config))  # as the worker does
        tokens = _special_tokens(folder, config)
        environment = _environment()
        plain = environment.from_string(source)
        with_tools = environment.from_string(_source(folder, config, "tool_use") or source)
    except (OSError, ValueError, jinja2.TemplateError) as error:
        raise StudioError(
            "The chat template in {path} cannot be read: {reason}.", "Add the model again.", path=folder, reason=error
        ) from error

    def rendered(messages: Messages, add_generation_prompt: bool, tools: Tools | None = None) -> str:
        try:
            return (with_tools if tools else plain).render(
                **tokens,
                messages=[dict(message) for message in messages],
                tools=[dict(tool) for tool in tools] if tools else None,
                documents=None,
                add_generation_prompt=add_generation_prompt,
            )
        except Exception as error:
            raise template_refusal(error) from error

    return rendered


def _read_json(path: Path) -> dict[str, Any]:
    loaded = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return loaded if isinstance(loaded, dict) else {}


def _source(folder: Path, config: dict[str, Any], name: str = "default") -> str:
    """Templates in files of their own go before those in the tokenizer's configuration. Of several, the default one
    counts, or "tool_use" where there are tools; empty where there is none of that name."""
    main = folder / "chat_template.jinja"
    if main.is_file():
        file = main if name == "default" else folder / "additional_chat_templates" / f"{name}.jinja"
        return file.read_text("utf-8") if file.is_file() else ""
    found = config.get("chat_template")
    templates = {entry["name"]: entry["template"] for entry in found} if isinstance(found, list) else {"default": found}
    source = templates.get(name)
    return source if isinstance(source, str) else ""


def _special_tokens(folder: Path, config: dict[str, Any]) -> dict[str, str]:
    """The tokens by name. A tokenizer saved by an old version keeps them in a file of their own."""
    if "added_tokens_decoder" not in config:
        config = config | _read_json(folder / "special_tokens_map.json")
    tokens = {}
    for name in SPECIAL_TOKENS:
        token = config.get(name)
        if token is not None:
            tokens[name] = token["content"] if isinstance(token, dict) else str(token)
    return tokens


def _environment() -> Any:
    """Jinja as transformers sets it up, sandbox included: a template comes from whoever made the model."""
    import jinja2
    from jinja2 import nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

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

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    given: dict[str, Callable[..., Any]] = {
        "raise_exception": raise_exception,
        "strftime_now": lambda form: datetime.now().strftime(form),  # noqa: DTZ005 - transformers' is local time too
        "dict": Dict(),
        "namespace": namespace,
    }
    environment.globals.update(given)
    return environment


def _to_json(
    value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
