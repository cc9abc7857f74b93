"""The hub of the tests behaves to the real client as the Hub does; else the push tests would prove nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import get_session

from tests.support.fake_hub.server import HubServer
from tests.support.hub_fixtures import ADA, BEN, READER, hub_environment


@pytest.fixture
def ada(hub: HubServer) -> HfApi:
    return HfApi(endpoint=hub.endpoint, token=ADA)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A short text, and 2.5 MB of bytes that no one can guess."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# A card\n")
    (folder / "adapter_model.safetensors").write_bytes(os.urandom(2_500_000))
    return folder


def test_a_token_tells_whose_it_is(hub: HubServer, ada: HfApi) -> None:
    who = ada.whoami()
    assert who["name"] == "ada"
    assert [org["name"] for org in who["orgs"]] == ["crew"]
    assert who["auth"]["accessToken"]["role"] == "write"
    assert HfApi(endpoint=hub.endpoint, token=READER).whoami()["auth"]["accessToken"]["role"] == "read"


def test_an_unknown_token_is_unauthorized_everywhere(hub: HubServer) -> None:
    stranger = HfApi(endpoint=hub.endpoint, token="hf_nobody")
    for refused in (stranger.whoami, lambda: stranger.create_repo("ada/new"), lambda: stranger.repo_info("ada/new")):
        with pytest.raises(HfHubHTTPError) as caught:
            refused()
        assert caught.value.response.status_code == 401


def test_a_folder_becomes_one_commit_with_its_large_file_by_lfs(hub: HubServer, ada: HfApi, folder: Path) -> None:
    url = ada.create_repo("ada/tone", private=True)
    assert (str(url), url.repo_id) == (f"{hub.endpoint}/ada/tone", "ada/tone")

    made = ada.upload_folder(repo_id="ada/tone", folder_path=folder, commit_message="Add the adapter")

    assert hub.repository("ada/tone").history() == ["Add the adapter"]
    assert made.oid == hub.repository("ada/tone").head.sha
    assert hub.count(r"POST .*/commit/main") == 1
    assert hub.count(r"PUT /lfs/") == hub.count(r"POST .*/lfs/verify") == 1
    assert sorted(ada.list_repo_files("ada/tone")) == [".gitattributes", "README.md", "adapter_model.safetensors"]
    kept = {f.path: f for f in ada.list_repo_tree("ada/tone", recursive=True)}
    assert kept["adapter_model.safetensors"].size == kept["adapter_model.safetensors"].lfs.size == 2_500_000
    assert kept["README.md"].lfs is None
    assert ada.repo_info("ada/tone").private


def test_a_card_is_read_and_one_with_broken_metadata_is_refused(ada: HfApi, folder: Path) -> None:
    ada.create_repo("ada/tone")
    ada.upload_folder(repo_id="ada/tone", folder_path=folder)
    assert ada.repo_info("ada/tone").card_data.license == "mit"
    with pytest.raises(ValueError, match="Invalid metadata"):
        ada.upload_file(repo_id="ada/tone", path_in_repo="README.md", path_or_fileobj=b"---\na: b: c\n---\n")


def test_the_same_files_again_make_no_commit(hub: HubServer, ada: HfApi, folder: Path) -> None:
    ada.create_repo("ada/tone")
    first = ada.upload_folder(repo_id="ada/tone", folder_path=folder)
    again = ada.upload_folder(repo_id="ada/tone", folder_path=folder)
    assert again.oid == first.oid
    assert len(hub.repository("ada/tone").history()) == 1


def test_downloads_give_the_bytes_back_by_branch_and_by_commit(
    hub: HubServer, ada: HfApi, folder: Path, tmp_path: Path
) -> None:
    ada.create_repo("ada/tone", private=True)
    old = ada.upload_folder(repo_id="ada/tone", folder_path=folder).oid
    weights = (folder / "adapter_model.safetensors").read_bytes()
    ada.upload_file(repo_id="ada/tone", path_in_repo="README.md", path_or_fileobj=b"# New\n")

    place = {"endpoint": hub.endpoint, "token": ADA, "cache_dir": tmp_path / "cache"}
    newest = Path(hf_hub_download("ada/tone", "README.md", **place))
    before = Path(hf_hub_download("ada/tone", "README.md", revision=old, **place))
    assert newest.read_text() == "# New\n"
    assert before.read_text() == (folder / "README.md").read_text()
    assert before.parent.name == old

    snapshot = Path(snapshot_download("ada/tone", **place))
    assert snapshot.name == hub.repository("ada/tone").head.sha
    assert (snapshot / "adapter_model.safetensors").read_bytes() == weights


def test_a_part_of_a_file_can_be_asked_for(hub: HubServer) -> None:
    hub.add_repository("ada/open", {"letters.txt": b"abcdefgh"})
    address = f"{hub.endpoint}/ada/open/resolve/main/letters.txt"
    head = get_session().head(address)
    assert (head.headers["Content-Length"], head.content) == ("8", b"")
    assert head.headers["X-Repo-Commit"] == hub.repository("ada/open").head.sha
    part = get_session().get(address, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b"cde", "bytes 2-4/8")
    assert get_session().get(address, headers={"Range": "bytes=8-"}).status_code == 416


def test_a_taken_name_is_a_conflict_unless_that_is_fine(ada: HfApi) -> None:
    first = ada.create_repo("ada/tone")
    with pytest.raises(HfHubHTTPError, match="already created this model repo") as caught:
        ada.create_repo("ada/tone")
    assert caught.value.response.status_code == 409
    assert ada.create_repo("ada/tone", exist_ok=True) == first


def test_only_owners_and_members_with_a_writing_token_create(hub: HubServer, ada: HfApi) -> None:
    assert ada.create_repo("crew/ours").repo_id == "crew/ours"
    for token, name in ((ADA, "ben/his"), (READER, "ada/own"), (BEN, "crew/theirs")):
        with pytest.raises(HfHubHTTPError, match="rights") as caught:
            HfApi(endpoint=hub.endpoint, token=token).create_repo(name)
        assert caught.value.response.status_code == 403


def test_what_is_not_there_and_what_is_anothers_look_the_same(hub: HubServer, ada: HfApi) -> None:
    hub.add_repository("ben/secret", {"a.txt": b"a"}, private=True)
    hub.add_repository("ada/open", {"a.txt": b"a"})
    for name in ("ben/secret", "ben/nothing"):
        with pytest.raises(RepositoryNotFoundError) as caught:
            ada.repo_info(name)
        assert caught.value.response.status_code == 404
        assert not ada.repo_exists(name)
    with pytest.raises(RevisionNotFoundError):
        ada.repo_info("ada/open", revision="0" * 40)
    with pytest.raises(RemoteEntryNotFoundError):
        hf_hub_download("ada/open", "b.txt", endpoint=hub.endpoint, token=ADA)


def test_a_gated_repository_shows_itself_but_not_its_files(hub: HubServer, ada: HfApi) -> None:
    hub.add_repository("ben/gated", {"config.json": b"{}"}, gated=True)
    assert ada.repo_info("ben/gated").gated == "auto"
    with pytest.raises(GatedRepoError) as caught:
        hf_hub_download("ben/gated", "config.json", endpoint=hub.endpoint, token=ADA)
    assert caught.value.response.status_code == 403
    with pytest.raises(GatedRepoError):
        ada.auth_check("ben/gated")


def test_a_deleted_repository_is_gone(hub: HubServer, ada: HfApi) -> None:
    ada.create_repo("ada/tone")
    ada.delete_repo("ada/tone")
    assert not ada.repo_exists("ada/tone")
    with pytest.raises(RepositoryNotFoundError):
        ada.delete_repo("ada/tone")
    ada.delete_repo("ada/tone", missing_ok=True)


def test_a_commit_on_an_old_state_is_refused(ada: HfApi) -> None:
    ada.create_repo("ada/tone")
    old = ada.repo_info("ada/tone").sha

    def write(text: bytes) -> None:
        ada.create_commit("ada/tone", [CommitOperationAdd("a.txt", text)], commit_message="Write", parent_commit=old)

    write(b"1")
    with pytest.raises(HfHubHTTPError) as caught:
        write(b"2")
    assert caught.value.response.status_code == 412


def test_an_ordered_failure_happens_once_and_changes_nothing(hub: HubServer, ada: HfApi) -> None:
    hub.fail_next(r"POST /api/repos/create", 402, message="Storage is full")
    with pytest.raises(HfHubHTTPError, match="Storage is full"):
        ada.create_repo("ada/tone")
    assert not ada.repo_exists("ada/tone")
    ada.create_repo("ada/tone")


def test_a_dropped_commit_leaves_the_repository_as_it_was(hub: HubServer, ada: HfApi, folder: Path) -> None:
    ada.create_repo("ada/tone")
    hub.drop_next(r"/commit/")
    with pytest.raises(Exception, match=r"(?i)disconnect|reset|broken"):
        ada.upload_folder(repo_id="ada/tone", folder_path=folder)
    assert hub.repository("ada/tone").history() == []
    ada.upload_folder(repo_id="ada/tone", folder_path=folder)
    assert len(hub.repository("ada/tone").history()) == 1


def test_the_answer_alone_can_be_lost(hub: HubServer, ada: HfApi) -> None:
    hub.drop_next(r"POST /api/repos/create", after_work=True)
    with pytest.raises(Exception, match=r"(?i)disconnect|reset|broken"):
        ada.create_repo("ada/tone")
    assert ada.repo_exists("ada/tone")


def test_a_large_file_survives_one_dropped_upload(hub: HubServer, ada: HfApi, folder: Path) -> None:
    ada.create_repo("ada/tone")
    hub.drop_next(r"PUT /lfs/")
    ada.upload_folder(repo_id="ada/tone", folder_path=folder)
    assert hub.count(r"PUT /lfs/") == 2


def test_no_token_is_ever_recorded(hub: HubServer, ada: HfApi) -> None:
    ada.whoami()
    assert [(r.method, r.path, r.user, r.status) for r in hub.requests] == [("GET", "/api/whoami-v2", "ada", 200)]
    assert ADA not in repr(hub.requests)


def test_a_subprocess_takes_it_for_the_hub(hub: HubServer, tmp_path: Path) -> None:
    code = "import huggingface_hub as h; print(h.whoami()['name'], h.create_repo('new', private=True))"
    environment = hub_environment(hub, tmp_path / "hf", ADA)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["ada", f"{hub.endpoint}/ada/new"], done.stderr
    assert hub.repository("ada/new").private
