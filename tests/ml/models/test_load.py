"""What is loaded is what is on the disk: quantised weights truly or not at all, and no weight that is drawn anew."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from studio.domain.errors import StudioError
from studio.worker.model_check.check import check_model
from studio.worker.models.files import describe_model
from studio.worker.models.load import load_base
from tests.support.model_families import save_family

CPU = torch.device("cpu")
SIZES = {"hidden_size": 64, "intermediate_size": 128, "head_dim": 16}  # 4-bit layers come in blocks of 32
IDS = torch.arange(10, 22)[None]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_family(tmp_path_factory.mktemp("llama") / "model", "llama", **SIZES)


@pytest.fixture
def copy(llama: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(llama, tmp_path / "model"))


def change_config(folder: Path, **changed: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))


def change_weights(folder: Path, change: Callable[[str, torch.Tensor], dict[str, torch.Tensor]]) -> Path:
    file = folder / "model.safetensors"
    made: dict[str, torch.Tensor] = {}
    for name, tensor in load_file(file).items():
        made |= change(name, tensor)
    save_file(made, file, metadata={"format": "pt"})
    return folder


@torch.no_grad()
def logits(model: Any) -> torch.Tensor:
    return model.eval()(input_ids=IDS, use_cache=False).logits.float()


def plain(folder: Path) -> torch.Tensor:
    model = AutoModelForCausalLM.from_pretrained(folder)
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):  # bitsandbytes would round to bf16 on some CPUs
            module.support_avx512bf16_for_cpu = False
    return logits(model)


# quantised weights that load


def in_bits(llama: Path, folder: Path, **config: Any) -> Path:
    """As `save_pretrained` of a quantised model saves it."""
    shutil.copytree(llama, folder)
    model = AutoModelForCausalLM.from_pretrained(llama, quantization_config=BitsAndBytesConfig(**config))
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder)
    return folder


BITS = {
    "8-bit": {"load_in_8bit": True},
    "4-bit": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
}


@pytest.mark.parametrize("precision", BITS)
def test_a_saved_bitsandbytes_folder_is_loaded_as_it_was_saved(llama: Path, tmp_path: Path, precision: str):
    folder = in_bits(llama, tmp_path / "model", **BITS[precision])
    for asked in ("auto", precision):
        loaded = load_base(folder, asked, CPU, automatic="fp32")
        assert loaded.precision == precision
        assert torch.equal(logits(loaded.model), plain(folder))
    assert describe_model(folder)["parameters"] == loaded.parameters == load_base(llama, "fp32", CPU).parameters
    for asked in {"fp32", "bf16", "4-bit", "8-bit"} - {precision}:
        with pytest.raises(StudioError, match=f"stored as {precision}"):
            load_base(folder, asked, CPU)
    report = check_model(folder).report()
    assert (report.causal, report.problems) == (True, [])
    assert report.quantization.startswith(precision)


def to_fp8(name: str, tensor: torch.Tensor) -> dict[str, torch.Tensor]:
    if "_proj" not in name:
        return {name: tensor}
    scale = tensor.abs().max() / 448
    return {name: (tensor / scale).to(torch.float8_e4m3fn), f"{name}_scale_inv": scale.reshape(1, 1)}


def test_fp8_weights_are_unpacked_and_named(copy: Path):
    change_weights(copy, to_fp8)
    change_config(copy, quantization_config={"quant_method": "fp8", "weight_block_size": [128, 128]})
    loaded = load_base(copy, "fp32", CPU)
    assert loaded.precision == "fp32 (from FP8)"
    assert torch.equal(logits(loaded.model), plain(copy))
    again = load_base(copy, loaded.precision, CPU)  # as a run asks for it that goes on
    assert again.precision == loaded.precision
    half = load_base(copy, "bf16", CPU)
    assert {p.dtype for p in half.model.parameters()} == {torch.bfloat16}
    assert (logits(half.model) - plain(copy)).norm() < 0.05 * plain(copy).norm()
    assert describe_model(copy)["parameters"] == loaded.parameters
    assert check_model(copy).quantization == "FP8"


def to_mxfp4(name: str, tensor: torch.Tensor) -> dict[str, torch.Tensor]:
    if not name.endswith(("gate_up_proj", "down_proj")):
        return {name: tensor}
    experts, inputs, outputs = tensor.shape
    draw = torch.Generator().manual_seed(0)
    blocks = torch.randint(0, 256, (experts, outputs, inputs // 32, 16), dtype=torch.uint8, generator=draw)
    scales = torch.randint(118, 122, (experts, outputs, inputs // 32), dtype=torch.uint8, generator=draw)
    return {f"{name}_blocks": blocks, f"{name}_scales": scales}


def test_mxfp4_experts_are_unpacked_and_named(tmp_path: Path):
    folder = save_family(tmp_path / "model", "gpt_oss", hidden_size=64, intermediate_size=64)
    change_weights(folder, to_mxfp4)
    change_config(folder, quantization_config={"quant_method": "mxfp4"})
    loaded = load_base(folder, "fp32", CPU)
    assert loaded.precision == "fp32 (from MXFP4)"
    assert torch.equal(logits(loaded.model), plain(folder))


# quantised weights that do not


def packed(name: str, tensor: torch.Tensor) -> dict[str, torch.Tensor]:
    if "_proj" not in name:
        return {name: tensor}
    bare = name.removesuffix(".weight")
    return {f"{bare}.qweight": torch.zeros(8, 8, dtype=torch.int32), f"{bare}.scales": torch.ones(1, 8)}


@pytest.mark.parametrize("method", ["gptq", "awq", "compressed-tensors", "hqq", "torchao", "quanto", "of tomorrow"])
def test_weights_that_cannot_be_read_here_are_refused_with_a_way_out(copy: Path, method: str):
    change_weights(copy, packed)
    change_config(copy, quantization_config={"quant_method": method, "bits": 4})
    (copy / "README.md").write_text("---\nbase_model: ada/plain\n---\n")
    for look in (describe_model, load_base):
        with pytest.raises(StudioError, match="can neither train nor run") as fault:
            look(copy)
        assert "Add ada/plain, and choose 4-bit" in fault.value.remedy
    report = check_model(copy).report()
    assert report.quantization is not None
    assert report.problems


@pytest.mark.parametrize("change", [to_fp8, "int8"])
def test_packed_weights_of_which_nothing_is_said_are_refused(llama: Path, tmp_path: Path, change: Any):
    if change == "int8":
        folder = in_bits(llama, tmp_path / "model", load_in_8bit=True)
        config = json.loads((folder / "config.json").read_text())
        del config["quantization_config"]
        (folder / "config.json").write_text(json.dumps(config))
    else:
        folder = change_weights(Path(shutil.copytree(llama, tmp_path / "model")), change)
    for look in (describe_model, load_base):
        with pytest.raises(StudioError, match="does not say how to read them"):
            look(folder)


@pytest.mark.parametrize("named", ["", "weight_scale"])
def test_fp8_weights_without_a_scale_that_can_be_read_are_refused(copy: Path, named: str):
    def other(name: str, tensor: torch.Tensor) -> dict[str, torch.Tensor]:
        found = to_fp8(name, tensor)
        scale = found.pop(f"{name}_scale_inv", None)
        return found if scale is None or not named else found | {name.replace("weight", named): scale}

    change_weights(copy, other)
    change_config(copy, quantization_config={"quant_method": "fp8", "activation_scheme": "static"})
    for look in (describe_model, load_base):
        with pytest.raises(StudioError, match="no scale that can be read"):
            look(copy)


@pytest.mark.parametrize("bits", [{"load_in_4bit": True}, {"load_in_8bit": True}])
def test_ordinary_weights_that_are_called_quantised_are_refused(copy: Path, bits: dict[str, bool]):
    change_config(copy, quantization_config={"quant_method": "bitsandbytes"} | bits)
    for look in (describe_model, load_base):
        with pytest.raises(StudioError, match="the files contain none") as fault:
            look(copy)
        assert "Remove quantization_config" in fault.value.remedy


def test_packed_experts_of_which_nothing_is_said_are_refused(tmp_path: Path):
    folder = save_family(tmp_path / "model", "gpt_oss")
    change_weights(folder, lambda n, t: {n: t.to(torch.float8_e4m3fn) if t.dim() == 3 else t})
    with pytest.raises(StudioError, match="does not say how to read them"):
        load_base(folder)


# weights that are not there


def without(part: str) -> Callable[[str, torch.Tensor], dict[str, torch.Tensor]]:
    return lambda name, tensor: {} if part in name else {name: tensor}


@pytest.mark.parametrize("part", ["layers.1.mlp.up_proj", "lm_head", "norm.weight"])
def test_a_weight_that_is_missing_is_an_error(copy: Path, part: str):
    change_weights(copy, without(part))
    with pytest.raises(StudioError, match="a different shape there") as fault:
        load_base(copy, "fp32", CPU)
    assert part in fault.value.problem
    assert "a different shape there" in str(check_model(copy).refusal)


def test_a_weight_of_another_shape_is_an_error(copy: Path):
    change_weights(copy, lambda n, t: {n: t[:, :32].contiguous() if "up_proj" in n else t})
    with pytest.raises(StudioError, match="a different shape"):
        load_base(copy, "fp32", CPU)


def test_weights_that_are_packed_under_other_names_are_missing(copy: Path):
    change_weights(copy, packed)
    with pytest.raises(StudioError, match="packed as I32"):
        load_base(copy, "fp32", CPU)


def test_an_output_that_is_tied_to_the_embedding_is_not_missing(tmp_path: Path):
    folder = save_family(tmp_path / "model", "llama", tie_word_embeddings=True)
    assert "lm_head.weight" not in load_file(folder / "model.safetensors")
    assert torch.equal(logits(load_base(folder, "fp32", CPU).model), plain(folder))


def test_weights_of_a_part_that_is_not_used_are_passed_over(copy: Path):
    change_weights(copy, lambda n, t: {n: t, f"vision_tower.{n}": t.clone()})
    assert torch.equal(logits(load_base(copy, "fp32", CPU).model), plain(copy))


def test_weights_that_the_model_has_no_place_for_are_told_when_it_is_checked(copy: Path):
    assert check_model(copy).notes == []
    change_config(copy, num_hidden_layers=1)
    note = str(check_model(copy).notes[0])
    assert (
        "9 of the weights in the folder are not used by this model, such as model.layers.1.input_layernorm.weight"
        in note
    )


def test_weights_that_are_no_numbers_are_found_when_the_model_is_checked(copy: Path):
    change_weights(copy, lambda n, t: {n: t * float("nan") if "layers.1.mlp.up_proj" in n else t})
    assert "model.layers.1.mlp.up_proj.weight: it cannot answer" in str(check_model(copy).refusal)


@pytest.mark.parametrize("change", [{"dtype": "foo"}, {"num_attention_heads": 3}])
def test_a_setting_that_transformers_does_not_expect_is_said(copy: Path, change: dict[str, Any]):
    change_config(copy, **change)
    for look in (describe_model, load_base):
        with pytest.raises(StudioError, match=r"has a setting that transformers rejects"):
            look(copy)
    assert "has a setting that transformers rejects" in str(check_model(copy).refusal)


@pytest.mark.parametrize(("index", "said"), [(None, "nor an index"), ('{"weight_map": {}}', "index .* is damaged")])
def test_weights_in_files_that_nothing_lists_are_said(copy: Path, index: str | None, said: str):
    (copy / "model.safetensors").rename(copy / "model-00001-of-00001.safetensors")
    if index:
        (copy / "model.safetensors.index.json").write_text(index)
    with pytest.raises(StudioError, match=said):
        load_base(copy, "fp32", CPU)
