"""The tasks `fetch` and `check`: download a base model, or only try one out."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from studio.domain.jobs.message import Fault, Message, Request


class ModelReference(Message):
    """A base model as the catalogue has it; `path` is its folder."""

    name: str
    reference: str = ""
    revision: str = ""
    source: str = ""
    path: str = ""


class FetchRequest(Request):
    source: Literal["starter", "hub", "folder"]
    reference: str
    revision: str | None = None


class Recorded(Message):
    """What the catalogue keeps: an older studio may have told less, and what one told besides is kept, too."""

    model_config = ConfigDict(extra="allow", frozen=True)


class AdapterReport(Recorded):
    """What an adapter on all-linear layers is: the names of the `layers` that it reaches, its weights, and why others
    get none."""

    layers: list[str] = Field(default_factory=list)
    trainable: int = 0
    left_out: list[Fault] = Field(default_factory=list)


class TemplateReport(Recorded):
    """What a chat template does: see domain.chat.template_traits."""

    end_of_turn: str = ""
    keeps_tools: bool | None = None
    keeps_reasoning: bool | None = None
    prefix_equals_prompt: bool | None = None


class ModelReport(Recorded):
    """What a check found; None where it could not be tried. `packing` is exact or padded, `head` linear or own;
    `batches` says of each probe whether its rows may share a batch. `notes` are things to know that stop nothing.

    Of a model that could not be fetched it has the problem alone, of one that was never checked nothing.
    """

    causal: bool | None = None
    quantization: str | None = None
    packing: str | None = None
    head: str | None = None
    batches: dict[str, bool] | None = None
    adapters: AdapterReport | None = None
    template: TemplateReport | None = None
    tried: bool = False
    problems: list[Fault] = Field(default_factory=list)
    notes: list[Fault] = Field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not self.model_fields_set

    @property
    def all_notes(self) -> list[Fault]:
        """Those of layers without an adapter come first."""
        return [*(self.adapters.left_out if self.adapters else []), *self.notes]


class ModelSummary(Message):
    """What the catalogue keeps of a model that was fetched. `context` is tokens, 0 where it is not known;
    `chat_template` whether it has one, `origin` where the bytes came from, in words."""

    revision: str = ""
    origin: str = ""
    license: str = ""
    parameters: int = 0
    architecture: str = ""
    context: int = 0
    chat_template: bool = False
    report: ModelReport = ModelReport()


class CheckRequest(Request):
    """`path` is the folder of a model."""

    path: str


class CheckSummary(Message):
    report: ModelReport
