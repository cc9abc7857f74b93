"""Where the studio lives and how it listens. The sole reader and writer of the process environment."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from studio.domain.errors import InvalidInput

DEFAULT_HOME = "~/.adapter-studio"
LOOPBACK_NETWORKS = "127.0.0.0/8,::1"
PRIVATE_NETWORKS = "10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fc00::/7"


class Variable(NamedTuple):
    name: str
    help: str


VARIABLES = (
    Variable("STUDIO_HOME", f"Folder for the catalogue, datasets, runs and adapters; {DEFAULT_HOME} by default."),
    Variable("STUDIO_DATABASE_URL", "SQLAlchemy URL of the catalogue; a SQLite file in the home by default."),
    Variable("STUDIO_LOGIN", "name:password to sign in with; required to listen beyond this machine."),
    Variable(
        "STUDIO_TRUSTED_PROXIES",
        "Addresses or networks, separated by commas, of the proxies whose X-Forwarded-* headers are trusted; "
        "by default this machine's own, on a Space also private networks.",
    ),
    Variable("HF_TOKEN", "Hugging Face token for pushing adapters and for gated models."),
    Variable("HF_ENDPOINT", "Address of the Hugging Face Hub, for mirrors."),
    Variable("SPACE_ID", "Set by Hugging Face on a Space."),
    Variable("CUDA_VISIBLE_DEVICES", "GPUs to use, as CUDA names them; all by default."),
)


@dataclass(frozen=True)
class Login:
    name: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """`database_url` is empty for the SQLite file in the home."""

    home: Path
    host: str = "127.0.0.1"
    port: int = 7860
    database_url: str = ""
    login: Login | None = None
    hub_endpoint: str = "https://huggingface.co"
    space_id: str = ""
    trusted_proxies: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return self.database_url or f"sqlite:///{self.home / 'studio.db'}"

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def folder(self, name: str) -> Path:
        """The folder of that name in the home, made where it is missing.

        Raises:
            InvalidInput: the home cannot be written.
        """
        path = self.home / name if name else self.home
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.home, error) from error
        return path

    def check_home(self) -> None:
        """Raises InvalidInput where the home cannot be made or written."""
        home = self.folder("")
        probe = home / f".writable-{os.getpid()}"
        try:
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise unwritable(home, error) from error

    def check_exposure(self) -> None:
        """Raises InvalidInput where anyone on the network could use the studio."""
        if not self.is_loopback and self.login is None:
            raise InvalidInput(
                "Listening on {host} would let anyone who reaches this machine use the studio.",
                "Set STUDIO_LOGIN to name:password, or leave out --host to listen on this machine alone.",
                host=self.host,
            )


def unwritable(home: Path, error: OSError) -> InvalidInput:
    return InvalidInput(
        "The studio's home {home} cannot be written: {reason}.",
        "Choose another folder with --home, or fix its permissions.",
        home=home,
        reason=error.strerror or str(error),
    )


def read_settings(
    environ: Mapping[str, str] = os.environ,
    *,
    home: str | Path | None = None,
    host: str | None = None,
    port: int | None = None,
    database_url: str | None = None,
) -> Settings:
    """Settings from the environment; what is given here goes before.

    Raises:
        InvalidInput: STUDIO_LOGIN has no name or no password, or STUDIO_TRUSTED_PROXIES is no list of networks.
    """
    is_space = bool(environ.get("SPACE_ID"))
    proxies = f"{LOOPBACK_NETWORKS},{PRIVATE_NETWORKS}" if is_space else LOOPBACK_NETWORKS
    return Settings(
        home=Path(home or environ.get("STUDIO_HOME") or DEFAULT_HOME).expanduser().absolute(),
        # A Space is reached through Hugging Face's proxy, which is not on loopback.
        host=host or ("0.0.0.0" if is_space else "127.0.0.1"),
        port=7860 if port is None else port,
        database_url=database_url or environ.get("STUDIO_DATABASE_URL", ""),
        login=_login(environ.get("STUDIO_LOGIN", "")),
        hub_endpoint=environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/"),
        space_id=environ.get("SPACE_ID", ""),
        trusted_proxies=_networks(environ.get("STUDIO_TRUSTED_PROXIES") or proxies),
    )


def _networks(text: str) -> tuple[str, ...]:
    """Those of IPv4 also as a socket of both families shows them."""
    try:
        networks = [ipaddress.ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise InvalidInput(
            "STUDIO_TRUSTED_PROXIES must be addresses or networks: {reason}.",
            "Separate them with commas, such as 127.0.0.1,10.0.0.0/8.",
            reason=str(error),
        ) from error
    mapped_networks = [f"::ffff:{n.network_address}/{96 + n.prefixlen}" for n in networks if n.version == 4]
    return (*map(str, networks), *mapped_networks)


def _login(text: str) -> Login | None:
    if not text:
        return None
    name, _, password = text.partition(":")
    if not name or not password:
        raise InvalidInput("STUDIO_LOGIN must be name:password.", "Write both, with a colon between them.")
    return Login(name, password)


def quiet_libraries() -> None:
    """No library of the web process phones home. Must run before gradio or huggingface_hub is imported."""
    os.environ.update(
        GRADIO_ANALYTICS_ENABLED="False",
        GRADIO_RUN_HISTORY="False",
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_DISABLE_XET="1",
        HF_HUB_DISABLE_PROGRESS_BARS="1",
    )


def hub_token_in_environment(environ: Mapping[str, str] = os.environ) -> str | None:
    return environ.get("HF_TOKEN") or None


def visible_gpus(environ: Mapping[str, str] = os.environ) -> str | None:
    """The GPUs that whoever started the studio lets it have, as CUDA names them; None for all."""
    return environ.get("CUDA_VISIBLE_DEVICES")


def worker_environment(
    environ: Mapping[str, str] = os.environ, *, online: bool = False, token: str | None = None, device: str = ""
) -> dict[str, str]:
    """What a worker process gets to see: no secret, no network unless it is there to download, and of several GPUs the
    one that it is put on.

    glibc gives big blocks back to the system after each use, and the page faults of taking them again cost about
    5 % of a CPU step; the two thresholds keep them. Threads that wait for each other spin, by default so long that a
    second busy program makes training ten to thirty times slower; with the short spin it gets its fair share.
    """
    variables = {k: v for k, v in environ.items() if k not in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "STUDIO_LOGIN")}
    variables.update(
        PYTHONUNBUFFERED="1",
        PYTHONFAULTHANDLER="1",
        TOKENIZERS_PARALLELISM="false",
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_DISABLE_XET="1",
        MALLOC_MMAP_THRESHOLD_="4294967296",
        MALLOC_TRIM_THRESHOLD_="4294967296",
        GOMP_SPINCOUNT="1000",
    )
    if not online:
        variables.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_DATASETS_OFFLINE="1")
    # Without a token, not that of the machine's login either: it is no visitor's.
    variables.update({"HF_TOKEN": token} if token else {"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"})
    if device:
        variables["CUDA_VISIBLE_DEVICES"] = device.partition(":")[2] if device.startswith("cuda:") else "-1"
        variables["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # nvidia-smi's numbers
    return variables
