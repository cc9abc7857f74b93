"""What a model's architecture can do, found out by running it on a few tokens rather than by its name."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from studio.worker.numerics import apart, noise_bound, rounding

_FIRST, _SECOND = 12, 8  # tokens of the two documents that are tried
_SHORT, _LONG = 5, 29  # tokens of the two prompts
_STEPS = 3  # tokens that are written after each
# What a model raises that has no such call.
CANNOT = (TypeError, ValueError, RuntimeError, KeyError, IndexError, AttributeError, NotImplementedError)


class DocumentProbe:
    """Whether documents in one row, with positions that begin anew, are to a model as if each stood alone.

    Linear attention and state-space models, and those without positions, carry one document into the next. The
    second of two documents is computed alone, and behind the first as if both were one, by the model as it is when
    the probe is made.
    """

    lengths = (_FIRST, _SECOND)

    def __init__(self, model: Any) -> None:
        self._model = model
        self._ids = _tokens(model, sum(self.lengths))
        self._alone = _second(model, self._ids[:, _FIRST:])
        self._mixed = _second(model, self._ids)

    def passes(self, **more: Any) -> bool:
        """Both documents packed, with `more` for the model: what the second differs from itself alone must be next to
        nothing against what it differs where it sees the first."""
        positions = torch.cat([torch.arange(n) for n in self.lengths])[None].to(self._ids.device)
        try:
            packed = _second(self._model, self._ids, position_ids=positions, **more)
        except (TypeError, ValueError, RuntimeError, KeyError, IndexError):  # it takes no such call at all
            return False
        return bool(_distance(packed, self._alone) < 0.1 * _distance(self._mixed, self._alone))


@torch.no_grad()
def has_plain_head(model: Any) -> bool:
    """Whether its logits are one linear layer on the last hidden states, and nothing else: no cap, no scale."""
    head, backbone = model.get_output_embeddings(), model.base_model
    if type(head) is not torch.nn.Linear or backbone is model:
        return False
    ids = _tokens(model, _SECOND)
    hidden = backbone(input_ids=ids, use_cache=False).last_hidden_state
    return torch.equal(head(hidden), model(input_ids=ids, use_cache=False).logits)


def _tokens(model: Any, count: int) -> torch.Tensor:
    words = model.get_input_embeddings().num_embeddings
    return torch.randint(words, (1, count), generator=torch.Generator().manual_seed(0)).to(model.device)


@torch.no_grad()
def _second(model: Any, ids: torch.Tensor, **more: Any) -> torch.Tensor:
    """The logits of the last document, [tokens, words]."""
    return model(input_ids=ids, use_cache=False, **more).logits[0, -_SECOND:].float()


def _distance(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return (one - other).abs().mean()


def rows_stand_alone(model: Any, pad: int) -> bool:
    """Whether prompts of different lengths can share one `generate`: padded on the left with the token `pad`, the
    padding masked, each row must be what it is alone, in every step and within the rounding of the model's numbers.

    It is not so where a state, a convolution or a block of tokens takes the padding in, or where positions count it.
    The model is as it was afterwards, only set to evaluation; no random number is drawn. It costs six generations of
    three tokens: ask once for a loaded model.
    """
    short, long, other = (_text(model, pad, seed, _LONG) for seed in range(3))
    short = short[:_SHORT]
    forced = _text(model, pad, 3, 2 * _STEPS).view(2, _STEPS)
    padding = torch.full((_LONG - _SHORT,), pad)
    mask = torch.ones(2, _LONG, dtype=torch.long)
    mask[0, : len(padding)] = 0
    try:
        alone = [_written(model, row[None], None, forced[i : i + 1], pad)[0] for i, row in enumerate((short, long))]
        twice = _written(model, short.repeat(2, 1), None, forced[:1].repeat(2, 1), pad)[0]
        beside = _written(model, torch.stack([torch.cat([padding, short]), long]), mask, forced, pad)
        # The same row again, but the padding is something else, and so is the neighbour.
        padding = other[: len(padding)]
        changed = _written(model, torch.stack([torch.cat([padding, short]), other]), mask, forced, pad)[0]
    except CANNOT:
        return False
    if not positions_stand_alone(model):
        return False
    bound = noise_bound(alone[0], twice, model.dtype)
    return max(apart(beside[0], alone[0]), apart(beside[1], alone[1]), apart(changed, beside[0])) <= bound


def equal_rows_stand_alone(model: Any, pad: int) -> bool:
    """Whether prompts of one length, which need no padding, can share one `generate`: as rows_stand_alone, but hardly
    any model fails. It costs two generations of three tokens."""
    rows, forced = _text(model, pad, 0, 2 * _LONG).view(2, _LONG), _text(model, pad, 3, 2 * _STEPS).view(2, _STEPS)
    try:
        alone = _written(model, rows[:1], None, forced[:1], pad)[0]
        beside = _written(model, rows, None, forced, pad)[0]
    except CANNOT:
        return False
    return apart(beside, alone) <= rounding(model.dtype)


def positions_stand_alone(model: Any, longest: int | None = None) -> bool:
    """Whether a row is the same beside one that has positions up to `longest` (or else as far as the model can count).
    Rotary embeddings that stretch with the longest row of a batch (LongRoPE) are not."""
    config = model.config.get_text_config()
    most = getattr(config, "max_position_embeddings", None)
    last = min(most, longest or most) if isinstance(most, int) else 0
    if last <= _LONG or "position_ids" not in inspect.signature(model.forward).parameters:
        return True
    tokens = _text(model, 0, 0, 2 * _SHORT).view(2, _SHORT).to(model.device)
    near = torch.arange(_SHORT, device=model.device).repeat(2, 1)
    far = torch.stack([near[0], near[0] + last - _SHORT])
    model.eval()
    with torch.inference_mode():
        beside, alone = (
            model(input_ids=tokens, position_ids=positions, use_cache=False).logits[0].float()
            for positions in (far, near)
        )
    return apart(beside, alone) <= rounding(model.dtype)


def _text(model: Any, pad: int, seed: int, count: int) -> torch.Tensor:
    """Tokens that are nothing special to the model."""
    special = {pad, *_special(model)}
    words = min(model.get_input_embeddings().num_embeddings, 4096)
    usable = torch.tensor([i for i in range(words) if i not in special] or [0])
    return usable[torch.randint(len(usable), (count,), generator=torch.Generator().manual_seed(seed))]


def _special(model: Any) -> set[int]:
    config = model.config.get_text_config()
    found = [getattr(config, f"{name}_token_id", None) for name in ("pad", "bos", "eos")]
    return {i for one in found for i in (one if isinstance(one, list) else [one]) if isinstance(i, int)}


def _written(
    model: Any, tokens: torch.Tensor, mask: torch.Tensor | None, forced: torch.Tensor, pad: int
) -> torch.Tensor:
    """The logits of each step of `generate`, [rows, steps, words], where the tokens of `forced` are written."""
    settings = GenerationConfig(
        max_new_tokens=_STEPS, do_sample=False, num_beams=1, use_cache=True, pad_token_id=pad,
        output_logits=True, return_dict_in_generate=True,
    )  # fmt: skip
    model.eval()
    with torch.inference_mode():
        found = model.generate(
            input_ids=tokens.to(model.device),
            attention_mask=(torch.ones_like(tokens) if mask is None else mask).to(model.device),
            generation_config=settings,
            logits_processor=LogitsProcessorList([_Forced(forced.to(model.device), tokens.shape[1])]),
        )
    return torch.stack(found.logits, 1).float()


class _Forced(LogitsProcessor):
    """Every run writes the same tokens, so that their logits can be compared."""

    def __init__(self, tokens: torch.Tensor, width: int) -> None:
        self._tokens = tokens
        self._width = width

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        wanted = self._tokens[:, input_ids.shape[1] - self._width]
        return torch.full_like(scores, float("-inf")).scatter(1, wanted[:, None].to(scores.device), 0.0)
