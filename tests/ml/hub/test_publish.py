"""A pushed adapter, loaded from the Hub by plain transformers, answers as it did before."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from studio.services.hub.service import Hub
from studio.settings import read_settings
from studio.store.catalogue import Catalogue
from tests.support.fake_hub.server import HubServer
from tests.support.hub_fixtures import ADA, hub_environment
from tests.support.sample_adapters import adapter_fields
from tests.support.tiny_models import random_adapter, tiny_model

ANSWER = """
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
where, tokens = sys.argv[1], sys.argv[2]
model = AutoModelForCausalLM.from_pretrained(where, dtype=torch.float32)
ids = AutoTokenizer.from_pretrained(tokens)("Hello there", return_tensors="pt")
print(json.dumps(model.generate(**ids, do_sample=False, max_new_tokens=12)[0].tolist()))
"""


def answer(where: str, tokenizer: Path, environment: dict[str, str]) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", ANSWER, where, str(tokenizer)],
        capture_output=True, text=True, env=environment, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ids: list[int] = json.loads(done.stdout.splitlines()[-1])
    return ids


def test_an_adapter_loaded_from_the_hub_by_its_id_answers_as_before(
    hub: HubServer, starter: Path, tmp_path: Path
) -> None:
    base = tiny_model(tmp_path / "base", starter)
    hub.add_repository("crew/tiny", base)
    adapter = random_adapter(tmp_path / "adapter", base, seed=1, strength=0.5)
    environment = hub_environment(hub, tmp_path / "hf", ADA)
    before, plain = answer(str(adapter), base, environment), answer(str(base), base, environment)
    assert before != plain

    settings = read_settings({"HF_ENDPOINT": hub.endpoint}, home=tmp_path / "home")
    settings.check_home()
    catalogue = Catalogue(settings.url)
    fields = adapter_fields(adapter, name="tuned", base_source="hub", base_reference="crew/tiny")
    catalogue.add_adapter(**fields | {"base_revision": hub.repository("crew/tiny").head.sha})
    pushed = Hub(catalogue, settings).push("tuned", "ada/tuned", token=ADA)
    assert catalogue.adapter("tuned").hub_url == pushed.url
    catalogue.close()

    assert answer("ada/tuned", base, environment) == before
