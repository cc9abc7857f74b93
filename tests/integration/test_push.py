"""Pushing an adapter with the real Hugging Face client, and all that can go wrong on the way."""

from __future__ import annotations

import json
import logging
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import ModelCard, close_session, snapshot_download
from huggingface_hub.utils import get_session

from studio.domain.errors import InvalidInput, NotFound, StudioError
from studio.services.hub.client import TIMEOUT_SECONDS
from studio.services.hub.service import Hub, Pushed
from studio.settings import Settings
from studio.store.catalogue import Catalogue
from studio.store.tables.adapters import Adapter
from tests.support.fake_hub.server import HubServer
from tests.support.fake_hub.store import HubError
from tests.support.hub_fixtures import ADA, BEN, READER, hub_environment
from tests.support.sample_adapters import BASE, REVISION, adapter_fields, write_adapter

NAME, REPOSITORY = "Captain v1", "ada/Captain-v1"


class Bench:
    """A studio's home with one adapter, and the hub it pushes to."""

    def __init__(self, home: Path, endpoint: str) -> None:
        self.settings = Settings(home=home, hub_endpoint=endpoint)
        self.folder = write_adapter(home / "adapters" / "captain-v1")
        self.catalogue = Catalogue(f"sqlite:///{home / 'studio.db'}")
        self.catalogue.add_adapter(**adapter_fields(self.folder))
        self.hub = Hub(self.catalogue, self.settings)

    @property
    def adapter(self) -> Adapter:
        return self.catalogue.adapter(NAME)

    def state(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """All that a push must leave alone when it fails."""
        files = {str(f.relative_to(self.folder)): f.read_bytes() for f in self.folder.rglob("*") if f.is_file()}
        return self.adapter.as_dict(), files

    def push(self, *args: Any, token: str | None = ADA, **options: Any) -> Pushed:
        return self.hub.push(NAME, *args, token=token, **options)

    def refused(self, push: Callable[[], Any], words: str, kind: type[StudioError] = StudioError) -> StudioError:
        """What the push is refused with; nothing has changed here."""
        before = self.state()
        with pytest.raises(kind, match=words) as caught:
            push()
        assert caught.value.remedy
        assert self.state() == before
        assert ADA not in str(caught.value)
        return caught.value


@pytest.fixture(autouse=True)
def no_token_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "login" / "token"))


@pytest.fixture
def bench(tmp_path: Path, hub: HubServer) -> Iterator[Bench]:
    bench = Bench(tmp_path / "home", hub.endpoint)
    yield bench
    bench.catalogue.close()


def published(hub: HubServer, repository: str = REPOSITORY) -> dict[str, bytes]:
    files = hub.repository(repository).head.files
    return {path: file.blob.read_bytes() for path, file in files.items() if path != ".gitattributes"}


def is_gone(hub: HubServer, repository: str = REPOSITORY) -> bool:
    try:
        hub.repository(repository)
    except HubError:
        return True
    return False


# what a push does


def test_a_push_is_one_commit_to_a_private_repository_and_the_catalogue_knows_it(hub: HubServer, bench: Bench) -> None:
    pushed = bench.push()

    repository = hub.repository(REPOSITORY)
    assert repository.private
    assert repository.history() == [f"Publish {NAME}"]
    assert pushed == Pushed(REPOSITORY, f"{hub.endpoint}/{REPOSITORY}", repository.head.sha, "")
    adapter = bench.adapter
    assert (adapter.hub_repo, adapter.hub_url, adapter.hub_commit) == (REPOSITORY, pushed.url, pushed.commit)
    assert adapter.hub_pushed_at == pytest.approx(time.time(), abs=60)
    assert hub.count(r"PUT /lfs/") == 1
    assert hub.count(BASE) == 0


