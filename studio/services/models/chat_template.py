"""A model's chat template, rendered without transformers, exactly as transformers renders it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from studio.domain.chat.spans import Messages, Span, answer_spans
from studio.domain.chat.template_faults import TemplateRefusal
from studio.domain.chat.templates import AUTOMATIC, TemplateChoice, stand_in, trained_template
from studio.rendering.chat_template import Template, read_template
from studio.services.models.status import check_ready
from studio.store.training_templates import training_variant

if TYPE_CHECKING:
    from studio.store.tables.models import Model

SAMPLE: Messages = (
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "What is the capital of France?"},
    {"role": "assistant", "content": "Paris."},
    {"role": "user", "content": "And of Japan?"},
    {"role": "assistant", "content": "Tokyo."},
)


def render(model_path: str | Path, messages: Messages, add_generation_prompt: bool = False) -> str:
    """The conversation as the model in that folder sees it.

    Raises:
        StudioError: the chat template is damaged, refuses the conversation, or takes too much time, memory or room.
    """
    return load_chat_template(model_path)(messages, add_generation_prompt)


def sample_conversation(model: Model, choice: TemplateChoice = AUTOMATIC) -> tuple[str, list[Span]]:
    """A short conversation as that model is trained on it, and the spans (characters) that it learns to write. Without
    a system message where the template refuses one.

    Raises:
        StudioError: the model is not ready, or its template cannot be used, as `render` says.
    """
    check_ready(model)
    template = load_chat_template(model.path, choice, model.name)
    try:
        return answer_spans(SAMPLE, template)
    except TemplateRefusal:
        return answer_spans(SAMPLE[1:], template)


def load_chat_template(model_path: str | Path, choice: TemplateChoice = AUTOMATIC, name: str = "") -> Template:
    """The chat template that the model in that folder is trained with under this choice, ready to render. `name` is the
    model's, for what is said of it.

    Raises:
        StudioError: it is damaged, or takes too much.
    """
    folder = Path(model_path)
    name = name or str(folder)
    parts = read_template(folder, wants_begin=choice != AUTOMATIC)
    own, make_template = parts.own, partial(Template, tokens=parts.tokens, name=name)
    if choice != AUTOMATIC or not own:  # as the worker does: see worker.tokenization.load.give_template
        return make_template(stand_in(choice, begins=parts.begins))
    template = make_template(own, for_tools=parts.for_tools)
    template.check(folder)
    if parts.for_tools:
        return template
    training_source = trained_template(own, training_variant(own), make_template)
    return template if training_source == own else make_template(training_source)
