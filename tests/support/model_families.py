"""The families of language models that transformers knows, each as a tiny model with random weights.

`FAMILIES` can be trained and played with here; `REFUSED` write no text from left to right, or not by themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig, PreTrainedTokenizerFast

TOKENS = 8  # of answers
WORDS = 384  # of the vocabulary

# Where a family's configuration has one of these, this is its value.
_SHAPE: dict[str, Any] = {
    "vocab_size": WORDS, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "tie_word_embeddings": False,
    "hidden_size": 32, "n_embd": 32, "d_model": 32, "word_embed_proj_dim": 32, "lru_width": 32,
    "num_hidden_layers": 2, "num_layers": 2, "n_layer": 2, "n_layers": 2, "decoder_layers": 2, "encoder_layers": 1,
    "num_attention_heads": 4, "num_heads": 4, "n_head": 4, "n_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "decoder_attention_heads": 4, "encoder_attention_heads": 4, "rotary_dim": 4,
    "intermediate_size": 48, "n_inner": 48, "ffn_dim": 48, "d_ff": 48, "decoder_ffn_dim": 48, "encoder_ffn_dim": 48,
    "max_position_embeddings": 256, "n_positions": 256, "max_seq_len": 256, "attention_hidden_size": 32,
    # nothing is drawn at random in training
    "attention_dropout": 0.0, "attn_pdrop": 0.0, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "hidden_dropout": 0.0,
    "dropout": 0.0, "activation_dropout": 0.0, "layerdrop": 0.0, "embedding_dropout": 0.0, "resid_dropout": 0.0,
    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "embed_dropout": 0.0, "mlp_dropout": 0.0,
    "residual_dropout": 0.0, "router_jitter_noise": 0.0, "input_jitter_noise": 0.0,
    # the loss is that of the language alone: tests of the routers' own set it
    "router_aux_loss_coef": 0.0,
    # experts
    "num_experts": 4, "num_local_experts": 4, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1,
    "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16, "n_group": 1, "topk_group": 1,
    "first_k_dense_replace": 1,
    # attention with compressed keys and values
    "q_lora_rank": 16, "kv_lora_rank": 8, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8,
    # state spaces
    "state_size": 4, "time_step_rank": 4, "mamba_d_state": 4, "mamba_d_conv": 4, "mamba_expand": 2, "mamba_n_heads": 8,
    "mamba_d_head": 8, "mamba_n_groups": 1, "mamba_chunk_size": 8, "mamba_dt_rank": 4, "mamba_d_ssm": 64,
    "conv1d_width": 4,
}  # fmt: skip
_COMPRESSED = {"num_key_value_heads": 4, "head_dim": 4}
_GATED_DELTA = {
    "layer_types": ["linear_attention", "full_attention"], "linear_num_value_heads": 4, "linear_num_key_heads": 2,
    "linear_key_head_dim": 8, "linear_value_head_dim": 8,
}  # fmt: skip
_ZAMBA = {
    "num_hidden_layers": 4, "layer_types": ["linear_attention", "hybrid", "linear_attention", "linear_attention"],
    "attention_hidden_size": 64, "attention_head_dim": 16,
}  # fmt: skip

FAMILIES: dict[str, dict[str, Any]] = {
    "afmoe": {},
    "apertus": {},
    "arcee": {},
    "aria_text": {},
    "axk1": _COMPRESSED,
    "bamba": {"attn_layer_indices": [1]},
    "biogpt": {},
    "bitnet": {},
    "bloom": {},
    "codegen": {},
    "cohere": {},
    "cohere2": {"sliding_window": 8},
    "cohere2_moe": {"sliding_window": 8},
    "ctrl": {},
    "cwm": {},
    "deepseek_v2": _COMPRESSED,
    "deepseek_v3": _COMPRESSED,
    "diffllama": {},
    "doge": {},
    "dots1": {},
    "ernie4_5": {},
    "ernie4_5_moe": {},
    "exaone4": {},
    "exaone_moe": {},
    "falcon": {"head_dim": None},
    "falcon_h1": {},
    "falcon_mamba": {},
    "flex_olmo": {},
    "gemma": {},
    "gemma2": {"sliding_window": 8, "final_logit_softcapping": 2.0},
    "gemma3_text": {"sliding_window": 8},
    "gemma3n_text": {
        "num_kv_shared_layers": 0,
        "layer_types": ["sliding_attention", "full_attention"],
        "sliding_window": 8,
        "hidden_size_per_layer_input": 8,
        "vocab_size_per_layer_input": WORDS,
        "laurel_rank": 4,
        "activation_sparsity_pattern": [0.0, 0.0],
    },
    "glm": {},
    "glm4": {},
    "glm4_moe": {},
    "glm4_moe_lite": _COMPRESSED,
    "gpt2": {},
    "gpt_bigcode": {},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": 8},
    "gpt_neox": {},
    "gpt_neox_japanese": {},
    "gpt_oss": {"sliding_window": 8},
    "gptj": {},
    "granite": {"logits_scaling": 4.0, "residual_multiplier": 0.5},
    "granitemoe": {},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"], "shared_intermediate_size": 48},
    "granitemoeshared": {},
    "helium": {},
    "hunyuan_v1_dense": {},
    "hunyuan_v1_moe": {},
    "hyperclovax": {},
    "internlm3": {},
    "jais2": {},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 1},
    "jetmoe": {},
    "lfm2": {"layer_types": ["conv", "full_attention"], "block_multiple_of": 8},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"], "num_dense_layers": 1},
    "llama": {},
    "llama4_text": {"layer_types": ["chunked_attention", "full_attention"], "attention_chunk_size": 8},
    "mamba": {},
    "mamba2": {"num_heads": 8, "n_groups": 1, "chunk_size": 8},
    "minicpm3": _COMPRESSED,
    "minimax": {},
    "minimax_m2": {},
    "ministral": {"sliding_window": 8},
    "mistral": {"sliding_window": 8},
    "mixtral": {},
    "modernbert-decoder": {},
    "mpt": {},
    "nanochat": {},
    "nemotron": {},
    "olmo": {},
    "olmo2": {},
    "olmo3": {"sliding_window": 8},
    "olmo_hybrid": {"layer_types": ["linear_attention", "full_attention"]},
    "olmoe": {},
    "openai-gpt": {},
    "opt": {},
    "persimmon": {},
    "phi": {},
    "phi3": {},
    "phimoe": {},
    "qwen2": {},
    "qwen2_moe": {},
    "qwen3": {},
    "qwen3_5_moe_text": _GATED_DELTA,
    "qwen3_5_text": _GATED_DELTA,
    "qwen3_moe": {},
    "qwen3_next": _GATED_DELTA,
    "recurrent_gemma": {"num_hidden_layers": 3, "block_types": ["recurrent", "recurrent", "attention"]},
    "rwkv": {},
    "seed_oss": {},
    "smollm3": {},
    "solar_open": {},
    "stablelm": {},
    "starcoder2": {},
    "vaultgemma": {"sliding_window": 8},
    "xglm": {},
    "youtu": _COMPRESSED,
    "zamba": _ZAMBA,
    "zamba2": {
        "num_hidden_layers": 4,
        "layers_block_type": ["linear_attention", "hybrid", "linear_attention", "hybrid"],
        "num_mem_blocks": 1,
        "num_key_value_heads": 4,
        "head_dim": None,
        "attention_hidden_size": 64,
        "n_mamba_heads": 8,
    },
}

REFUSED: dict[str, dict[str, Any]] = {
    "bart": {},
    "bert": {},
    "big_bird": {},
    "camembert": {},
    "data2vec-text": {},
    "electra": {},
    "ernie": {},
    "mbart": {},
    "megatron-bert": {},
    "pegasus": {},
    "plbart": {},
    "rembert": {},
    "roberta": {},
    "roformer": {},
    "t5": {},
    "xlm-roberta": {},
}

# Tried in every run, one of each kind; `scripts/test --zoo` tries all.
QUICK = ("bloom", "falcon_h1", "gemma3n_text", "llama", "mamba", "minimax", "mixtral", "modernbert-decoder", "rwkv")
QUICK_REFUSED = ("bart", "electra", "roberta")


def config_of(family: str, **changed: Any) -> PretrainedConfig:
    """The configuration of that family's tiny model."""
    known = AutoConfig.for_model(family).to_dict()
    settings = {key: value for key, value in _SHAPE.items() if key in known}
    settings |= (FAMILIES | REFUSED)[family] | changed
    return AutoConfig.for_model(family, **{key: value for key, value in settings.items() if value is not None})


