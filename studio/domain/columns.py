"""A column of a comparison: a base model and the adapters over it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

STRONGEST = 1.5  # of an adapter; 1 is as it was trained

BASE = "base"
"""The name that a base model without adapters answers to."""


class Share(BaseModel):
    """An adapter of the catalogue by its name, or (`run` and `step`) a checkpoint of a run, and how strongly it acts:
    its update of the weights is multiplied by `strength`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    adapter: str = ""
    run: int = 0
    step: int = 0
    strength: float = Field(1.0, ge=0, le=STRONGEST)

    @model_validator(mode="after")
    def _names_one(self) -> Share:
        if bool(self.adapter) == bool(self.run):
            raise ValueError("name an adapter, or a run and its step")
        return self

    @property
    def name(self) -> str:
        """By which it is shown, and known to the chat worker."""
        return self.adapter or f"run {self.run}, step {self.step}"


class Column(BaseModel):
    """One side of a comparison: a base model of the catalogue by its name, and the adapters that act on it together;
    without any it is the base itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    model: str
    precision: str = "auto"  # a PrecisionName
    shares: tuple[Share, ...] = Field((), max_length=4)

    @property
    def name(self) -> str:
        """Tells it from the other columns of its model: empty for the base."""
        return " + ".join(s.name if s.strength == 1 else f"{s.name} × {s.strength:g}" for s in self.shares)
