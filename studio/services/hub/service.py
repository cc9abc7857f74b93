"""Publishes an adapter to the Hugging Face Hub, in one commit and without its base model."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from studio.domain.errors import InvalidInput, StudioError
from studio.domain.naming import slug
from studio.domain.secrecy import mask_secrets
from studio.domain.translation import N_
from studio.services.evaluation.results import before_and_after
from studio.services.hub.client import Account, ask_account, explain, hub_api
from studio.services.hub.files import AdapterFolder, read_adapter_folder
from studio.services.hub.model_card import base_on_hub, model_card
from studio.services.hub.token import HubToken, check_token
from studio.settings import Settings
from studio.store.catalogue import Catalogue
from studio.store.tables.adapters import Adapter

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True)
class Pushed:
    """Where the adapter is now. `note` says what its users must know; empty where there is nothing."""

    repository: str
    url: str
    commit: str
    note: str


class Hub:
    """The Hub at `settings.hub_endpoint`. A token given to a call goes before the one that is kept."""

    def __init__(self, catalogue: Catalogue, settings: Settings) -> None:
        self._catalogue = catalogue
        self._endpoint = settings.hub_endpoint
        self._tokens = HubToken(settings)
        self._one_at_a_time = threading.Lock()  # a second click finds the repository that the first one made

    def save_token(self, token: str) -> None:
        """Raises InvalidInput: it cannot be a token. StudioError: this is a Space."""
        self._tokens.save(token)

    def forget_token(self) -> None:
        self._tokens.forget()

    def token_source(self) -> str:
        """saved, environment or login; empty where there is no token."""
        return self._tokens.source()

    def token(self) -> str | None:
        return self._tokens.read()

    def whoami(self, token: str | None = None) -> Account:
        """Whose token it is.

        Raises:
            StudioError: there is no token, the Hub does not know it, or cannot be reached (after 5 s at most).
        """
        return ask_account(self._api(token))

    def push(
        self, adapter_name: str, repo_id: str | None = None, *, private: bool = True, token: str | None = None
    ) -> Pushed:
        """Publishes the adapter as `repo_id`; without one, where it was pushed before, else under its own name.

        A repository that it was pushed to before gets a new commit and stays as private as it is.
        The catalogue changes only when all is there; a repository that was made and not filled is deleted again.

        Raises:
            NotFound: there is no such adapter.
            InvalidInput: the repository's name is bad, or taken by something else.
            StudioError: the adapter's files are not whole, there is no token or it may not write, the Hub cannot be
                reached, or the connection broke.
        """
        with self._one_at_a_time:
            adapter = self._catalogue.adapter(adapter_name)
            folder = read_adapter_folder(Path(adapter.path))
            api = self._api(token)
            account = ask_account(api)
            if not account.writes:
                raise StudioError(
                    "The token of {account} is read-only.",
                    "Create one with write access at {endpoint}/settings/tokens and save it in Settings.",
                    account=account.name,
                    endpoint=self._endpoint,
                )
            repository = repository_id(adapter, repo_id, account)
            commit = self._publish(api, adapter, repository, self._files(adapter, folder, repository), private)
            url = f"{self._endpoint}/{repository}"
            self._catalogue.change_adapter(
                adapter.id, hub_repo=repository, hub_url=url, hub_commit=commit, hub_pushed_at=time.time()
            )
        note = (
            "" if base_on_hub(adapter) else N_("The base model is not on the Hub: whoever loads the adapter needs it.")
        )
        return Pushed(repository, url, commit, note)

    def _api(self, token: str | None) -> HfApi:
        token = check_token(token) if token else self._tokens.read()
        if not token:
            raise StudioError(
                "There is no Hugging Face token.",
                "Create one with write access at {endpoint}/settings/tokens and save it in Settings.",
                endpoint=self._endpoint,
            )
        return hub_api(self._endpoint, token)

    def _files(self, adapter: Adapter, folder: AdapterFolder, repository: str) -> dict[str, Path | bytes]:
        model = self._catalogue.model_by_id(adapter.model_id) if adapter.model_id else None
        measurements = before_and_after(self._catalogue, adapter)
        card = model_card(adapter, folder, repository, measurements, base_origin=model.origin if model else "")
        base = base_on_hub(adapter)
        return {"README.md": card.encode(), **folder.published_files(base, adapter.base_revision if base else "")}

    def _publish(
        self, api: HfApi, adapter: Adapter, repository: str, files: Mapping[str, Path | bytes], private: bool
    ) -> str:
        """The sha of the one commit that holds the files. Raises InvalidInput, StudioError."""
        from huggingface_hub import CommitOperationAdd
        from huggingface_hub.errors import HTTPError

        def commit() -> str:
            content = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=file) for name, file in files.items()]
            return mask_secrets(api.create_commit(repository, content, commit_message=f"Publish {adapter.name}").oid)

        try:
            if _is_there(api, repository, ours=repository == adapter.hub_repo, private=private):
                return commit()
            with _new_repository(api, repository, private=private):
                return commit()
        except (HTTPError, OSError, ValueError, RuntimeError) as error:
            raise explain(error, self._endpoint, repository) from error


def repository_id(adapter: Adapter, name: str | None, account: Account) -> str:
    """The repository to push to: the wanted one, else that of the last push, else the adapter's name.

    Raises:
        InvalidInput: it cannot be a repository's name.
    """
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    namespaces = (account.name, *account.organisations)
    if name := (name or "").strip():
        repository = name if "/" in name else f"{account.name}/{name}"
    elif adapter.hub_repo.partition("/")[0] in namespaces:
        repository = adapter.hub_repo
    else:
        repository = f"{account.name}/{slug(adapter.name)}"
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise _name_error(
            N_("“{repository}” cannot be the name of a repository."),
            N_("Use letters, digits, single dots, dashes and underscores: name, or owner/name."),
            repository,
        ) from error
    return repository


def _is_there(api: HfApi, repository: str, *, ours: bool, private: bool) -> bool:
    """Whether the repository exists already and may be filled: ours may, and one that holds nothing yet.

    Raises:
        InvalidInput: it exists and is something else, or could be read by everyone against the wish.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = api.model_info(repository)
    except RepositoryNotFoundError:
        return False
    empty = {file.rfilename for file in info.siblings or []} <= {".gitattributes"}
    if ours or (empty and (info.private or not private)):
        return True
    raise _taken_name_error(repository)


@contextmanager
def _new_repository(api: HfApi, repository: str, *, private: bool) -> Iterator[None]:
    """A repository to fill; it is deleted again when the block does not end well.

    That it was not there before is known, so one whose creation was never confirmed is ours to delete, too.

    Raises:
        InvalidInput: the name is taken.
    """
    from huggingface_hub.errors import HfHubHTTPError

    is_refused = False
    try:
        try:
            api.create_repo(repository, private=private)
        except HfHubHTTPError as error:
            is_refused = error.response.status_code < 500
            if error.response.status_code == 409:
                raise _taken_name_error(repository) from error
            raise
        yield
    except BaseException:
        if not is_refused:
            with suppress(Exception):  # if even this fails, an empty repository is left, which the next push fills
                api.delete_repo(repository, missing_ok=True)
        raise


def _taken_name_error(repository: str) -> InvalidInput:
    return _name_error(
        N_("There is already a repository {repository} that this adapter was not pushed to."),
        N_("Choose another name for the repository."),
        repository,
    )


def _name_error(problem: str, remedy: str, repository: str) -> InvalidInput:
    fault = InvalidInput(problem, remedy, repository=repository)
    return InvalidInput(problem, remedy, fields={"repo_id": fault}, repository=repository)