def save_family(folder: Path, family: str, **changed: Any) -> Path:
    """Writes that family's tiny model and tokenizer as `save_pretrained` does.

    The weights are larger than fresh ones are, so that no two tokens are nearly as likely.
    """
    torch.manual_seed(0)
    model = model_class(family).from_config(config_of(family, **changed), dtype=torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * (0.2 if parameter.dim() > 1 else 0.05))
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def model_class(family: str) -> Any:
    from transformers import AutoModelForSeq2SeqLM

    return AutoModelForSeq2SeqLM if family == "t5" else AutoModelForCausalLM


def tokenizer() -> PreTrainedTokenizerFast:
    """Bytes and a few merges of them, WORDS in all, with ChatML as its chat template."""
    bare = Tokenizer(models.BPE())
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|begin|>", "<|im_end|>", "<|im_start|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS,
        show_progress=False,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    bare.train_from_iterator(
        ["the quick brown fox jumps over the lazy dog, and says so to whoever asks it"] * 4, trainer
    )
    made = PreTrainedTokenizerFast(
        tokenizer_object=bare, pad_token="<|pad|>", bos_token="<|begin|>", eos_token="<|im_end|>", model_max_length=256
    )
    made.chat_template = (
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    return made


def plain(folder: Path) -> Any:
    """As transformers loads it."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def tokens(count: int, seed: int = 7) -> list[int]:
    """A made-up prompt."""
    return torch.randint(4, 300, (count,), generator=torch.Generator().manual_seed(seed)).tolist()


def greedy(model: Any, prompt: list[int]) -> list[int]:
    """What transformers and peft themselves write."""
    ids = torch.tensor([prompt])
    given = {"max_new_tokens": TOKENS, "do_sample": False, "pad_token_id": 0, "eos_token_id": 2}
    written = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), **given)
    found = written[0, len(prompt) :].tolist()
    return found[: found.index(2)] if 2 in found else found
