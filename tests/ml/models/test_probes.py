"""Rows of one batch: each is what it is alone, or does not share one."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from studio.worker.models.probes import equal_rows_stand_alone, positions_stand_alone, rows_stand_alone
from tests.support.model_families import config_of, model_class

PAD = 0


def model_of(family: str, **changed: Any) -> Any:
    torch.manual_seed(0)
    model = model_class(family).from_config(config_of(family, **changed), dtype=torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * (0.2 if parameter.dim() > 1 else 0.05))
    return model


@pytest.mark.parametrize("family", ["bloom", "falcon_h1", "gpt2", "jamba", "llama", "mamba2", "minimax", "mpt", "opt"])
def test_a_model_that_masks_its_padding_writes_each_row_as_if_alone(family: str):
    assert rows_stand_alone(model_of(family), PAD)


@pytest.mark.parametrize("family", ["recurrent_gemma", "rwkv"])
def test_a_model_whose_state_takes_the_padding_in_shares_no_batch(family: str):
    assert not rows_stand_alone(model_of(family), PAD)


def test_rows_of_equal_length_can_share_a_batch_unless_the_model_mixes_them_up():
    assert equal_rows_stand_alone(model_of("recurrent_gemma"), PAD)
    assert not equal_rows_stand_alone(model_of("rwkv"), PAD)


def test_positions_that_count_the_padding_are_found_out():
    model = model_of("gpt2")
    own = model.forward

    def blind(*args: Any, position_ids: Any = None, **kwargs: Any) -> Any:
        return own(*args, **kwargs)

    model.forward = blind
    assert not rows_stand_alone(model, PAD)


def test_padding_that_is_not_masked_is_found_out_in_bf16_too():
    model = model_of("llama").to(torch.bfloat16)
    assert rows_stand_alone(model, PAD)
    own = model.forward

    def seeing(*args: Any, attention_mask: Any = None, **kwargs: Any) -> Any:
        return own(*args, attention_mask=torch.ones_like(attention_mask), **kwargs)

    model.forward = seeing
    assert not rows_stand_alone(model, PAD)


def test_rotary_embeddings_that_stretch_with_the_longest_row_share_no_batch():
    stretched = {
        "rope_type": "longrope", "rope_theta": 10_000.0, "original_max_position_embeddings": 64,
        "short_factor": [1.0] * 4, "long_factor": [4.0] * 4, "factor": 4.0,
    }  # fmt: skip
    assert not positions_stand_alone(model_of("llama", rope_parameters=stretched))
    assert positions_stand_alone(model_of("llama", rope_parameters=stretched), longest=60)
    assert not rows_stand_alone(model_of("llama", rope_parameters=stretched), PAD)


def test_asking_draws_no_random_number():
    model = model_of("llama")
    before = torch.random.get_rng_state()
    assert rows_stand_alone(model, PAD)
    assert torch.equal(torch.random.get_rng_state(), before)
