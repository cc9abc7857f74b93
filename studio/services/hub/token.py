"""The Hugging Face token: where it is stored, and which one is used."""

from __future__ import annotations

import re
from contextlib import suppress

from studio.domain.errors import InvalidInput, StudioError
from studio.domain.secrecy import keep_secret
from studio.services.shared.secret_file import SecretFile
from studio.settings import Settings, hub_token_in_environment

_SHAPE = re.compile(r"[\x21-\x7e]{1,512}")  # what an HTTP header can carry; the Hub knows the rest


class HubToken:
    """The token in `<home>/secrets/hub_token`, else the one in HF_TOKEN, else that of the machine's login.

    On a Space none of these counts: they are the owner's, and a visitor must never act as the owner.
    """

    def __init__(self, settings: Settings) -> None:
        self._file = SecretFile(settings, "hub_token")
        self._settings = settings
        with suppress(OSError, ValueError):  # damaged: said where it is used
            keep_secret(hub_token_in_environment(), self._file.read())

    def save(self, token: str) -> None:
        """Keeps the token, readable to this user alone.

        Raises:
            InvalidInput: it cannot be a token, or the home cannot be written.
            StudioError: this is a Space, which others use too.
        """
        if self._settings.space_id:
            raise StudioError("A Space does not store tokens.", "Sign in with Hugging Face instead.")
        self._file.write(check_token(token))

    def forget(self) -> None:
        """The saved token is gone afterwards; one in the environment or of the machine's login stays."""
        self._file.forget()

    def source(self) -> str:
        """Where the token that counts comes from: saved, environment, login; empty where there is none."""
        return self._find()[0]

    def read(self) -> str | None:
        """The token that counts, if there is one."""
        token = self._find()[1]
        keep_secret(token)
        return token

    def _find(self) -> tuple[str, str | None]:
        if self._settings.space_id:
            return "", None
        if token := self._file.read():
            return "saved", token
        if variable := hub_token_in_environment():
            return "environment", variable
        from huggingface_hub import get_token

        login = get_token()
        return ("login", login) if login else ("", None)


def check_token(token: str) -> str:
    """The token without outer blanks. Raises InvalidInput where it cannot be one."""
    token = token.strip()
    if not _SHAPE.fullmatch(token):
        fault = InvalidInput(
            "This is not a Hugging Face token." if token else "The token is empty.",
            "Copy the whole token from your Hugging Face settings; it starts with hf_.",
        )
        raise InvalidInput.at("token", fault)
    keep_secret(token)
    return token
