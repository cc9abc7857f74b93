"""The task `hub-contents`: which configs and splits a dataset of the Hub has, and what a download of each would be."""

from __future__ import annotations

from pydantic import Field

from studio.domain.jobs.message import Fault, Message, Request


class HubContentsRequest(Request):
    """With a config, only its splits are looked for."""

    repository: str
    revision: str = ""
    config: str = ""


class HubSplit(Message):
    """`files` are the first of `file_count`; `size` is bytes of all, `rows` what the dataset's card says of it, each
    None where it is not known. `fault` is why it cannot be added."""

    name: str
    files: list[str] = Field(default_factory=list)
    file_count: int = 0
    size: int | None = None
    rows: int | None = None
    fault: Fault | None = None


class HubConfig(Message):
    """`splits` is None where nobody has looked for them."""

    name: str
    splits: list[HubSplit] | None = None


class HubContents(Message):
    """A dataset of the Hub at a commit. `default_config` is empty where a person must choose one."""

    repository: str
    commit: str
    default_config: str = ""
    configs: list[HubConfig] = Field(default_factory=list)
