"""Repositories with real commits, as a hub keeps them; contents lie in a folder under their sha256."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

LFS_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".pkl", ".gguf", ".parquet", ".arrow")
LFS_SIZE = 1 << 20  # the real hub's limit is 10 MiB; a smaller one keeps tests of the LFS way quick
GITATTRIBUTES = "".join(f"*{s} filter=lfs diff=lfs merge=lfs -text\n" for s in LFS_SUFFIXES).encode()


class HubError(Exception):
    """What the hub will not do, as HTTP says it: a status, the hub's error code and a sentence."""

    def __init__(self, status: int, message: str, code: str = "", **body: object) -> None:
        self.status, self.message, self.code, self.body = status, message, code, body
        self.headers: dict[str, str] = {}
        super().__init__(f"{status} {message}")


@dataclass(frozen=True)
class StoredFile:
    """A file's content (`blob`) and how the hub names it: git's id, and sha256 where it is kept by LFS."""

    blob: Path
    size: int
    oid: str
    sha256: str = ""

    @property
    def etag(self) -> str:
        return self.sha256 or self.oid


@dataclass(frozen=True)
class Commit:
    sha: str
    message: str
    files: Mapping[str, StoredFile]


@dataclass
class Repository:
    """`id` is owner/name, of a dataset datasets/owner/name."""

    id: str
    private: bool
    gated: bool = False
    downloads: int = 0
    likes: int = 0
    tags: tuple[str, ...] = ()
    commits: list[Commit] = field(default_factory=list)  # oldest first, all on the branch main

    @property
    def name(self) -> str:
        return self.id.removeprefix("datasets/")

    @property
    def owner(self) -> str:
        return self.name.split("/")[0]

    @property
    def head(self) -> Commit:
        return self.commits[-1]

    def at(self, revision: str) -> Commit:
        """Raises HubError where there is no such branch or commit."""
        if revision == "main":
            return self.head
        for commit in self.commits:
            if commit.sha == revision:
                return commit
        raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def commit(self, message: str, files: Mapping[str, StoredFile]) -> Commit:
        lines = [self.commits[-1].sha if self.commits else "", self.id, message, str(len(self.commits))]
        lines += [f"{path} {file.oid}" for path, file in sorted(files.items())]
        self.commits.append(Commit(hashlib.sha1("\n".join(lines).encode()).hexdigest(), message, dict(files)))
        return self.head

    def history(self) -> list[str]:
        """The commits' messages, oldest first, without the one that made the repository."""
        return [c.message for c in self.commits[1:]]


class Store:
    """All repositories of a hub. Contents are written under `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repositories: dict[str, Repository] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def create(self, id: str, *, private: bool) -> Repository:
        """Raises HubError where the name is taken; names differ by more than case."""
        if any(id.lower() == known.lower() for known in self.repositories):
            raise HubError(409, "You already created this model repo")
        repository = self.repositories[id] = Repository(id, private)
        repository.commit("initial commit", {".gitattributes": self.keep(".gitattributes", GITATTRIBUTES)})
        return repository

    def find(self, id: str) -> Repository:
        try:
            return self.repositories[id]
        except KeyError:
            raise HubError(404, "Repository not found", "RepoNotFound") from None

    def put(self, content: bytes) -> str:
        """Writes the content and gives its sha256."""
        sha256 = hashlib.sha256(content).hexdigest()
        self.blob(sha256).write_bytes(content)
        return sha256

    def blob(self, sha256: str) -> Path:
        return self.folder / sha256

    def has(self, sha256: str) -> bool:
        return self.blob(sha256).is_file()

    def keep(self, path: str, content: bytes) -> StoredFile:
        """The content as a file of that path: by LFS where the hub would."""
        sha256 = self.put(content)
        return self.lfs_file(sha256) if uses_lfs(path, len(content)) else self.git_file(sha256)

    def git_file(self, sha256: str) -> StoredFile:
        content = self.blob(sha256).read_bytes()
        return StoredFile(self.blob(sha256), len(content), _git_oid(content))

    def lfs_file(self, sha256: str) -> StoredFile:
        size = self.blob(sha256).stat().st_size
        return StoredFile(self.blob(sha256), size, _git_oid(lfs_pointer(sha256, size)), sha256)


def uses_lfs(path: str, size: int) -> bool:
    return size > 0 and (path.endswith(LFS_SUFFIXES) or size >= LFS_SIZE)


def lfs_pointer(sha256: str, size: int) -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


def _git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