def test_what_is_published_is_the_adapter_its_tokenizer_and_its_card(hub: HubServer, bench: Bench) -> None:
    before = bench.state()[1]
    bench.push()
    there = published(hub)
    assert sorted(there) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "chat_template.jinja",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert there["adapter_model.safetensors"] == before["adapter_model.safetensors"]
    config = json.loads(there["adapter_config.json"])
    assert (config["base_model_name_or_path"], config["revision"], config["r"]) == (BASE, REVISION, 4)
    assert ModelCard(there["README.md"].decode()).data.base_model == BASE
    assert bench.state()[1] == before


def test_nothing_of_this_machine_is_published(hub: HubServer, bench: Bench) -> None:
    bench.push()
    for path, content in published(hub).items():
        for secret in (str(bench.settings.home), "/home/someone", "someone", "not for others", ADA):
            assert secret.encode() not in content, (path, secret)


def test_what_was_pushed_can_be_downloaded_as_it_is(hub: HubServer, bench: Bench, tmp_path: Path) -> None:
    pushed = bench.push()
    place = {"endpoint": hub.endpoint, "token": ADA, "cache_dir": tmp_path / "cache"}
    snapshot = Path(snapshot_download(REPOSITORY, revision=pushed.commit, **place))
    assert (snapshot / "adapter_model.safetensors").read_bytes() == (
        bench.folder / "adapter_model.safetensors"
    ).read_bytes()


def test_an_adapter_of_a_local_base_says_that_the_base_must_be_given(hub: HubServer, bench: Bench) -> None:
    place = "/home/someone/models/base"
    bench.catalogue.change_adapter(
        bench.adapter.id, base_source="folder", base_reference=place, base_name="base", base_revision=""
    )
    pushed = bench.push()
    assert "not on the Hub" in pushed.note
    there = published(hub)
    config = json.loads(there["adapter_config.json"])
    assert config["base_model_name_or_path"] is None
    assert config["revision"] is None
    assert "not on the Hub" in there["README.md"].decode()
    assert not any(b"someone" in content for content in there.values())


def test_a_second_push_is_a_new_commit_in_the_same_place(hub: HubServer, bench: Bench) -> None:
    first = bench.push("crew/tone")
    bench.catalogue.change_adapter(bench.adapter.id, base_license="mit")
    second = bench.push(private=False)
    assert second.repository == "crew/tone"
    assert second.commit != first.commit
    assert bench.adapter.hub_commit == second.commit
    assert len(hub.repository("crew/tone").history()) == 2
    assert hub.repository("crew/tone").private
    assert bench.push().commit == second.commit


def test_a_repository_without_an_owner_is_the_accounts_own(hub: HubServer, bench: Bench) -> None:
    assert bench.push("tone", private=False).repository == "ada/tone"
    assert not hub.repository("ada/tone").private


def test_someone_elses_token_pushes_to_their_own_account(hub: HubServer, bench: Bench) -> None:
    bench.push()
    assert bench.push(token=BEN).repository == "ben/Captain-v1"


def test_an_empty_repository_may_be_filled_but_not_one_that_all_can_read(hub: HubServer, bench: Bench) -> None:
    hub.store.create(REPOSITORY, private=False)
    bench.refused(bench.push, "already a repository", InvalidInput)
    hub.repository(REPOSITORY).private = True
    bench.push()
    assert "README.md" in published(hub)


