from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from studio.domain.spec.run_spec import read_spec
from studio.services.hub.files import read_adapter_folder
from studio.services.hub.model_card import model_card
from studio.store.tables.adapters import Adapter
from tests.support.sample_adapters import BASE, REVISION, adapter_record, write_adapter


def card(adapter: Adapter, tmp_path: Path, **folder: Any) -> str:
    made = read_adapter_folder(write_adapter(tmp_path / "adapter", **folder))
    return model_card(adapter, made, "ada/captain-v1", base_origin="a package, Q4_1 GGUF converted to bf16")


def code_of(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def test_the_metadata_lets_the_hub_find_the_adapter_under_its_base(tmp_path: Path) -> None:
    data = ModelCard(card(adapter_record(), tmp_path)).data
    assert (data.base_model, data.library_name, data.pipeline_tag) == (BASE, "peft", "text-generation")
    assert data.license == "apache-2.0"
    assert {"lora", "adapter-studio", f"base_model:adapter:{BASE}"} <= set(data.tags)
    assert [(r.metric_type, r.metric_value, r.dataset_name) for r in data.eval_results] == [("loss", 1.5, "captain")]
    assert data.datasets is None


def test_method_and_objective_are_told(tmp_path: Path) -> None:
    spec = read_spec(
        {"data": {"name": "pairs"}, "method": {"kind": "miss"}, "objective": {"kind": "orpo"}, "orpo": {"beta": 0.2}}
    )
    text = card(adapter_record(spec=spec.model_dump(mode="json")), tmp_path)
    assert {"miss", "orpo"} <= set(ModelCard(text).data.tags) and "lora" not in ModelCard(text).data.tags
    assert "A MiSS adapter for" in text
    for row in ("| Objective | ORPO |", "| miss.r | 32 |", "| orpo.beta | 0.2 |"):
        assert row in text


def test_what_evaluations_found_of_base_and_adapter_is_told(tmp_path: Path) -> None:
    made = read_adapter_folder(write_adapter(tmp_path / "adapter"))
    told = {"set": "a|b", "metric": "rouge_l", "base": 0.25, "adapter": 0.5, "better": "higher", "n": 12}
    body = model_card(adapter_record(), made, "ada/captain-v1", [told])
    assert "| a\\|b | ROUGE-L (higher is better) | 12 | 0.25 | 0.5 |" in body
    assert "Before and after" not in model_card(adapter_record(), made, "ada/captain-v1")


def test_without_a_validation_loss_no_result_is_claimed(tmp_path: Path) -> None:
    for loss in (None, float("nan")):
        assert ModelCard(card(adapter_record(eval_loss=loss), tmp_path / str(loss))).data.eval_results is None


def test_the_body_tells_data_hyperparameters_losses_and_versions(tmp_path: Path) -> None:
    text = card(adapter_record(), tmp_path)
    for row in (
        "| SHA-256 of the rows as JSON Lines | " + "ab" * 32 + " |",
        "| Rows | 64 |",
        "| Training loss | 1.23457 |",
        "| Best validation loss of its run | 1.4 |",
        "| lora.r | 16 |",
        "| training.learning_rate | 0.0002 |",
        "| training.gradient_checkpointing | no |",
        "| peft | 0.21.2 |",
    ):
        assert row in text
    spec = adapter_record().spec
    assert text.count("| training.") == len(spec["training"])


def test_both_ways_to_use_it_pin_the_base_and_are_python(tmp_path: Path) -> None:
    transformers, peft = code_of(card(adapter_record(), tmp_path))
    for block in (transformers, peft):
        ast.parse(block)
        assert f'base = "{BASE}"' in block
        assert f'from_pretrained(base, revision="{REVISION}")' in block
        assert 'adapter = "ada/captain-v1"' in block
    assert "model.load_adapter(adapter)" in transformers
    assert "PeftModel.from_pretrained(model, adapter)" in peft


def test_a_base_of_another_revision_is_named_without_it(tmp_path: Path) -> None:
    adapter = adapter_record(base_source="hub", base_reference="someone/model@v2", base_revision=REVISION)
    assert ModelCard(card(adapter, tmp_path)).data.base_model == "someone/model"


def test_a_base_that_is_a_folder_is_never_told_where(tmp_path: Path) -> None:
    place = "/home/someone/secret-models/base"
    spec = adapter_record().spec
    spec["model"]["name"] = place
    adapter = adapter_record(
        base_source="folder", base_name="base", base_reference=place, base_revision="", owner="someone", spec=spec
    )
    text = card(adapter, tmp_path)
    assert "not on the Hub" in text
    assert 'base = "path/to/the/base/model"' in text
    assert "someone" not in text
    assert str(tmp_path) not in text
    assert ModelCard(text).data.base_model is None


def test_a_dora_adapter_that_transformers_would_load_wrongly_is_shown_with_peft_alone(tmp_path: Path) -> None:
    spec = adapter_record().spec
    spec["lora"]["use_dora"] = True
    adapter = adapter_record(spec=spec)
    (only,) = code_of(card(adapter, tmp_path / "a", magnitude="lora_magnitude_vector"))
    assert "PeftModel" in only
    assert len(code_of(card(adapter, tmp_path / "b", magnitude="lora_magnitude_vector.weight"))) == 2


@pytest.mark.parametrize(
    ("stated", "license", "name"),
    [
        ("apache-2.0", "apache-2.0", None),
        ("Apache-2.0", "apache-2.0", None),
        ("The Rather Free License", "other", "the-rather-free-license"),
        ("", None, None),
    ],
)
def test_a_license_is_written_as_the_hub_takes_it(
    tmp_path: Path, stated: str, license: str | None, name: str | None
) -> None:
    data = ModelCard(card(adapter_record(base_license=stated), tmp_path)).data
    assert (data.license, data.license_name) == (license, name)


def test_names_are_shown_as_they_are_and_do_nothing(tmp_path: Path) -> None:
    text = card(adapter_record(name="a|b `c`", dataset_name="<img src=x>: [y](z)"), tmp_path)
    assert "# a\\|b \\`c\\`" in text
    assert "| Name | \\<img src=x\\>: \\[y\\](z) |" in text
    data = ModelCard(text).data
    assert (data.model_name, data.eval_results[0].dataset_name) == ("a|b `c`", "<img src=x>: [y](z)")


def test_a_starter_that_came_out_of_a_package_says_so(tmp_path: Path) -> None:
    assert "came from a package, Q4_1 GGUF" in card(adapter_record(base_revision=""), tmp_path / "a")
    assert "GGUF" not in card(adapter_record(), tmp_path / "b")


def test_every_dataset_of_a_mixture_is_named_with_its_weight_and_hash(tmp_path: Path) -> None:
    datasets = [
        {"name": "captain", "version": 1, "sha256": "ab" * 32, "weight": 1.0, "rows": 30, "epoch_rows": 27},
        {"name": "butler|x", "version": 2, "sha256": "cd" * 32, "weight": 0.5, "rows": 20, "epoch_rows": 9},
    ]
    record = adapter_record(dataset_rows=30, mixture=["butler|x@2=0.5"], details={"datasets": datasets})
    text = card(record, tmp_path)
    assert "trained with Adapter Studio on 30 rows of “captain” and 20 rows of “butler\\|x”." in text
    assert f"| captain | 1 | 30 | 1 | 27 | {'ab' * 32} |" in text
    assert f"| butler\\|x | 2 | 20 | 0.5 | 9 | {'cd' * 32} |" in text
    assert "data.mix" not in text
    assert ModelCard(text).data.eval_results[0].dataset_name == "captain + butler|x"
