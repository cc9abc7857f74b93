"""One declaration of every knob: its checks, and what is made from it."""

import pytest

from studio.domain.errors import InvalidInput
from studio.domain.spec.peft_methods.registry import METHODS
from studio.domain.spec.presets import PRESETS, preset_values
from studio.domain.spec.run_spec import SECTIONS, RunSpec, defaults, describe, method_of, read_spec, whole_sections


def values(**sections):
    given = {"data": {"name": "rows"}}
    for section, fields in sections.items():
        given[section] = given.get(section, {}) | fields
    return given


def faults(**sections):
    with pytest.raises(InvalidInput) as caught:
        read_spec(values(**sections))
    return {place: str(fault) for place, fault in caught.value.fields.items()}


def test_text_from_a_form_is_read_as_the_knobs_type():
    spec = read_spec(values(lora={"r": " 8 ", "use_dora": "true"}, training={"learning_rate": "2e-4"}))
    assert (spec.method.r, spec.method.use_dora, spec.training.learning_rate) == (8, True, 2e-4)


@pytest.mark.parametrize(
    ("section", "field", "value", "message"),
    [
        ("lora", "r", "abc", "Enter a whole number, such as 16."),
        ("lora", "r", "0", "Must be 1 or more."),
        ("lora", "r", "2.5", "Enter a whole number, such as 16."),
        ("lora", "lora_dropout", "1", "Must be less than 1.0."),
        ("lora", "bias", "some", "Choose one of 'none', 'all' or 'lora_only'."),
        ("lora", "use_dora", "perhaps", "Must be true or false."),
        ("lora", "target_modules", "", "Name at least one layer, or all-linear."),
        ("lora", "target_modules", "q proj", "Separate layer names with commas, such as q_proj, v_proj."),
        ("training", "learning_rate", "", "Enter a number, such as 0.0002."),
        ("training", "learning_rate", "0", "Must be more than 0.0."),
        ("training", "learning_rate", "nan", "Must be a finite number."),
        ("training", "max_steps", "0", "Use -1 for no limit, or at least 1."),
        ("data", "validation_split", "0.6", "Must be 0.5 or less."),
        ("data", "name", "", "Choose one."),
        ("training", "epochs", "3", "There is no such setting."),
    ],
)
def test_a_bad_value_is_named_at_its_field(section, field, value, message):
    found = faults(**{section: {field: value}})
    assert list(found) == [f"{section}.{field}"]
    assert found[f"{section}.{field}"].startswith(message)


@pytest.mark.parametrize(
    ("mix", "words"),
    [
        (["tales=much"], "“much” cannot be the weight of “tales”"),
        (["tales=0"], "“0” cannot be the weight of “tales”"),
        (["tales=nan"], "“nan” cannot be the weight of “tales”"),
        (["tales=101"], "up to 100"),
        (["tales", "=1"], "not chosen"),
    ],
)
def test_a_weight_that_is_none_is_named_with_its_dataset(mix, words):
    assert words in faults(data={"mix": mix})["data.mix"]


def test_a_mixture_survives_its_json_and_is_written_one_way():
    spec = read_spec(
        values(data={"weight": "2", "mix": [" tales@3 = 0.5", "a=b=1.5", {"name": "c", "weight": 2}, "d"]})
    )
    assert (spec.data.names, spec.data.weights) == (["rows", "tales@3", "a=b", "c", "d"], [2, 0.5, 1.5, 2, 1])
    stored = spec.model_dump(mode="json")
    assert stored["data"]["mix"] == ["tales@3=0.5", "a=b=1.5", "c=2", "d=1"]
    assert RunSpec.model_validate_json(spec.model_dump_json()) == spec == read_spec(stored)


def test_a_spec_of_one_dataset_is_written_as_it_was_before_there_were_mixtures():
    assert set(read_spec(values()).model_dump()["data"]) == {
        "name",
        "validation_split",
        "validation_name",
        "answers_only",
    }


def test_every_fault_is_reported_at_once():
    found = faults(lora={"r": "x", "lora_alpha": "-1"}, training={"seed": "-1"})
    assert set(found) == {"lora.r", "lora.lora_alpha", "training.seed"}


def test_an_unknown_section_is_named():
    with pytest.raises(InvalidInput, match="no section “lorra”"):
        read_spec(values(lorra={"r": 8}))


def test_target_modules_are_all_linear_or_a_list_of_names():
    assert read_spec(values(lora={"target_modules": "q_proj, v_proj"})).method.target_modules == ["q_proj", "v_proj"]
    assert read_spec(values(lora={"target_modules": "all-linear"})).method.target_modules == "all-linear"
    assert read_spec(values(lora={"target_modules": ["up_proj"]})).method.target_modules == ["up_proj"]


def test_a_spec_survives_its_json():
    spec = read_spec(values(lora={"target_modules": "q_proj", "r": 4}))
    assert RunSpec.model_validate_json(spec.model_dump_json()) == spec
    assert read_spec(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_names_only_knobs_that_exist_and_passes_the_checks(name):
    for section, fields in PRESETS[name].items():
        assert set(fields) <= set(SECTIONS[section].model_fields)
    read_spec(preset_values(name, defaults() | {"data": {"name": "rows"}}))


@pytest.mark.parametrize("first", PRESETS)
@pytest.mark.parametrize("then", PRESETS)
def test_a_preset_leaves_nothing_of_another_one_behind(first, then):
    assert preset_values(then, preset_values(first, defaults())) == preset_values(then, defaults())


def test_every_knob_has_the_words_that_a_person_needs():
    for section in describe():
        assert section["title"]
        for field in section["fields"]:
            assert field["label"], field
            assert field["help"].endswith("."), field
            if field["kind"] == "choice":
                assert {c["value"] for c in field["choices"]} >= {field["default"]}


@pytest.mark.parametrize(("rows", "share", "kept"), [(100, 0.1, 10), (5, 0.1, 1), (80, 0, 0), (3, 0.5, 2)])
def test_a_validation_split_keeps_its_share_and_never_less_than_a_row(rows, share, kept):
    assert read_spec(values(data={"name": "rows", "validation_split": share})).data.eval_rows(rows) == kept


@pytest.mark.parametrize("method", METHODS)
def test_a_run_has_the_settings_of_its_method_alone(method):
    spec = read_spec(values(method={"kind": method}, **{name: {"r": 8} for name in METHODS}))
    assert spec.method == METHODS[method](r=8)
    stored = spec.model_dump(mode="json")
    assert stored["method"] == {"kind": method}
    assert set(METHODS) & set(stored) == {method}
    assert RunSpec.model_validate(stored) == spec == read_spec(stored)
    assert spec.method.summary.endswith("r8")


def test_a_value_of_a_method_that_is_not_chosen_is_not_judged():
    assert read_spec(values(method={"kind": "miss"}, lora={"r": "half typed"})).method == METHODS["miss"]()


def test_a_spec_that_an_older_studio_wrote_is_lora_and_supervised():
    stored = read_spec(values(lora={"r": 4, "use_dora": True})).model_dump(mode="json")
    del stored["method"], stored["objective"]
    spec = RunSpec.model_validate(stored)
    assert spec.method == method_of(stored) == METHODS["lora"](r=4, use_dora=True)
    assert spec.objective.kind == "sft"
    assert whole_sections(stored) == spec.model_dump(mode="json")


def test_a_method_that_does_not_exist_is_named():
    assert faults(method={"kind": "mora"})["method.kind"].startswith("Choose one of 'lora'")
