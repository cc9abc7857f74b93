"""What kind of model a configuration describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from studio.domain.errors import StudioError
from studio.domain.translation import N_

_ENDINGS = ("ForCausalLM", "LMHeadModel", "ModelWithLMHead")  # of classes that write text from left to right
_REMEDY = N_("Choose a causal language model, such as HuggingFaceTB/SmolLM2-135M-Instruct.")
_ENCODER = N_("{architecture} is an encoder: it fills gaps in a complete text but does not write any.")
_TRANSLATOR = N_(
    "{architecture} is an encoder-decoder, as for translation and summarisation, not a causal language model."
)
_CLASSIFIER = N_("{architecture} is a classifier, like reward models: it labels or scores text but does not write any.")
_EMBEDDER = N_("{architecture} turns text into vectors, as for search: it has no output for writing text.")
_READER = N_("{architecture} reads images and does not write text by itself.")
_DESCRIBER = N_(
    "{architecture} reads images or audio and writes about them; only text-only models can be trained here."
)
_LISTENER = N_("{architecture} is for audio: it transcribes or classifies what it hears.")
_SPEAKER = N_("{architecture} generates speech or music.")
_PAINTER = N_("{architecture} generates or edits images.")
_FORECASTER = N_("{architecture} forecasts series of numbers.")
_OTHER = N_("{architecture} is not a model that writes text.")

# What is said of the classes in transformers' own tables, by the middle of the tables' names, the most telling first.
_TABLES = (
    (_CLASSIFIER, ("SEQUENCE_CLASSIFICATION", "TOKEN_CLASSIFICATION", "MULTIPLE_CHOICE", "NEXT_SENTENCE_PREDICTION")),
    (_CLASSIFIER, ("QUESTION_ANSWERING", "TABLE_QUESTION_ANSWERING", "DOCUMENT_QUESTION_ANSWERING")),
    (_LISTENER, ("SPEECH_SEQ_2_SEQ", "CTC", "AUDIO_CLASSIFICATION", "AUDIO_FRAME_CLASSIFICATION", "AUDIO_XVECTOR")),
    (_SPEAKER, ("TEXT_TO_WAVEFORM", "TEXT_TO_SPECTROGRAM")),
    (_TRANSLATOR, ("SEQ_TO_SEQ_CAUSAL_LM",)),
    (_DESCRIBER, ("IMAGE_TEXT_TO_TEXT", "VISUAL_QUESTION_ANSWERING", "MULTIMODAL_LM")),
    (_PAINTER, ("CAUSAL_IMAGE_MODELING", "IMAGE_TO_IMAGE", "IMAGE_MATTING")),
    (_READER, ("IMAGE_CLASSIFICATION", "ZERO_SHOT_IMAGE_CLASSIFICATION", "OBJECT_DETECTION", "DEPTH_ESTIMATION")),
    (_READER, ("SEMANTIC_SEGMENTATION", "INSTANCE_SEGMENTATION", "UNIVERSAL_SEGMENTATION", "IMAGE_SEGMENTATION")),
    (_READER, ("ZERO_SHOT_OBJECT_DETECTION", "VIDEO_CLASSIFICATION", "MASK_GENERATION", "KEYPOINT_DETECTION")),
    (_READER, ("MASKED_IMAGE_MODELING", "BACKBONE", "IMAGE")),
    (_FORECASTER, ("TIME_SERIES_PREDICTION", "TIME_SERIES_CLASSIFICATION", "TIME_SERIES_REGRESSION")),
    (_ENCODER, ("MASKED_LM", "PRETRAINING")),
    (_EMBEDDER, ("RETRIEVAL", "TEXT_ENCODING")),
)

# Tables of positions that are learned, and what configurations call the number of tokens that a model is made for.
_POSITIONS = ("wpe", "position_embeddings", "embed_positions", "positions_embed", "position_embedding")
_CONTEXTS = (
    "max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "seq_length", "context_length",
    "max_target_positions", "n_ctx",
)  # fmt: skip


def architecture_of(config: Any) -> str:
    """The class that the model was saved as; its configuration's name where that is not said."""
    return str((getattr(config, "architectures", None) or [type(config).__name__])[0])


