"""What is worked out about a run before it begins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from studio.domain.errors import StudioError
from studio.domain.spec.peft_methods.lora import LoraSpec
from studio.domain.spec.run_spec import RunSpec, read_spec
from studio.domain.spec.training import TrainingSpec
from studio.services.models.layers import BaseWeights, layers_of, read_base_weights
from studio.services.models.memory import base_bytes
from studio.services.runs.adapter_size import sizes, trainable_parameters
from studio.services.runs.checks import method_faults
from studio.services.runs.memory_estimate import row_tokens, training_bytes
from studio.services.runs.plan import plan, total_steps
from tests.support.weight_files import write_weights

LLAMA = {
    "model.embed_tokens.weight": (100, 8),
    "model.layers.0.self_attn.q_proj.weight": (8, 8),
    "model.layers.0.self_attn.q_proj.bias": (8,),
    "model.layers.0.self_attn.v_proj.weight": (4, 8),
    "model.layers.0.mlp.down_proj.weight": (8, 16),
    "model.layers.0.input_layernorm.weight": (8,),
    "model.norm.weight": (8,),
}


def llama() -> BaseWeights:
    return layers_of(LLAMA, {"model_type": "llama"})


def write_model(folder: Path, shapes: dict[str, tuple[int, ...]], config: dict[str, Any], file: str) -> None:
    write_weights(folder / file, shapes)
    (folder / "config.json").write_text(json.dumps(config))


def spec(**training: Any) -> RunSpec:
    return read_spec({"data": {"name": "d"}, "training": training})


def test_all_linear_is_every_matrix_but_embeddings_and_output():
    assert set(llama().targets("all-linear")) == {
        "model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.v_proj", "model.layers.0.mlp.down_proj",
    }  # fmt: skip


def test_an_adapter_has_two_matrices_for_each_layer():
    assert trainable_parameters(llama(), LoraSpec(r=2)) == 2 * ((8 + 8) + (8 + 4) + (16 + 8))


def test_only_the_named_layers_get_an_adapter():
    assert trainable_parameters(llama(), LoraSpec(r=2, target_modules=["v_proj"])) == 2 * (8 + 4)


def test_a_name_fits_whole_parts_of_a_path_only():
    assert trainable_parameters(llama(), LoraSpec(target_modules=["proj"])) == 0


def test_dora_learns_a_length_for_each_output():
    plain, dora = (trainable_parameters(llama(), LoraSpec(r=2, use_dora=use)) for use in (False, True))
    assert dora - plain == 8 + 4 + 8


def test_bias_terms_count_where_they_are_trained():
    lora = {"r": 1, "target_modules": ["v_proj"]}
    assert trainable_parameters(llama(), LoraSpec(bias="all", **lora)) == (8 + 4) + 8
    assert trainable_parameters(llama(), LoraSpec(bias="lora_only", **lora)) == 8 + 4


def test_the_output_layer_of_a_tied_model_can_be_named():
    assert trainable_parameters(llama(), LoraSpec(r=1, target_modules=["lm_head"])) == 100 + 8


def test_layers_of_gpt2_are_stored_the_other_way_round():
    gpt2 = layers_of({"h.0.attn.c_attn.weight": (8, 24)}, {"model_type": "gpt2"})
    assert gpt2.linear["h.0.attn.c_attn"][:2] == (8, 24)


@pytest.mark.parametrize(
    ("shapes", "config"),
    [
        ({"model.layers.0.mlp.experts.0.w1.weight": (8, 8)}, {"model_type": "mixtral"}),
        (LLAMA, {"model_type": "llama", "quantization_config": {"quant_method": "gptq"}}),
        ({"model.embed_tokens.weight": (100, 8)}, {"model_type": "llama"}),
    ],
    ids=["mixture of experts", "stored quantised", "no linear layer"],
)
def test_what_cannot_be_told_from_the_files_is_not_made_up(shapes, config):
    made = sizes(spec(), layers_of(shapes, config))
    assert made.trainable is None
    assert made.adapter_bytes is None
    assert training_bytes(spec(), layers_of(shapes, config), 100, 1000) is None


def test_a_name_that_no_layer_has_is_at_fault_and_the_known_ones_are_told():
    (fault,) = method_faults(llama(), LoraSpec(target_modules=["q_proj", "key"])).values()
    assert "“key”" in fault.problem
    assert "q_proj, v_proj, down_proj" in fault.remedy
    assert method_faults(llama(), LoraSpec(target_modules=["q_proj", "lm_head"])) == {}
    assert method_faults(llama(), LoraSpec()) == {}


@pytest.mark.parametrize(
    ("rows", "settings", "steps"),
    [
        (100, {"num_train_epochs": 3}, 75),
        (101, {"num_train_epochs": 1}, 26),
        (100, {"num_train_epochs": 1, "gradient_accumulation_steps": 4}, 7),
        (100, {"num_train_epochs": 0.5}, 13),
        (3, {"num_train_epochs": 2, "gradient_accumulation_steps": 8}, 2),
        (100, {"num_train_epochs": 3, "max_steps": 20}, 20),
        (100, {"num_train_epochs": 3, "max_steps": 200}, 200),
    ],
)
def test_steps_are_counted_as_the_trainer_counts_them(rows, settings, steps):
    assert total_steps(rows, TrainingSpec(per_device_train_batch_size=4, **settings)) == steps


def test_rows_for_validation_are_not_trained_on():
    made = plan(spec(num_train_epochs=1, per_device_train_batch_size=1), 50)
    assert (made.train_rows, made.eval_rows, made.steps) == (45, 5, 45)


def test_an_adapter_file_has_four_bytes_for_each_number():
    made = sizes(spec(), llama())
    assert made.trainable is not None
    assert made.adapter_bytes == 4 * made.trainable


def test_fewer_bits_take_less_memory():
    base = llama()
    least = [base_bytes(base, precision)[0] for precision in ("fp32", "bf16", "8-bit", "4-bit")]
    assert least == sorted(least, reverse=True)
    assert base_bytes(base, "fp32") == (base.parameters * 4,) * 2
    assert base_bytes(base, "auto") == (base_bytes(base, "bf16")[0], base_bytes(base, "fp32")[0])


def smollm() -> BaseWeights:
    """The layers of SmolLM2-135M."""
    shapes = {"model.embed_tokens.weight": (49152, 576), "model.norm.weight": (576,)}
    matrices = {
        "self_attn.q_proj": (576, 576), "self_attn.k_proj": (192, 576), "self_attn.v_proj": (192, 576),
        "self_attn.o_proj": (576, 576), "mlp.gate_proj": (1536, 576), "mlp.up_proj": (1536, 576),
        "mlp.down_proj": (576, 1536),
    }  # fmt: skip
    for layer in range(30):
        shapes |= {f"model.layers.{layer}.{name}.weight": shape for name, shape in matrices.items()}
    return layers_of(shapes, {"model_type": "llama"})


def needed(
    tokens: int, halvings: int = 0, *, rows: int = 1000, bf16: bool = True, gpu: bool = False, **training: Any
) -> int:
    told = training_bytes(spec(**training), smollm(), tokens, rows, halvings, bf16=bf16, gpu=gpu)
    assert told is not None
    return told


@pytest.mark.parametrize(
    ("precision", "batch", "length", "lora", "megabytes"),
    [
        ("bf16", 1, 256, {}, 1332),
        ("bf16", 1, 512, {}, 1771),
        ("bf16", 1, 1024, {}, 2527),
        ("bf16", 1, 4096, {}, 9572),
        ("bf16", 2, 2048, {}, 6768),
        ("bf16", 4, 256, {}, 2147),
        ("bf16", 4, 512, {}, 3304),
        ("bf16", 4, 1024, {}, 5676),
        ("bf16", 8, 256, {}, 3288),
        ("bf16", 8, 512, {}, 5705),
        ("bf16", 8, 1024, {}, 10256),
        ("fp32", 1, 1024, {}, 4162),
        ("fp32", 4, 512, {}, 5263),
        ("4-bit", 1, 256, {}, 1469),
        ("4-bit", 4, 512, {}, 4429),
        ("8-bit", 1, 256, {}, 1623),
        ("8-bit", 4, 512, {}, 4378),
        ("bf16", 4, 512, {"use_dora": True}, 5625),
        ("bf16", 4, 512, {"use_dora": True, "target_modules": ["q_proj", "v_proj"]}, 3307),
        ("bf16", 4, 512, {"lora_dropout": 0.1}, 5219),
        ("bf16", 4, 512, {"r": 128}, 3718),
        ("bf16", 4, 512, {"target_modules": ["q_proj", "v_proj"]}, 2948),
    ],
)
def test_the_memory_that_training_takes_is_told_with_a_third_to_spare_at_most(
    precision, batch, length, lora, megabytes
):
    """Measured: the most that the worker had resident on a CPU, with rows that fill the max length."""
    training = {"per_device_train_batch_size": batch, "max_length": length}
    asked = read_spec({"model": {"precision": precision}, "data": {"name": "d"}, "lora": lora, "training": training})
    told = training_bytes(asked, smollm(), length, 1000, bf16=True)
    assert told is not None
    assert 0.95 <= told / (megabytes * 10**6) <= 1.33


@pytest.mark.parametrize(
    ("batch", "length", "dropout", "megabytes"),
    [(4, 512, 0.0, 1603), (4, 1024, 0.0, 2042), (8, 1024, 0.0, 2703), (4, 512, 0.1, 2396)],
)
def test_so_is_the_little_that_it_takes_where_layers_are_computed_twice(batch, length, dropout, megabytes):
    training = {"per_device_train_batch_size": batch, "max_length": length, "gradient_checkpointing": True}
    asked = read_spec(
        {
            "model": {"precision": "bf16"},
            "data": {"name": "d"},
            "lora": {"lora_dropout": dropout},
            "training": training,
        }
    )
    told = training_bytes(asked, smollm(), length, 1000, bf16=True)
    assert told is not None
    assert 0.95 <= told / (megabytes * 10**6) <= 1.33


def test_smaller_micro_batches_shorter_rows_bf16_and_a_gpu_take_less_memory():
    whole = {"per_device_train_batch_size": 8, "max_length": 1024}
    told, half = needed(1024, **whole), needed(1024, **whole | {"per_device_train_batch_size": 4})
    assert needed(1024, 1, **whole) == half < told
    assert needed(1024, 9, **whole) < half, "one example is the least"
    assert needed(100, **whole) < told
    assert needed(1024, rows=4, **whole) == half, "a batch has no more rows than there are"
    assert needed(1024, gpu=True, **whole) < told
    assert needed(1024, bf16=False, **whole) > told


def test_one_row_may_be_much_longer_than_the_mean_but_not_than_the_max_length():
    alone = {"per_device_train_batch_size": 1}
    assert needed(256, max_length=256, **alone) < needed(256, max_length=4096, **alone)
    assert needed(256, max_length=4096, **alone) == needed(1024, max_length=1024, **alone)


def test_rows_have_a_token_for_four_bytes_and_those_of_the_template():
    assert row_tokens(40_000, 100) == 100 + 30
    assert row_tokens(0, 0) == 30


def test_layers_are_read_from_every_shard_of_a_model(tmp_path):
    first, second = dict(list(LLAMA.items())[:3]), dict(list(LLAMA.items())[3:])
    for number, shapes in enumerate((first, second)):
        write_model(tmp_path, shapes, {"model_type": "llama"}, f"model-{number}.safetensors")
    places = {name: f"model-{0 if name in first else 1}.safetensors" for name in LLAMA}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    assert read_base_weights(tmp_path) == llama()


def test_a_model_that_was_replaced_is_read_again(tmp_path):
    write_model(tmp_path, LLAMA, {"model_type": "llama"}, "model.safetensors")
    before = read_base_weights(tmp_path)
    write_model(tmp_path, {"lm_head.weight": (3, 3)}, {"model_type": "llama"}, "model.safetensors")
    assert read_base_weights(tmp_path).parameters == 9 != before.parameters


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, (2).to_bytes(8, "little") + b"[]"])
def test_damaged_weights_are_a_problem_with_a_remedy(tmp_path, content):
    write_model(tmp_path, LLAMA, {"model_type": "llama"}, "model.safetensors")
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(StudioError) as told:
        read_base_weights(tmp_path)
    assert str(tmp_path) in told.value.problem
    assert told.value.remedy


def test_a_folder_without_weights_is_a_problem_with_a_remedy(tmp_path):
    with pytest.raises(StudioError):
        read_base_weights(tmp_path)