def test_a_push_imports_neither_torch_nor_what_needs_it(hub: HubServer, bench: Bench, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from studio.settings import *; quiet_libraries()\n"
        "from studio.services.hub.service import Hub; from studio.store.catalogue import Catalogue\n"
        "settings = read_settings(home=sys.argv[1]); assert 'huggingface_hub' not in sys.modules\n"
        f"Hub(Catalogue(settings.url), settings).push({NAME!r})\n"
        "print({'torch', 'transformers', 'peft', 'hf_xet'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(bench.settings.home)],
        env=hub_environment(hub, tmp_path / "hf", ADA),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "set()", done.stderr
    assert not is_gone(hub)


# what is wrong before anything is made


def test_a_token_that_is_not_known_is_said_to_be_so(hub: HubServer, bench: Bench) -> None:
    bench.refused(lambda: bench.push(token="hf_nobody"), "does not accept the token")
    assert hub.count("/api/repos/create") == 0


def test_a_token_that_only_reads_is_said_to_be_so(hub: HubServer, bench: Bench) -> None:
    bench.refused(lambda: bench.push(token=READER), "is read-only")
    assert hub.count("/api/repos/create") == 0


def test_without_a_token_nothing_is_asked(hub: HubServer, bench: Bench) -> None:
    bench.refused(lambda: bench.push(token=None), "no Hugging Face token")
    assert hub.requests == []


def test_a_namespace_of_others_is_refused(hub: HubServer, bench: Bench) -> None:
    bench.refused(lambda: bench.push("ben/tone"), "may not write to ben/tone")
    assert is_gone(hub, "ben/tone")


def test_a_taken_name_is_said_to_be_so_and_left_alone(hub: HubServer, bench: Bench) -> None:
    hub.add_repository(REPOSITORY, {"config.json": b"{}"}, private=True)
    fault = bench.refused(bench.push, f"already a repository {REPOSITORY}", InvalidInput)
    assert isinstance(fault, InvalidInput)
    assert "repo_id" in fault.fields
    assert published(hub) == {"config.json": b"{}"}


def test_a_name_that_is_taken_out_of_our_sight_is_left_alone(hub: HubServer, bench: Bench) -> None:
    hub.add_repository(REPOSITORY, {"config.json": b"{}"}, private=True)
    hub.fail_next(rf"GET /api/models/{REPOSITORY}", 404, code="RepoNotFound")
    bench.refused(bench.push, "already a repository", InvalidInput)
    assert published(hub) == {"config.json": b"{}"}


@pytest.mark.parametrize("name", ["a/b/c", "--", "ada/über", "tone.git", "a..b"])
def test_a_name_that_no_repository_can_have_is_refused(hub: HubServer, bench: Bench, name: str) -> None:
    bench.refused(lambda: bench.push(name), "cannot be the name", InvalidInput)
    assert hub.count("/api/repos/create") == 0


def test_an_adapter_that_is_not_whole_is_not_pushed(hub: HubServer, bench: Bench) -> None:
    weights = bench.folder / "adapter_model.safetensors"
    whole = weights.read_bytes()
    for broken in (whole[:-4], whole[:20], b""):
        weights.write_bytes(broken)
        bench.refused(bench.push, "is incomplete")
    weights.unlink()
    bench.refused(bench.push, "is incomplete")
    assert hub.requests == []


def test_an_adapter_that_there_is_not_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound):
        bench.hub.push("nobody", token=ADA)


# what goes wrong on the way


def test_a_hub_that_is_not_there_is_noticed_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as freed:
        port = freed.getsockname()[1]
    bench = Bench(tmp_path / "home", f"http://127.0.0.1:{port}")
    began = time.monotonic()
    bench.refused(bench.push, "cannot be reached")
    assert time.monotonic() - began < TIMEOUT_SECONDS
    bench.catalogue.close()


