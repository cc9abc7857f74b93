"""What the hub answers: one function for each address of its protocol."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.support.fake_hub.exchange import Answer, Call, route
from tests.support.fake_hub.store import HubError, Repository, StoredFile, uses_lfs

_TIME = "2026-01-01T00:00:00.000Z"
_REPO = r"(?P<id>(?:datasets/)?[\w.-]+/[\w.-]+)"  # a model's id, or a dataset's behind that word
_API = rf"/api/(?:models/|(?=datasets/)){_REPO}"
_REVISION = r"(?P<revision>[^/]+)"


# accounts and repositories


@route("GET", r"/api/whoami-v2")
def whoami(call: Call) -> Answer:
    if not call.user:
        raise HubError(401, "Invalid username or password.")
    role = "read" if call.token in call.hub.read_only else "write"
    orgs = [name for name, members in call.hub.organisations.items() if call.user in members]
    return Answer.json(
        {
            "type": "user",
            "id": hashlib.sha1(call.user.encode()).hexdigest()[:24],
            "name": call.user,
            "fullname": call.user.title(),
            "orgs": [{"type": "org", "name": name} for name in orgs],
            "auth": {"type": "access_token", "accessToken": {"displayName": "studio", "role": role}},
        }
    )


@route("POST", r"/api/repos/create")
def create_repository(call: Call) -> Answer:
    asked = call.json()
    id = f"{asked.get('organization') or call.user}/{asked['name']}"
    call.check_write(id)
    private = asked.get("visibility") == "private" or bool(asked.get("private"))
    url = f"{call.hub.endpoint}/{id}"
    try:
        call.hub.store.create(id, private=private)
    except HubError as refusal:
        refusal.body = {"url": url}
        raise
    return Answer.json({"url": url, "name": id})


@route("DELETE", r"/api/repos/delete")
def delete_repository(call: Call) -> Answer:
    asked = call.json()
    id = f"{asked.get('organization') or call.user}/{asked['name']}"
    call.writable(id)
    del call.hub.store.repositories[id]
    return Answer.json({})


@route("GET", rf"{_API}(?:/revision/{_REVISION})?")
def repository_info(call: Call, id: str, revision: str) -> Answer:
    repository = call.readable(id)
    commit = repository.at(revision or "main")
    siblings = [
        {"rfilename": path, **({"size": f.size, "blobId": f.oid} if "blobs" in call.query else {})}
        for path, f in sorted(commit.files.items())
    ]
    return Answer.json(
        {
            "id": repository.name,
            "author": repository.owner,
            "sha": commit.sha,
            "private": repository.private,
            "gated": "auto" if repository.gated else False,
            "disabled": False,
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "createdAt": _TIME,
            "lastModified": _TIME,
            "siblings": siblings,
            "cardData": _metadata(commit.files["README.md"].blob.read_text()) if "README.md" in commit.files else None,
        }
    )


@route("GET", r"/api/datasets")
def search_datasets(call: Call) -> Answer:
    """By a part of the id, the most downloaded first; what is another's and private is not found."""
    asked, user = call.query, call.user
    words = asked.get("search", "").lower().split()
    found = [
        r
        for id, r in call.hub.store.repositories.items()
        if id.startswith("datasets/")
        and all(word in r.name.lower() for word in words)
        and (not r.private or (user and call.owns(r.owner)))
    ]
    if asked.get("sort") == "downloads":
        found.sort(key=lambda r: r.downloads if isinstance(r.downloads, int) else 0, reverse=True)
    expand = parse_qs(urlsplit(call.target).query).get("expand")
    unknown = set(expand or ()) - _LISTED.keys()
    if unknown:
        raise HubError(400, f"expand: {sorted(unknown)} are not known")
    return Answer.json(
        [
            {"_id": "0", "id": r.name} | {name: of(r) for name, of in _LISTED.items() if not expand or name in expand}
            for r in found[: int(asked.get("limit", "1000"))]
        ]
    )


