"""Archives: which of their members hold rows."""

from __future__ import annotations

import re
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Literal

from studio.domain.datasets.file_format import PACKED, SUFFIXES, kind_of
from studio.domain.errors import InvalidInput

Archive = Literal["", "zip", "tar"]

_USUAL = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
MAX_MEMBERS = 10_000
_ABOUT = re.compile(
    r"(readme|licen[cs]e|notice|copying|changelog|authors|citation|requirements)([._-].*)?$"
    r"|(dataset_infos?|state|metadata|meta|config|croissant|manifest|package)\.json$",
)
_SPLITS = re.compile(r"(?<![a-z])(train(ing)?|test(ing)?|valid(ation)?|val|dev|eval(uation)?|held[-_]?out)(?![a-z])")


@dataclass(frozen=True)
class Member:
    name: str
    is_locked: bool = False
    is_usual: bool = True  # packed in a way that can be read

    @property
    def kind(self) -> str:
        return kind_of(self.name)


def zip_members(archive: zipfile.ZipFile) -> list[Member]:
    """Raises BadZipFile where the only one has no whole header of its own."""
    members = [
        Member(info.filename, bool(info.flag_bits & 1), info.compress_type in _USUAL)
        for info in archive.infolist() if not info.is_dir() and not _is_hidden(info.filename)
    ]  # fmt: skip
    if len(members) == 1 and not members[0].is_locked:
        if not members[0].is_usual:
            raise NotImplementedError("It is packed in an unusual way")
        archive.open(members[0].name).close()
    return members


def tar_members(archive: tarfile.TarFile) -> list[Member]:
    return [Member(info.name) for info in archive if info.isfile() and not _is_hidden(info.name)]


def tar_member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    member = archive.extractfile(name)
    if member is None:
        raise EOFError("It ends before its member begins")
    return member


def _is_hidden(name: str) -> bool:
    path = PurePosixPath(name)
    return "__MACOSX" in path.parts or path.name.startswith((".", "._"))


def members_with_rows(members: Sequence[Member], file: str) -> list[Member]:
    """Those that may hold rows: not what tells of the others, unless there is nothing else.

    Raises:
        InvalidInput: there are none, or they cannot be read.
    """
    known = [member for member in members if member.kind in (*SUFFIXES, *PACKED)]
    archives = [member for member in known if member.kind in (".zip", ".tar", ".tgz") or ".tar." in member.name.lower()]
    files = [member for member in known if member not in archives]
    data = [member for member in files if not _ABOUT.match(PurePosixPath(member.name).name.lower())]
    others = [member for member in data if member.kind != ".txt"]
    found = others or data or files
    if not found or len(found) > MAX_MEMBERS:
        names = ", ".join(member.name for member in members[:5]) or "–"
        if archives and not found:
            raise InvalidInput(
                "“{file}” has archives in it, whose files are not read: {members}.",
                "Unpack it, and add what is inside.", file=file, members=names,
            )  # fmt: skip
        raise InvalidInput(
            "“{file}” must have a file of rows in it; it has {count} {count:member|members}: {members}.",
            "Compress files of a supported kind, or add several uncompressed ones: they become one dataset.",
            file=file, count=len(members), members=names,
        )  # fmt: skip
    if any(member.is_locked for member in found):
        raise InvalidInput("“{file}” is locked with a password.", "Add the unpacked file.", file=file)
    return sorted(found, key=lambda member: ("train" not in member.name.lower(), _natural(member.name)))


def are_parts(members: Sequence[Member]) -> bool:
    """Of one dataset, rather than its splits or different things."""
    return len({member.kind for member in members}) == 1 and not any(
        _SPLITS.search(member.name.lower().rpartition("/")[2]) or _SPLITS.search(member.name.lower().partition("/")[0])
        for member in members
    )


def _natural(name: str) -> list[tuple[int, str]]:
    """part-2 before part-10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
