"""The objectives that there are."""

from __future__ import annotations

from typing import Any

from studio.domain.spec.objectives import ObjectiveSpec
from studio.worker.training.objectives.base import Objective
from studio.worker.training.objectives.orpo import Orpo
from studio.worker.training.objectives.sft import Sft

OBJECTIVES: dict[str, type[Objective[Any]]] = {"sft": Sft, "orpo": Orpo}


def objective_of(spec: ObjectiveSpec) -> Objective[Any]:
    return OBJECTIVES[spec.kind](spec)