_LISTED: dict[str, Callable[[Repository], Any]] = {
    "author": lambda r: r.owner,
    "downloads": lambda r: r.downloads,
    "gated": lambda r: "auto" if r.gated else False,
    "lastModified": lambda r: _TIME,
    "likes": lambda r: r.likes,
    "mainSize": lambda r: sum(file.size for file in r.head.files.values()),
    "private": lambda r: r.private,
    "tags": lambda r: list(r.tags),
}


@route("GET", rf"{_API}/auth-check")
def auth_check(call: Call, id: str) -> Answer:
    _check_gate(call, call.readable(id))
    return Answer.json({})


@route("GET", rf"{_API}/tree/{_REVISION}(?:/(?P<folder>.+))?")
def tree(call: Call, id: str, revision: str, folder: str) -> Answer:
    commit = call.readable(id).at(revision)
    prefix = f"{folder}/" if folder else ""
    below = {path[len(prefix) :]: file for path, file in commit.files.items() if path.startswith(prefix)}
    if folder and not below:
        raise HubError(404, f"{folder} does not exist on {revision}", "EntryNotFound")
    recursive = call.query.get("recursive", "").lower() in ("1", "true")
    folders = {path[:i] for path in below for i, c in enumerate(path) if c == "/"}
    entries: list[dict[str, Any]] = [
        {"type": "directory", "oid": hashlib.sha1(f.encode()).hexdigest(), "size": 0, "path": prefix + f}
        for f in sorted(folders)
        if recursive or "/" not in f
    ]
    for path, file in sorted(below.items()):
        if recursive or "/" not in path:
            entries.append(_entry(prefix + path, file))
    return Answer.json(entries)


@route("POST", rf"{_API}/paths-info/{_REVISION}")
def paths_info(call: Call, id: str, revision: str) -> Answer:
    files = call.readable(id).at(revision).files
    paths = parse_qs(call.body.decode()).get("paths", [])
    return Answer.json([_entry(path, files[path]) for path in paths if path in files])


def _entry(path: str, file: StoredFile) -> dict[str, Any]:
    lfs = {"lfs": {"oid": file.sha256, "size": file.size, "pointerSize": 134}} if file.sha256 else {}
    return {"type": "file", "oid": file.oid, "size": file.size, "path": path, **lfs}


# commits


@route("POST", r"/api/validate-yaml")
def validate_card(call: Call) -> Answer:
    try:
        metadata = _metadata(call.json()["content"])
    except (yaml.YAMLError, TypeError) as error:
        return Answer.json({"errors": [{"message": str(error)}], "warnings": []}, 400)
    warnings = [] if metadata else [{"message": "empty or missing yaml metadata in repo card"}]
    return Answer.json({"errors": [], "warnings": warnings})


def _metadata(card: str) -> dict[str, Any]:
    """Raises YAMLError, TypeError where the card's metadata is no mapping."""
    front = re.match(r"---\r?\n(.*?)\r?\n---", card, re.DOTALL)
    return dict(yaml.safe_load(front[1])) if front else {}


@route("POST", rf"{_API}/preupload/{_REVISION}")
def preupload(call: Call, id: str, revision: str) -> Answer:
    known = call.writable(id).at(revision).files
    files = [
        {
            "path": f["path"],
            "uploadMode": "lfs" if uses_lfs(f["path"], f["size"]) else "regular",
            "shouldIgnore": False,
            "oid": known[f["path"]].etag if f["path"] in known else None,
        }
        for f in call.json()["files"]
    ]
    return Answer.json({"files": files})


@route("POST", rf"{_API}/commit/{_REVISION}")
def commit(call: Call, id: str, revision: str) -> Answer:
    repository = call.writable(id)
    if revision != "main":
        raise HubError(400, "Commits go to main only.")
    lines = [json.loads(line) for line in call.body.splitlines() if line]
    header = lines[0]["value"]
    if header.get("parentCommit", repository.head.sha) != repository.head.sha:
        raise HubError(412, "A commit has happened since. Please refresh and try again.")
    files = dict(repository.head.files)
    for line in lines[1:]:
        _apply(call, files, line["key"], line["value"])
    made = repository.commit(header["summary"], files)
    url = f"{call.hub.endpoint}/{id}/commit/{made.sha}"
    return Answer.json({"success": True, "commitOid": made.sha, "commitUrl": url, "hookOutput": ""})


