"""A remote server that answers in the playground in place of this machine: its address and key."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from urllib.parse import urlsplit

from studio.domain.errors import InvalidInput, StudioError
from studio.domain.secrecy import keep_secret
from studio.domain.translation import N_
from studio.services.inference.openai_client import Server
from studio.services.shared.secret_file import SecretFile
from studio.settings import Settings

_KEY = re.compile(r"[\x21-\x7e]{0,512}")  # what an HTTP header can carry


class RemoteServer:
    """A server of the OpenAI chat protocol with several adapters, such as vLLM; none by default. On a Space there is
    none: a visitor must never ask in the owner's name."""

    def __init__(self, settings: Settings) -> None:
        self._file = SecretFile(settings, "stand_in")
        self._is_space = bool(settings.space_id)
        with suppress(StudioError, OSError, ValueError):  # damaged: said where it is used
            self._read()  # from now on the key is known

    def save(self, url: str, key: str) -> None:
        """Keeps them, readable to this user alone; an empty `key` keeps the one that was saved for the same address.

        Raises:
            InvalidInput: address or key cannot be used (`fields` says which), or the home cannot be written.
            StudioError: this is a Space, which others use too.
        """
        if self._is_space:
            raise StudioError("A Space does not store keys.", "Run the studio on your own machine.")
        url, key = checked_url(url), key.strip()
        if not _KEY.fullmatch(key):
            raise _at("key", N_("This is not an API key."), N_("Copy the whole key, without spaces."))
        with suppress(StudioError):  # damaged: it is replaced
            content = self._read()
            if not key and content.get("url") == url:
                key = content["key"]
        keep_secret(key)
        self._file.write(json.dumps({"url": url, "key": key}))

    def forget(self) -> None:
        """From now on this machine answers."""
        self._file.forget()

    @property
    def url(self) -> str:
        """Empty where there is none."""
        return str(self._read().get("url", ""))

    @property
    def has_key(self) -> bool:
        return bool(self._read().get("key"))

    def server(self) -> Server | None:
        """Raises StudioError where what was saved cannot be read."""
        content = self._read()
        return Server(content["url"], content["key"]) if content else None

    def _read(self) -> dict[str, str]:
        if self._is_space or not (text := self._file.read()):
            return {}
        try:
            content = json.loads(text)
            keep_secret(str(content["key"]))
            return {"url": str(content["url"]), "key": str(content["key"])}
        except (ValueError, KeyError, TypeError) as error:
            raise StudioError(
                "The address of the other server, secrets/stand_in in the studio's home, cannot be read.",
                "Delete that file, then enter the address again.",
            ) from error


def checked_url(text: str) -> str:
    """The address that the protocol's paths follow, ending in /v1. Raises InvalidInput."""
    text = text.strip()
    try:
        parts = urlsplit(text)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_good = False
    if not is_good or re.search(r"\s", text):
        raise _at("url", N_("This is not the address of a server."), N_("Write it as http://host:8000/v1."))
    if parts.username or parts.password or parts.query or parts.fragment:
        raise _at(
            "url",
            N_("The address must contain neither a name and password nor a query."),
            N_("Enter a key below instead."),
        )
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path if path.endswith('/v1') else path + '/v1'}"


def _at(field: str, problem: str, remedy: str) -> InvalidInput:
    return InvalidInput.at(field, StudioError(problem, remedy))