def check_kind(config: Any) -> None:
    """Raises StudioError where the configuration is not of a causal language model: it says which kind it is of."""
    architecture, kind = architecture_of(config), config.model_type
    has_architectures = bool(getattr(config, "architectures", None))
    causal = _names("CAUSAL_LM", kind)
    is_multimodal = architecture in _all_names("IMAGE_TEXT_TO_TEXT", "MULTIMODAL_LM")
    if causal and _names("SEQ_TO_SEQ_CAUSAL_LM", kind):
        raise _refusal(_TRANSLATOR, architecture)
    if (
        causal
        and _names("MASKED_LM", kind)
        and not (config_flag(config, "is_decoder") or config_flag(config, "causal"))
    ):
        raise _refusal(_ENCODER if not _labels(architecture) else _CLASSIFIER, architecture)
    if causal and (not has_architectures or architecture in causal or is_multimodal or architecture.endswith(_ENDINGS)):
        return
    raise _refusal(_what_it_is(config, architecture), architecture)


def config_flag(config: Any, name: str) -> bool:
    return bool(getattr(config, name, False))


def not_causal(config: Any) -> StudioError:
    """For a model that was tried, and whose every word depends on those behind it."""
    return _refusal(
        N_("{architecture} looks ahead: its output for a token depends on later tokens, so it cannot write text."),
        architecture_of(config),
    )


def _refusal(words: str, architecture: str) -> StudioError:
    return StudioError(words, _REMEDY, architecture=architecture)


def _what_it_is(config: Any, architecture: str) -> str:
    for words, tables in _TABLES:
        if architecture in _all_names(*tables):
            return words
    if _labels(architecture):
        return _CLASSIFIER
    if architecture in _all_names("CAUSAL_LM"):  # of another family than the configuration
        return _OTHER
    if config_flag(config, "is_encoder_decoder"):
        return _TRANSLATOR
    if getattr(config, "vision_config", None) or getattr(config, "audio_config", None):
        return _DESCRIBER
    if architecture.endswith(("Model", "Encoder")) and hasattr(config, "vocab_size"):
        return _ENCODER if _names("MASKED_LM", config.model_type) else _EMBEDDER
    return _OTHER


def _labels(architecture: str) -> bool:
    return architecture.endswith(("Classification", "RewardModel", "ForScore", "QuestionAnswering", "MultipleChoice"))


def _names(table: str, kind: str) -> tuple[str, ...]:
    """Of the classes that transformers has for that type of model in one of its tables."""
    from transformers.models.auto import modeling_auto

    class_names: str | Sequence[str] = getattr(modeling_auto, f"MODEL_FOR_{table}_MAPPING_NAMES", {}).get(kind, ())
    return (class_names,) if isinstance(class_names, str) else tuple(class_names)


def _all_names(*tables: str) -> set[str]:
    from transformers.models.auto import modeling_auto

    names: set[str] = set()
    for table in tables:
        mapping = getattr(modeling_auto, f"MODEL_FOR_{table}_MAPPING_NAMES", {})
        if table == "PRETRAINING":  # it has the causal ones too
            mapping = {kind: name for kind, name in mapping.items() if name not in _names("CAUSAL_LM", kind)}
        names.update(
            name
            for class_names in mapping.values()
            for name in ([class_names] if isinstance(class_names, str) else class_names)
        )
    return names


def context_of(config: Any, model: nn.Module | None, otherwise: int = 0) -> int:
    """How many tokens the model reads at once; `otherwise` where its configuration does not say it.

    A table of positions that were learned ends it: some keep a few rows of theirs for padding. `model` is one of that
    configuration, whose weights need not be there.
    """
    text = config.get_text_config(decoder=True)
    configured_size = next(
        (n for name in _CONTEXTS if isinstance(n := getattr(text, name, None), int) and n > 0), otherwise
    )
    table_sizes = [_rows(name, module) for name, module in model.named_modules()] if model is not None else []
    return min([configured_size or max([0, *table_sizes]), *(rows for rows in table_sizes if rows)])


def _rows(name: str, module: nn.Module) -> int:
    """Of a table of learned positions, as many as tokens have; 0 of any other module."""
    if not isinstance(module, nn.Embedding) or name.rpartition(".")[2] not in _POSITIONS:
        return 0
    offset = getattr(module, "offset", None)
    if offset is None:  # RoBERTa and its like count from the padding's own number
        offset = 0 if module.padding_idx is None else module.padding_idx + 1
    return int(module.num_embeddings - offset)