def _apply(call: Call, files: dict[str, StoredFile], key: str, value: Mapping[str, Any]) -> None:
    store, path = call.hub.store, value["path"]
    match key:
        case "file":
            try:
                content = base64.b64decode(value["content"], validate=True)
            except binascii.Error:
                raise HubError(400, f"{path} is not base64.") from None
            files[path] = store.git_file(store.put(content))
        case "lfsFile":
            if not store.has(value["oid"]):
                raise HubError(400, f"Your push was rejected because an LFS pointer of {path} points to nothing.")
            files[path] = store.lfs_file(value["oid"])
        case "deletedFile" | "deletedFolder":
            gone = [p for p in files if p == path or (key == "deletedFolder" and p.startswith(path.rstrip("/") + "/"))]
            if not gone:
                raise HubError(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
            for p in gone:
                del files[p]
        case _:
            raise HubError(400, f"Unknown operation {key}.")


# large files


@route("POST", rf"/{_REPO}\.git/info/lfs/objects/batch")
def lfs_batch(call: Call, id: str) -> Answer:
    call.writable(id)
    objects = []
    for wanted in call.json()["objects"]:
        oid, size = wanted["oid"], wanted["size"]
        upload = {"href": f"{call.hub.endpoint}/lfs/{oid}", "header": {}}
        verify = {"href": f"{call.hub.endpoint}/{id}.git/info/lfs/verify", "header": {}}
        missing = {} if call.hub.store.has(oid) else {"actions": {"upload": upload, "verify": verify}}
        objects.append({"oid": oid, "size": size, **missing})
    return Answer.json({"transfer": "basic", "objects": objects})


@route("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})")
def lfs_upload(call: Call, oid: str) -> Answer:
    if hashlib.sha256(call.body).hexdigest() != oid:
        raise HubError(400, "The content is not what its sha256 says.")
    call.hub.store.put(call.body)
    return Answer()


@route("POST", rf"/{_REPO}\.git/info/lfs/verify")
def lfs_verify(call: Call, id: str) -> Answer:
    call.writable(id)
    wanted, store = call.json(), call.hub.store
    if not store.has(wanted["oid"]) or store.blob(wanted["oid"]).stat().st_size != wanted["size"]:
        raise HubError(404, "The object was not uploaded whole.")
    return Answer.json({})


# downloads


@route("GET HEAD", rf"/{_REPO}/resolve/{_REVISION}/(?P<path>.+)")
def resolve(call: Call, id: str, revision: str, path: str) -> Answer:
    repository = call.readable(id)
    _check_gate(call, repository)
    commit = repository.at(revision)
    if path not in commit.files:
        refusal = HubError(404, "Entry not found", "EntryNotFound")
        refusal.headers["X-Repo-Commit"] = commit.sha
        raise refusal
    file = commit.files[path]
    headers = {"ETag": f'"{file.etag}"', "X-Repo-Commit": commit.sha, "Accept-Ranges": "bytes"}
    if file.sha256:
        headers.update({"X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(file.size)})
    reply = Answer(200, headers, blob=file.blob, size=file.size)
    if asked := re.fullmatch(r"bytes=(\d+)-(\d*)", call.headers.get("Range", "")):
        start, end = int(asked[1]), min(int(asked[2] or file.size), file.size - 1)
        if start > end:
            refusal = HubError(416, "Range not satisfiable")
            refusal.headers["Content-Range"] = f"bytes */{file.size}"
            raise refusal
        reply.status, reply.start, reply.size = 206, start, end - start + 1
        headers["Content-Range"] = f"bytes {start}-{end}/{file.size}"
    return reply


def _check_gate(call: Call, repository: Repository) -> None:
    if repository.gated and not call.owns(repository.owner):
        why = f"Access to {repository.id} is restricted and you are not in the authorized list."
        raise HubError(403 if call.user else 401, why, "GatedRepo")
