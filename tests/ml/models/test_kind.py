"""Only what writes text from left to right is a base model; of anything else it is said what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

from studio.domain.errors import StudioError
from studio.worker.model_check.check import check_model
from studio.worker.models.causality import is_causal
from studio.worker.models.files import describe_model
from studio.worker.models.kind import check_kind, context_of
from studio.worker.models.load import load_base
from tests.support.model_families import config_of, save_family, tokenizer

KINDS: list[tuple[str, dict[str, Any], str]] = [
    ("bert", {"architectures": ["BertForMaskedLM"]}, "an encoder"),
    ("bert", {"architectures": ["BertLMHeadModel"]}, "an encoder"),
    ("bert", {}, "an encoder"),
    ("bert", {"architectures": ["BertForSequenceClassification"]}, "a classifier"),
    ("bert", {"architectures": ["BertModel"]}, "an encoder"),
    ("roberta", {"architectures": ["RobertaForMaskedLM"]}, "an encoder"),
    ("xlm-roberta", {"architectures": ["XLMRobertaForTokenClassification"]}, "a classifier"),
    ("electra", {"architectures": ["ElectraForPreTraining"]}, "an encoder"),
    ("modernbert", {"architectures": ["ModernBertForMaskedLM"]}, "an encoder"),
    ("deberta-v2", {"architectures": ["DebertaV2ForQuestionAnswering"]}, "a classifier"),
    ("bart", {"architectures": ["BartForConditionalGeneration"]}, "an encoder-decoder"),
    ("bart", {"architectures": ["BartForCausalLM"], "is_decoder": True}, "an encoder-decoder"),
    ("mbart", {}, "an encoder-decoder"),
    ("marian", {"architectures": ["MarianMTModel"]}, "an encoder-decoder"),
    ("t5", {"architectures": ["T5ForConditionalGeneration"]}, "an encoder-decoder"),
    ("whisper", {"architectures": ["WhisperForConditionalGeneration"]}, "is for audio"),
    ("wav2vec2", {"architectures": ["Wav2Vec2ForCTC"]}, "is for audio"),
    ("vits", {"architectures": ["VitsModel"]}, "generates speech"),
    ("musicgen", {"architectures": ["MusicgenForConditionalGeneration"]}, "generates speech or music"),
    ("vit", {"architectures": ["ViTForImageClassification"]}, "reads images"),
    ("clip", {"architectures": ["CLIPModel"]}, "reads images"),
    ("llava", {"architectures": ["LlavaForConditionalGeneration"]}, "reads images or audio and writes about them"),
    ("qwen2_5_vl", {"architectures": ["Qwen2_5_VLForConditionalGeneration"]}, "reads images or audio and writes"),
    ("llama", {"architectures": ["LlamaForSequenceClassification"]}, "a classifier, like reward models"),
    ("qwen2", {"architectures": ["Qwen2ForRewardModel"]}, "a classifier, like reward models"),
    ("mistral", {"architectures": ["MistralModel"]}, "turns text into vectors"),
    ("qwen2", {"architectures": ["Qwen2ForTokenClassification"]}, "a classifier"),
    ("timesfm", {"architectures": ["TimesFmModelForPrediction"]}, "forecasts"),
]  # fmt: skip


@pytest.mark.parametrize(("family", "changed", "said"), KINDS, ids=lambda value: str(value)[:40])
def test_what_is_no_causal_language_model_is_called_what_it_is(family: str, changed: dict[str, Any], said: str):
    config = AutoConfig.for_model(family)
    for name, value in changed.items():
        setattr(config, name, value)
    with pytest.raises(StudioError) as fault:
        check_kind(config)
    assert said in fault.value.problem
    assert fault.value.remedy


@pytest.mark.parametrize(
    ("family", "changed"),
    [
        ("llama", {"architectures": ["LlamaForCausalLM"]}),
        ("llama", {}),
        ("llama", {"architectures": ["MyOwnForCausalLM"]}),
        ("gpt2", {"architectures": ["GPT2LMHeadModel"]}),
        ("openai-gpt", {"architectures": ["OpenAIGPTLMHeadModel"]}),
        ("bert", {"architectures": ["BertLMHeadModel"], "is_decoder": True}),
        ("gemma3", {"architectures": ["Gemma3ForConditionalGeneration"]}),
        ("qwen3_5", {"architectures": ["Qwen3_5ForConditionalGeneration"]}),
    ],
    ids=str,
)
def test_what_writes_text_is_taken(family: str, changed: dict[str, Any]):
    config = AutoConfig.for_model(family)
    for name, value in changed.items():
        setattr(config, name, value)
    check_kind(config)


def test_a_decoder_of_an_encoders_family_is_taken_where_it_is_causal(tmp_path: Path):
    folder = save_family(tmp_path / "model", "bert", is_decoder=True)
    assert describe_model(folder)["context"] == 256
    assert is_causal(load_base(folder, "fp32", torch.device("cpu")).model)


def test_a_model_that_looks_ahead_is_found_out_by_trying_it(tmp_path: Path):
    config = AutoConfig.for_model("xlnet", vocab_size=384, d_model=32, n_layer=2, n_head=4, d_inner=48)
    model = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    report = check_model(tmp_path)
    assert report.causal is False
    assert "looks ahead" in str(report.refusal)


def test_a_saved_classifier_is_refused_before_it_is_loaded(tmp_path: Path):
    AutoModelForSequenceClassification.from_config(config_of("llama")).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    for look in (describe_model, load_base):
        with pytest.raises(StudioError, match="is a classifier"):
            look(tmp_path)


# context

CONTEXTS: list[tuple[str, dict[str, Any], int]] = [
    ("llama", {}, 256),
    ("gpt2", {"n_positions": 32}, 32),
    ("gpt_bigcode", {"n_positions": 32}, 32),
    ("openai-gpt", {"n_positions": 32}, 32),
    ("opt", {"max_position_embeddings": 32}, 32),
    ("biogpt", {"max_position_embeddings": 32}, 32),
    ("gpt_neo", {"max_position_embeddings": 32}, 32),
    ("bert", {"max_position_embeddings": 32, "is_decoder": True}, 32),
    ("roberta", {"max_position_embeddings": 34, "pad_token_id": 1, "is_decoder": True}, 32),
    ("xlm-roberta", {"max_position_embeddings": 35, "pad_token_id": 1, "is_decoder": True}, 33),
    ("mpt", {"max_seq_len": 32}, 32),
    ("bloom", {}, 77),  # it has no positions: what its tokenizer says
    ("mamba", {}, 77),
]


@pytest.mark.parametrize(("family", "changed", "context"), CONTEXTS, ids=[c[0] for c in CONTEXTS])
def test_the_context_is_as_many_tokens_as_the_model_takes(family: str, changed: dict[str, Any], context: int):
    config = config_of(family, **changed)
    model = AutoModelForCausalLM.from_config(config).eval()
    assert context_of(config, model, otherwise=77) == context
    ids = torch.full((1, context), 5)
    model(input_ids=ids)
    if family in ("gpt2", "gpt_bigcode", "openai-gpt", "opt", "biogpt", "gpt_neo", "roberta", "xlm-roberta"):
        with pytest.raises((IndexError, RuntimeError)):
            model(input_ids=torch.full((1, context + 1), 5))


# tokenizers with more tokens than the model


def with_more_tokens(folder: Path, **special: str) -> Path:
    own = tokenizer()
    own.add_special_tokens({"pad_token": "[PAD]"} | special)
    own.add_tokens(["<tool>"])
    own.save_pretrained(folder)
    return folder


def test_added_tokens_without_an_embedding_are_read_as_text(tmp_path: Path):
    folder = with_more_tokens(save_family(tmp_path / "model", "gpt2", vocab_size=len(tokenizer())))
    loaded = load_base(folder, "fp32", torch.device("cpu"))
    words = loaded.model.get_input_embeddings().num_embeddings
    ids = loaded.tokenizer("see <tool> and [PAD]")["input_ids"]
    assert max(ids) < words
    assert loaded.tokenizer.decode(ids) == "see <tool> and [PAD]"
    assert loaded.tokenizer.pad_token_id < words
    loaded.tokenizer.save_pretrained(tmp_path / "saved")
    assert max(json.loads((tmp_path / "saved" / "tokenizer.json").read_text())["model"]["vocab"].values()) < words
    report = check_model(folder)
    assert report.problems == []
    assert "“<tool>”" in str(report.notes[0]) or "“[PAD]”" in str(report.notes[0])


def test_a_padding_token_that_is_the_vocabularys_size_does_not_keep_a_model_from_loading(tmp_path: Path):
    folder = with_more_tokens(save_family(tmp_path / "model", "llama", vocab_size=len(tokenizer())))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"pad_token_id": config["vocab_size"]}))
    assert load_base(folder, "fp32", torch.device("cpu")).tokenizer.pad_token_id < config["vocab_size"]
    assert check_model(folder).problems == []


def test_a_tokenizer_whose_own_words_are_more_than_the_models_is_refused(tmp_path: Path):
    folder = save_family(tmp_path / "model", "llama", vocab_size=300)
    for look in (describe_model, load_base):
        with pytest.raises(StudioError, match="more tokens than the model has embeddings for: it has 300"):
            look(folder)


def test_a_text_that_ends_with_a_token_without_an_embedding_is_refused(tmp_path: Path):
    folder = with_more_tokens(save_family(tmp_path / "model", "llama", vocab_size=len(tokenizer())), eos_token="<end>")
    with pytest.raises(StudioError, match="ends a text with “<end>”") as fault:
        describe_model(folder)
    assert "resize_token_embeddings" in fault.value.remedy
