"""A model that was added can be checked again by name, and a run tells which layers it left out."""

from __future__ import annotations

import json
from pathlib import Path

from studio.domain.errors import StudioError
from studio.domain.events import Finished, Started
from tests.support.model_families import save_family
from tests.support.studio_process import studio
from tests.support.training_jobs import captain_rows, events_of, start_worker, training_run


def test_a_model_is_checked_by_name_and_what_is_found_is_kept(tmp_path: Path):
    home, folder = tmp_path / "home", save_family(tmp_path / "tiny", "llama")
    added = json.loads(studio(home, "models", "add", str(folder), "--json").stdout)
    report = added["report"]
    assert (report["causal"], report["head"], report["tried"], report["problems"]) == (True, "linear", True, [])

    done = studio(home, "models", "check", "tiny", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == report

    (folder / "model.safetensors").unlink()
    save_family(tmp_path / "other", "llama", hidden_size=16)
    (tmp_path / "other" / "model.safetensors").rename(folder / "model.safetensors")
    done = studio(home, "models", "check", "tiny")
    assert done.returncode == 1
    assert "of the model's weights" in done.stdout
    (kept,) = json.loads(studio(home, "models", "list", "--json").stdout)
    assert kept["report"]["problems"]
    assert studio(home, "models", "check", "nobody").returncode == 2


def test_a_state_space_model_is_trained_with_what_can_bear_an_adapter_and_the_run_says_so(tmp_path: Path):
    model = save_family(tmp_path / "model", "mamba")
    run = training_run(tmp_path / "run", model, captain_rows(12), training={"max_steps": 1, "max_length": 64})
    assert start_worker(run).wait(240) == 0, run.log_tail()
    finished = run.last_event()
    assert isinstance(finished, Finished)
    (started,) = events_of(run, Started)
    assert [str(StudioError.from_dict(one)).split(":")[0] for one in started.left_out] == [
        "No adapter on out_proj", "No adapter on dt_proj",
    ]  # fmt: skip
    assert finished.details["left_out"] == started.left_out
    config = json.loads((Path(finished.path) / "adapter_config.json").read_text())
    assert not any(name.endswith(("out_proj", "dt_proj")) for name in config["target_modules"])
