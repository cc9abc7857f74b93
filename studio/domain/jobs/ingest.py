"""The task `intake`: files, a split on the Hub, or an earlier version become a version of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from studio.domain.chat.templates import TemplateChoice
from studio.domain.datasets.clean_actions import CleanActions
from studio.domain.datasets.file_format import ReadOptions
from studio.domain.datasets.formats import Layout, read_layout
from studio.domain.datasets.notes import Note
from studio.domain.datasets.read_questions import ReadQuestion
from studio.domain.jobs.message import Fault, Message, Request


class DatasetReference(Message):
    """A version of a dataset; `rows_path` is the Arrow file of its rows."""

    name: str
    version: int = 1
    format: str = ""
    sha256: str
    rows: int = 0
    rows_path: str = ""


class FileReference(Message):
    path: str
    name: str


class FilesSource(Message):
    """Files as they were brought, read as one dataset."""

    kind: Literal["files"] = "files"
    files: list[FileReference]


class HubSource(Message):
    """A split of a dataset on the Hub. What is empty is the dataset's own default; a commit comes before the
    revision."""

    kind: Literal["hub"] = "hub"
    repository: str
    config: str = ""
    split: str = ""
    revision: str = ""
    commit: str = ""


class FileSummary(Message):
    """How a file was read: `detected` where its encoding was guessed, `unit` what its rows are called, `layout` which
    columns hold what."""

    name: str
    unit: str = "row"
    encoding: str = ""
    detected: bool = False
    delimiter: str = ""
    sheet: str = ""
    sheets: list[str] = Field(default_factory=list)
    layout: dict[str, Any] | None = None


class UnclearFile(Message):
    """Why a person must say how the file is read: by the answer to `question`, or, without one, by which column holds
    what (`guess` is what it may be)."""

    problem: str
    remedy: str = ""
    values: dict[str, Any] = Field(default_factory=dict)
    columns: list[str] = Field(default_factory=list)
    guess: dict[str, Any] | None = None
    question: ReadQuestion | None = None

    def as_fault(self) -> Fault:
        return {"problem": self.problem, "remedy": self.remedy, "values": self.values}


class DatasetSummary(Message):
    """What a version holds. `size` is bytes of its rows as JSON lines, `sha256` of the same; `trainable` counts the
    rows that training learns from, `bad_rows` those of the files that are left out, `refused_kept` those of these that
    can still be shown, and `healable` those of them that an action of cleaning can make usable, by action. `problems`
    counts by code, `roles` turns and `labels` rows. `near_counts` says how many rows are as near an earlier one as a
    percentage says, or nearer, and not the same. `left_out` counts the rows that cleaning left out, and `changed` those
    that it changed, by action; `trimmed` are those of the action `trim`. `unused` counts the rows of
    the files by what they have that is not used, a column or a field inside turns; `ignored` are such columns of the
    first rows, all that older studios kept.

    Where it is not clear how the files are to be read there are no rows yet, and `unclear` says so.
    """

    rows_in: int = 0
    rows: int = 0
    bad_rows: int = 0
    refused_kept: int = 0
    healable: dict[str, int] = Field(default_factory=dict)
    trainable: int | None = None
    size: int = 0
    sha256: str = ""
    turns: int = 0
    characters: int = 0
    roles: dict[str, int] = Field(default_factory=dict)
    labels: dict[str, int] = Field(default_factory=dict)
    problems: dict[str, int] = Field(default_factory=dict)
    near_checked: bool = True
    near_counts: dict[int, int] = Field(default_factory=dict)
    files: list[FileSummary] = Field(default_factory=list)
    unit: str = "row"
    layout: dict[str, Any] | None = None
    columns: list[str] = Field(default_factory=list)
    ignored: list[str] = Field(default_factory=list)
    unused: dict[str, int] = Field(default_factory=dict)
    notes: list[Note] = Field(default_factory=list)
    hub: HubSource | None = None
    left_out: dict[str, int] | None = None
    trimmed: int | None = None
    changed: dict[str, int] | None = None
    seconds: float = 0.0
    unclear: UnclearFile | None = None


def layouts_of_files(summary: DatasetSummary) -> list[Layout]:
    """Of each file, or where that is not known, the one of all."""
    own = [file.layout for file in summary.files] or [summary.layout]
    return [read_layout(layout or summary.layout or {}) for layout in own]


class Tokenizer(Message):
    """That of the base model in the folder `model`."""

    model: str
    chat_template: TemplateChoice = "auto"


class CleanSource(Message):
    """An earlier version of the dataset, of which `parent` tells, without what the actions take away.

    With `edits`, single rows are changed first: see services.datasets.editing. `problems_path` are the problems that
    were found with its rows, `counted_path` those that a count of its tokens has found; empty where there was none.
    `refused_path` are the rows of the files that could not be used. Some actions need the `tokenizer`.
    """

    kind: Literal["clean"] = "clean"
    rows_path: str
    problems_path: str
    counted_path: str = ""
    refused_path: str = ""
    rows: int
    parent: DatasetSummary
    actions: CleanActions
    edits: bool = False
    tokenizer: Tokenizer | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_actions_apart(cls, value: Any) -> Any:
        """Each action had a key of its own; for those that leave rows out, with the problems of these rows."""
        if not isinstance(value, Mapping) or "actions" in value:
            return value
        rest = {k: v for k, v in value.items() if k not in ("skip_bad_rows", "skip", "drop", "trim")}
        entries = [*value.get("skip", ()), *value.get("drop", ())]
        codes = {code for each in value.get("drop", ()) for code in each["codes"]}
        trim = value.get("trim")
        return rest | {
            "counted_path": next((each["path"] for each in entries if each["path"] != value.get("problems_path")), ""),
            "actions": {
                "skip_bad_rows": value.get("skip_bad_rows", False),
                "drop_duplicates": "near" if "near_duplicate" in codes else "exact" if "duplicate" in codes else None,
                "drop_leaks": "leakage" in codes,
                "trim": trim and max(1, trim["max_length"]),
            },
            "tokenizer": trim and {k: v for k, v in trim.items() if k != "max_length"},
        }


class IntakeRequest(Request):
    """`layout` says which columns hold what (domain.datasets.formats.Layout), `layouts` what was chosen before, by the
    key of the header that it is for. `near_duplicates` false leaves those unsought."""

    source: Annotated[FilesSource | HubSource | CleanSource, Field(discriminator="kind")]
    reading: ReadOptions = ReadOptions()
    layout: dict[str, Any] | None = None
    layouts: dict[str, Any] = Field(default_factory=dict)
    near_duplicates: bool = True

    @model_validator(mode="before")
    @classmethod
    def _of_version_0(cls, value: Any) -> Any:
        """Where the rows come from was told by which of these keys was there."""
        if not isinstance(value, Mapping) or "source" in value:
            return value
        rest = {k: v for k, v in value.items() if k not in ("sources", "hub", "parent", "actions") and v is not None}
        if parent := value.get("parent"):
            own = {k: v for k, v in parent.get("details", {}).items() if k in DatasetSummary.model_fields}
            own |= {k: parent[k] for k in ("layout", "bad_rows") if k in parent}
            files = {k: parent[k] for k in ("rows_path", "problems_path", "rows") if k in parent}
            return {**rest, "source": {"kind": "clean", **files, "parent": own, **value.get("actions", {})}}
        if hub := value.get("hub"):
            return {**rest, "source": {"kind": "hub", **hub}}
        return {**rest, "source": {"kind": "files", "files": value.get("sources") or []}}


class SourceFileRecord(Message):
    """A file as it was brought, kept by its hash; `size` is bytes."""

    name: str
    path: str
    sha256: str
    size: int = 0


class DatasetDetails(DatasetSummary):
    """What the catalogue keeps of a version: what the worker found, where it comes from and how it was read. An older
    studio may have kept more."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    originals: list[SourceFileRecord] = Field(default_factory=list)
    reading: ReadOptions | None = None
    chosen_layout: dict[str, Any] | None = None
    fault: Fault | None = None

    def of_source(self) -> DatasetDetails:
        """Where it comes from and how that is read, which another version of it has too."""
        names = ("originals", "hub", "reading", "chosen_layout")
        return DatasetDetails(**{name: getattr(self, name) for name in names if getattr(self, name)})
