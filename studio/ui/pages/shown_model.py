"""A base model as the pages show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studio.services.models import STARTER

if TYPE_CHECKING:
    from studio.store.tables import Model

SHOWN = (
    "id", "name", "source", "status", "stage", "done", "total", "problem", "remedy", "parameters", "license",
    "context", "size", "chat_template",
)  # fmt: skip


def shown_model(model: Model) -> dict[str, Any]:
    """`reference` is what adds the model again."""
    return {field: getattr(model, field) for field in SHOWN} | {
        "reference": STARTER if model.source == STARTER else model.reference
    }
