"""Why a chat template fails: it refuses a conversation, or exceeds its limits."""

from __future__ import annotations

from studio.domain.errors import StudioError

MAX_REASON_CHARACTERS = 1000  # characters of what a template says itself


class TemplateRefusal(StudioError):
    """The template does not take this conversation, or not so that its answers can be found; it may take others."""


class TemplateExceeds(StudioError):
    """The template took more time, memory or room than it may: it is not asked again for the work at hand."""


def template_refusal(error: Exception) -> TemplateRefusal:
    """What a chat template raised, as words for the reader: a template is a foreign program, so it may be anything."""
    return TemplateRefusal(
        "The base model's chat template refuses this conversation: {reason}.",
        "Change the conversation to fit the template, or choose another chat template or base model.",
        reason=str(error)[:MAX_REASON_CHARACTERS].rstrip(".") or type(error).__name__,
    )
