"""`studio train`: what its flags make of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from studio.app import build
from studio.cli import main
from studio.settings import read_settings


@pytest.fixture
def train(stocked_home: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Queues a run with these flags; returns the exit code, and the spec or what was said of a fault."""
    studio = build(read_settings({}, home=stocked_home))
    assert studio.lock.acquire()  # so that no command starts the run
    command = ("train", "--model", "m", "--dataset", "d", "--home", str(stocked_home), "--json")
    yield lambda *flags: _said(capsys, *command, *flags)
    studio.close()


def _said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = main(list(words))
    out, err = capsys.readouterr()
    return code, json.loads(out)["spec"] if code == 0 else out + err


def test_a_method_is_chosen_with_its_settings(train: Any) -> None:
    code, spec = train("--name", "a", "--method", "miss", "--miss.r", "8")
    assert code == 0
    assert spec["method"] == {"kind": "miss"} and spec["miss"]["r"] == 8 and "lora" not in spec


def test_a_preset_sets_the_chosen_method(train: Any) -> None:
    _, spec = train("--name", "a", "--method", "hira", "--preset", "quick")
    assert spec["hira"]["r"] == 8


def test_a_setting_of_another_method_is_refused_with_the_way_out(train: Any) -> None:
    code, said = train("--name", "a", "--miss.r", "8")
    assert code != 0
    assert "--miss.r" in said and "--method miss" in said


@pytest.mark.parametrize("text", ["[]", '{"spec": null}', '{"lora": null}', '{"method": "miss"}', "{"])
def test_a_spec_file_that_is_none_is_refused_in_words(train: Any, tmp_path: Path, text: str) -> None:
    file = tmp_path / "spec.json"
    file.write_text(text)
    code, said = train("--name", "a", "--spec", str(file))
    assert code == 2
    assert "cannot be read: it has no sections" in said or ("cannot be read: " in said and "JSON" in said)
    assert "object has no attribute" not in said and "Errno" not in said


def test_a_mixture_is_named_dataset_by_dataset(train: Any, stocked_home: Path) -> None:
    studio = build(read_settings({}, home=stocked_home))
    first = studio.catalogue.dataset("d")
    fields = {k: v for k, v in first.as_dict().items() if k not in ("id", "created_at")}
    for version in (1, 2):
        studio.catalogue.add_dataset(**fields | {"name": "tales", "version": version, "sha256": f"{version}" * 64})
    studio.close()
    code, spec = train("--name", "a", "--mix", "tales@1=0.5", "--data.weight", "2")
    assert code == 0
    assert (spec["data"]["weight"], spec["data"]["mix"]) == (2, ["tales@1=0.5"])
    code, spec = train("--name", "b", "--mix", "tales")
    assert (code, spec["data"]["mix"]) == (0, ["tales@2=1"])
    code, said = train("--name", "c", "--mix", "tales=often")
    assert code == 2 and "“often” cannot be the weight of “tales”" in said
    code, said = train("--name", "c", "--mix", "d")
    assert code == 2 and "“d” is in the run twice" in said
