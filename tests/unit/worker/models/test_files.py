"""Which files of a repository a model needs, and what safetensors headers tell without loading a weight."""

from __future__ import annotations

import json
from pathlib import Path

import numpy
import pytest
from safetensors.numpy import save_file

from studio.domain.errors import StudioError
from studio.worker.models.files import count_parameters, needed_files


def test_weights_come_once_and_neither_pickles_nor_code_come_along():
    names = [
        "README.md", ".gitattributes", "LICENSE", "config.json", "generation_config.json", "tokenizer.json",
        "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt", "chat_template.jinja",
        "additional_chat_templates/tools.jinja", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
        "model.safetensors.index.json", "consolidated.safetensors", "pytorch_model.bin", "pytorch_model.bin.index.json",
        "original/consolidated.00.pth", "onnx/model.onnx", "modeling_custom.py", "requirements.txt",
    ]  # fmt: skip
    assert set(needed_files(names)) == {
        "README.md", "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
        "special_tokens_map.json", "vocab.json", "merges.txt", "chat_template.jinja",
        "additional_chat_templates/tools.jinja", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    }  # fmt: skip


def test_weights_of_another_name_are_taken_where_there_are_no_others():
    assert "weights.safetensors" in needed_files(["config.json", "weights.safetensors", "adapter_model.safetensors"])


@pytest.mark.parametrize(
    ("names", "problem"),
    [(["config.json", "pytorch_model.bin"], "only has pickled weights"), (["config.json"], "no .safetensors weights")],
)
def test_a_model_without_safetensors_is_refused(names: list[str], problem: str):
    with pytest.raises(StudioError, match=problem):
        needed_files(names)


def test_parameters_are_counted_over_all_shards(tmp_path: Path):
    save_file({"a": numpy.ones((3, 4), numpy.float32)}, tmp_path / "model-1.safetensors")
    save_file({"b": numpy.ones(5, numpy.float32)}, tmp_path / "model-2.safetensors")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert count_parameters(tmp_path) == 17
    (tmp_path / "model-2.safetensors").unlink()
    with pytest.raises(StudioError, match="lacks 1 of its 2 weight files, such as model-2"):
        count_parameters(tmp_path)


def test_weights_that_are_cut_short_are_noticed(tmp_path: Path):
    file = tmp_path / "model.safetensors"
    save_file({"a": numpy.ones((30, 4), numpy.float32)}, file)
    whole = file.read_bytes()
    for broken in (whole[:-1], whole[:40], whole[:4], b"not safetensors at all"):
        file.write_bytes(broken)
        with pytest.raises(StudioError, match="damaged or cut short"):
            count_parameters(tmp_path)
