"""Several values of some settings: which runs they make, and what is said of values that cannot be."""

import pytest

from studio.domain.errors import InvalidInput
from studio.domain.naming import check_name
from studio.domain.spec.sweep import MAX_RUNS, combine, read_axes

VALUES = {"model": {"name": "tiny"}, "data": {"name": "rows"}}


def test_every_combination_is_a_run_with_a_name_of_its_own():
    axes = read_axes({"lora.r": "8, 16", "training.learning_rate": "1e-4,2e-4, 1e-4"})
    found = combine(VALUES, axes)
    assert [c.suffix for c in found] == ["r8-lr1e-4", "r8-lr2e-4", "r16-lr1e-4", "r16-lr2e-4"]
    assert [(c.spec.method.r, c.spec.training.learning_rate) for c in found] == [
        (8, 1e-4), (8, 2e-4), (16, 1e-4), (16, 2e-4),
    ]  # fmt: skip
    assert all(check_name(f"captain-{c.suffix}") for c in found)
    assert {c.spec.model.name for c in found} == {"tiny"}


def test_datasets_and_models_are_compared_like_any_other_setting():
    assert [c.spec.data.name for c in combine(VALUES, {"data.name": ["one", "two@3"]})] == ["one", "two@3"]


def test_a_value_that_cannot_be_is_named_at_its_setting():
    with pytest.raises(InvalidInput) as caught:
        combine(VALUES, {"lora.r": ["8", "many", "0"], "training.learning_rate": ["2"]})
    assert set(caught.value.fields) == {"lora.r", "training.learning_rate"}
    assert "“many”" in str(caught.value.fields["lora.r"])


@pytest.mark.parametrize("axes", [{"lora.none": "1"}, {"lora.target_modules": "q_proj, v_proj"}, {"lora.r": " , "}])
def test_what_cannot_have_several_values_is_refused(axes):
    with pytest.raises(InvalidInput) as caught:
        read_axes(axes)
    assert set(caught.value.fields) == set(axes)


def test_a_sweep_has_a_limit():
    with pytest.raises(InvalidInput, match="81 runs"):
        combine(
            VALUES,
            {
                place: ["1", "2", "3"]
                for place in ("lora.r", "lora.lora_alpha", "training.num_train_epochs", "training.seed")
            },
        )
    assert MAX_RUNS == 64


def test_methods_are_compared_like_any_other_setting():
    found = combine(VALUES, read_axes({"method.kind": "lora, miss", "training.seed": "1, 2"}))
    assert [c.suffix for c in found] == ["lora-seed1", "lora-seed2", "miss-seed1", "miss-seed2"]
    assert [c.spec.method.kind for c in found] == ["lora", "lora", "miss", "miss"]


@pytest.mark.parametrize(
    ("values", "axes"),
    [(VALUES, {"miss.r": "8, 16"}), (VALUES, {"method.kind": "lora, miss", "miss.r": "8, 16"})],
    ids=["another method", "not all of them"],
)
def test_a_setting_that_not_every_run_has_cannot_be_swept(values, axes):
    with pytest.raises(InvalidInput) as caught:
        combine(values, read_axes(axes))
    assert list(caught.value.fields) == ["miss.r"]
    assert "choose miss" in caught.value.fields["miss.r"].remedy