def test_a_hub_that_says_nothing_is_given_up_after_five_seconds(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        bench = Bench(tmp_path / "home", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        bench.refused(bench.push, "cannot be reached")
        assert time.monotonic() - began < TIMEOUT_SECONDS + 1
        bench.catalogue.close()


def test_an_offline_studio_says_why(hub: HubServer, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    bench.refused(bench.push, "HF_HUB_OFFLINE")
    assert hub.requests == []


def test_no_request_of_the_client_waits_for_ever(bench: Bench) -> None:
    bench.push()
    close_session()  # as the client does by itself when it cannot connect
    limits = get_session().timeout.as_dict()
    assert limits["connect"] == TIMEOUT_SECONDS
    assert all(limits.values())


@pytest.mark.parametrize("step", ["POST /api/repos/create", "POST /api/validate-yaml", "POST .*/commit/main"])
@pytest.mark.parametrize("after_work", [False, True])
def test_a_connection_that_breaks_leaves_no_repository_behind(
    hub: HubServer, bench: Bench, step: str, after_work: bool
) -> None:
    hub.drop_next(step, after_work=after_work)
    bench.refused(bench.push, "connection .* broke")
    assert hub.count(step) == 1
    assert is_gone(hub)
    bench.push()
    assert len(hub.repository(REPOSITORY).history()) == 1


@pytest.mark.parametrize("step", ["/preupload/", "/objects/batch", "PUT /lfs/", "/lfs/verify", "/commit/main"])
def test_a_refusal_on_the_way_leaves_no_repository_behind(hub: HubServer, bench: Bench, step: str) -> None:
    hub.fail_next(step, 402, message="Private storage is full")
    bench.refused(bench.push, "402.*Private storage is full")
    assert hub.count(step) == 1
    assert is_gone(hub)


def test_one_break_while_uploading_is_made_up_for_without_a_word(hub: HubServer, bench: Bench) -> None:
    hub.drop_next(r"PUT /lfs/")
    bench.push()
    assert hub.count(r"PUT /lfs/") == 2


def test_what_could_not_be_cleaned_up_is_filled_by_the_next_push(hub: HubServer, bench: Bench) -> None:
    hub.drop_next("/commit/main")
    hub.drop_next("DELETE /api/repos/delete")
    bench.refused(bench.push, "connection .* broke")
    assert published(hub) == {}
    bench.push()
    assert "README.md" in published(hub)


def test_a_failed_update_leaves_the_repository_as_it_was(hub: HubServer, bench: Bench) -> None:
    first = bench.push()
    bench.catalogue.change_adapter(bench.adapter.id, base_license="mit")
    hub.drop_next("/commit/main")
    bench.refused(bench.push, "connection .* broke")
    assert hub.repository(REPOSITORY).head.sha == first.commit
    hub.drop_next("/commit/main", after_work=True)
    bench.refused(bench.push, "connection .* broke")
    assert bench.push().commit == hub.repository(REPOSITORY).head.sha
    assert len(hub.repository(REPOSITORY).history()) == 2


# the token


def test_a_saved_token_is_for_this_user_alone_and_goes_before_the_others(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = bench.hub
    assert (hub.token_source(), hub.token()) == ("", None)
    (tmp_path / "login").mkdir()
    (tmp_path / "login" / "token").write_text("hf_login")
    assert (hub.token_source(), hub.token()) == ("login", "hf_login")
    monkeypatch.setenv("HF_TOKEN", "hf_environment")
    assert (hub.token_source(), hub.token()) == ("environment", "hf_environment")
    hub.save_token(f"  {ADA}\n")
    assert (hub.token_source(), hub.token()) == ("saved", ADA)
    file = bench.settings.home / "secrets" / "hub_token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert hub.whoami().name == "ada"
    hub.forget_token()
    hub.forget_token()
    assert (hub.token_source(), file.exists()) == ("environment", False)


@pytest.mark.parametrize("token", ["", "  ", "hf one", "hf_über", "hf_\x00"])
def test_what_cannot_be_a_token_is_not_saved(bench: Bench, token: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        bench.hub.save_token(token)
    assert "token" in caught.value.fields
    assert bench.hub.token() is None


def test_on_a_space_only_the_visitors_own_token_counts(
    hub: HubServer, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.hub.save_token(ADA)
    monkeypatch.setenv("HF_TOKEN", ADA)
    space = Hub(bench.catalogue, replace(bench.settings, space_id="ada/studio"))
    assert (space.token_source(), space.token()) == ("", None)
    with pytest.raises(StudioError, match="Space does not store tokens"):
        space.save_token(BEN)
    with pytest.raises(StudioError, match="no Hugging Face token"):
        space.push(NAME)
    assert space.push(NAME, token=BEN).repository == "ben/Captain-v1"


def test_the_token_is_nowhere_but_in_its_file(hub: HubServer, bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bench.hub.save_token(ADA)
    bench.push(token=None)
    bench.catalogue.close()
    holders = [f for f in bench.settings.home.rglob("*") if f.is_file() and ADA.encode() in f.read_bytes()]
    assert holders == [bench.settings.home / "secrets" / "hub_token"]
    assert hub.requests
    assert ADA not in caplog.text + repr(hub.requests)
