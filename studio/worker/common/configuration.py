"""The configuration of a base model, as transformers reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.domain.errors import StudioError
from studio.store.model_config import read_model_config


def read_configuration(path: str | Path) -> Any:
    """Raises StudioError where transformers cannot read it without running code of the model's own."""
    from transformers import AutoConfig

    read_model_config(path)
    try:
        return AutoConfig.from_pretrained(path, trust_remote_code=False, local_files_only=True)
    except (ValueError, OSError, KeyError) as error:
        raise StudioError(
            "The model in {path} is of a kind that cannot be opened here.",
            "Choose a model that transformers supports without custom code.",
            path=path,
        ) from error
    except Exception as error:  # whatever a family's own code makes of a setting that it does not expect
        raise StudioError(
            "The config.json in {path} has a setting that transformers rejects: {reason}.",
            "Fix it, or add the whole model again.",
            path=path,
            reason=[type(error).__name__, *str(error).strip().splitlines()][-1].strip().rstrip("."),
        ) from error
