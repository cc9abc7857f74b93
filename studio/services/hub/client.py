"""The Hugging Face client with time limits, and what its exceptions mean to a person."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from studio.domain.errors import StudioError, causes
from studio.domain.secrecy import mask_secrets
from studio.platform.deadline import within

if TYPE_CHECKING:
    from huggingface_hub import HfApi

TIMEOUT_SECONDS = 5.0  # seconds for the first answer; a Hub that is slower counts as not there
_TIMEOUTS = (
    TIMEOUT_SECONDS,
    120.0,
    120.0,
    120.0,
)  # seconds to connect, between bytes read, bytes written, for a connection


@dataclass(frozen=True)
class Account:
    """Whose token it is. `writes` is False only where the token is known to read alone."""

    name: str
    organisations: tuple[str, ...]
    writes: bool


@cache
def _set_timeouts() -> None:
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    def client():  # type: ignore[no-untyped-def]  # of a package that is the client's own affair
        http_client = default_client_factory()
        http_client.timeout = _TIMEOUTS
        return http_client

    set_client_factory(client)  # its own waits for ever


def hub_api(endpoint: str, token: str | None) -> HfApi:
    """The client for that endpoint, acting with that token, or without one as nobody, though the environment has one.
    Importing it takes 0.15 s: only when needed."""
    from huggingface_hub import HfApi

    _set_timeouts()
    return HfApi(endpoint=endpoint, token=token or False, library_name="adapter-studio")


def ask_account(api: HfApi) -> Account:
    """Whose token the client has, which also tells whether the Hub can be reached: at most TIMEOUT_SECONDS.

    Raises:
        StudioError: the Hub cannot be reached, or does not know the token.
    """
    from huggingface_hub.errors import HfHubHTTPError, HTTPError

    try:
        who = within(TIMEOUT_SECONDS, api.whoami)
    except HfHubHTTPError as error:
        raise explain(error, api.endpoint) from error
    except (HTTPError, OSError, TimeoutError, ValueError) as error:
        raise unreachable(api.endpoint, error) from error
    role = who.get("auth", {}).get("accessToken", {}).get("role", "")
    organisations = tuple(mask_secrets(str(org["name"])) for org in who.get("orgs", []))
    return Account(mask_secrets(str(who["name"])), organisations, writes=role != "read")


def unreachable(endpoint: str, error: Exception) -> StudioError:
    from huggingface_hub.errors import OfflineModeIsEnabled

    if isinstance(error, OfflineModeIsEnabled):
        return StudioError(
            "The studio runs offline: HF_HUB_OFFLINE is set.", "Start it without HF_HUB_OFFLINE, then try again."
        )
    return StudioError(
        "Hugging Face cannot be reached at {endpoint}.",
        "Check the network, the proxy and HF_ENDPOINT, then try again. Nothing was changed.",
        endpoint=endpoint,
    )


def explain(error: Exception, endpoint: str, repository: str = "") -> StudioError:
    """What went wrong in a conversation with a Hub that does answer."""
    from huggingface_hub.errors import HfHubHTTPError, HTTPError

    cause = next((e for e in causes(error) if isinstance(e, HTTPError)), error)
    if not isinstance(cause, HTTPError):
        return StudioError(
            "Pushing to {repository} failed: {reason}.",
            "Nothing was changed here. Fix that, then push again.",
            repository=repository,
            reason=str(error).strip().rstrip("."),
        )
    if not isinstance(cause, HfHubHTTPError):
        return StudioError(
            "The connection to {endpoint} broke while pushing.",
            "Nothing was changed here. Check the network, then push again.",
            endpoint=endpoint,
        )
    status = cause.response.status_code
    match status:
        case 401:
            return StudioError(
                "{endpoint} does not accept the token.",
                "Create a new one with write access at {endpoint}/settings/tokens and save it in Settings.",
                endpoint=endpoint,
            )
        case 403:
            return StudioError(
                "The token may not write to {repository}.",
                "Use a token with write access, or a repository in your own account.",
                repository=repository or endpoint,
            )
    return StudioError(
        "{endpoint} answered with error {status}: {said}",
        "Nothing was changed here. Wait a moment, then try again.",
        endpoint=endpoint,
        status=status,
        said=(cause.server_message or str(cause)).strip().partition("\n")[0],
    )
