"""What an architecture can do, found by running it on a few tokens rather than by its name."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from studio.worker.common.numerics import relative_difference, rounded_otherwise, rounding, rounding_bound
from studio.worker.common.out_of_memory import is_out_of_memory
from studio.worker.models.output_head import OwnHead, backbone_of

logger = logging.getLogger(__name__)

_SHORT, _LONG = 5, 29  # tokens of the two prompts
_STEPS = 3  # tokens that are written after each

Probe = TypeVar("Probe", bound=Callable[..., bool])


def false_where_it_cannot(probe: Probe) -> Probe:
    """What a model refuses, whatever it raises, it does not do. Memory that runs out is no answer."""

    @wraps(probe)
    def wrapper(*args: Any, **kwargs: Any) -> bool:
        try:
            return probe(*args, **kwargs)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            logger.info("%s: %s", probe.__qualname__, error)
            return False

    return cast("Probe", wrapper)


class DocumentProbe:
    """Whether documents in one row, with positions that begin anew, are to a model as if each stood alone.

    Linear attention, state spaces and convolutions, and models without positions, carry one document into the next.
    Two things must hold: the logits of each document are those that it has alone, within rounding; and, which no
    rounding hides, no gradient at all flows from the last document into those before it.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._trials = [_Documents(model, (reach, 3, 9)) for reach in sorted({12, _reach(model)})]

    @false_where_it_cannot
    def passes(self, **more: Any) -> bool:
        """Tries documents in one row, with `more` for the model: a value, or a function of the documents' lengths.

        The first document is longer than the model's windows, blocks and kernels, as far as 256 tokens are, and the
        second shorter than those: first in small, for most models that fail fail there.
        """
        chunk = getattr(self._model.config.get_text_config(), "attention_chunk_size", None)
        if chunk and chunk > max(trial.lengths[0] for trial in self._trials):
            return False  # its blocks are counted from the beginning of the row
        return all(trial.are_apart(more) for trial in self._trials)


class _Documents:
    """Documents of random tokens, and their logits when each stands alone in the model as it is now."""

    def __init__(self, model: Any, lengths: tuple[int, ...]) -> None:
        self.lengths = lengths
        self._model = model
        rows = [_text(model, -1, seed, length)[None].to(model.device) for seed, length in enumerate(lengths)]
        self._row = torch.cat(rows, 1)
        with _without_gradients(model):
            self._single_logits = [_logits(model, row) for row in rows]
            with rounded_otherwise(model):
                again = [_logits(model, row) for row in rows]
        self._bound = max(
            rounding_bound(rounding(model), *pair) for pair in zip(self._single_logits, again, strict=True)
        )

    def are_apart(self, more: dict[str, Any]) -> bool:
        """Whether they are the same in one row."""
        inputs = {name: value(self.lengths) if callable(value) else value for name, value in more.items()}
        inputs["position_ids"] = torch.cat([torch.arange(n) for n in self.lengths])[None].to(self._row.device)
        with _without_gradients(self._model):
            packed_logits = _logits(self._model, self._row, **inputs).split(self.lengths)
        if (
            max(relative_difference(*pair) for pair in zip(packed_logits, self._single_logits, strict=True))
            > self._bound
        ):
            return False
        return not _looks_back(self._model, self._row, self.lengths[-1], inputs)


def _reach(model: Any) -> int:
    """A few tokens more than the longest window, block or kernel that a document of at most 256 tokens can exceed."""
    config = model.config.get_text_config().to_dict()
    sizes = [v for k, v in config.items() if re.search("window|chunk_size|block_size|conv|kernel", k)]
    return 12 + max([size for size in sizes if type(size) is int and size <= 256], default=0)


def _looks_back(model: Any, row: torch.Tensor, last: int, inputs: dict[str, Any]) -> bool:
    """Whether the last tokens of the row depend on what stands before them, when the model is trained."""
    embeddings: list[torch.Tensor] = []

    def keep(_: Any, __: Any, output: torch.Tensor) -> torch.Tensor:
        embeddings.append(output.detach().requires_grad_())
        return embeddings[-1]

    hook = model.get_input_embeddings().register_forward_hook(keep)
    was_training, devices = model.training, [row.device] if row.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices), torch.enable_grad():
            model.train()
            logits = model(input_ids=row, use_cache=False, **inputs).logits[0, -last:].float()
            weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(0)).to(logits.device)
            slopes = torch.autograd.grad((logits * weights).sum(), embeddings, allow_unused=True)
    finally:
        hook.remove()
        model.train(was_training)
    slope = next((slope for slope in slopes if slope is not None), None)
    return slope is None or bool((slope[:, :-last] != 0).any()) or not bool((slope[:, -last:] != 0).any())


@false_where_it_cannot
def has_plain_head(model: Any) -> bool:
    """Whether its logits are one linear layer on the last hidden states, and nothing else: no cap, no scale, no layer
    more. Large states are tried, too, for a cap is one to those only."""
    head, backbone = model.get_output_embeddings(), backbone_of(model)
    if type(head) is not torch.nn.Linear or backbone is model:
        return False
    with _without_gradients(model):
        ids = _text(model, -1, 0, 8)[None].to(model.device)
        output = backbone(input_ids=ids, use_cache=False)
        hidden = output.last_hidden_state.to(head.weight)
        if not torch.equal(head(hidden).float(), model(input_ids=ids, use_cache=False).logits.float()):
            return False
        large = 64 * hidden
        return bool(torch.equal(head(large)[0].float(), OwnHead(model).logits(large[0], type(output)).float()))


@contextmanager
def _without_gradients(model: Any) -> Iterator[None]:
    """For a while the model evaluates."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)


def _logits(model: Any, ids: torch.Tensor, **more: Any) -> torch.Tensor:
    """Of the first row: [tokens, words]."""
    return model(input_ids=ids, use_cache=False, **more).logits[0].float()


@false_where_it_cannot
def rows_stand_alone(model: Any, pad: int) -> bool:
    """Whether prompts of different lengths can share one `generate`: padded on the left with the token `pad`, the
    padding masked, each row must be what it is alone, in every step and within the rounding of the model's numbers.

    It is not so where a state, a convolution or a block of tokens takes the padding in, or where positions count it.
    The model is as it was afterwards, only set to evaluation; no random number is drawn. It costs six generations of
    three tokens: ask once for a loaded model.
    """
    short, long, other = (_text(model, pad, seed, _LONG) for seed in range(3))
    short = short[:_SHORT]
    forced_tokens = _text(model, pad, 3, 2 * _STEPS).view(2, _STEPS)
    padding = torch.full((_LONG - _SHORT,), pad)
    mask = torch.ones(2, _LONG, dtype=torch.long)
    mask[0, : len(padding)] = 0
    single_logits = [
        _forced_logits(model, row[None], None, forced_tokens[i : i + 1], pad)[0] for i, row in enumerate((short, long))
    ]
    with rounded_otherwise(model):
        again = _forced_logits(model, short[None], None, forced_tokens[:1], pad)[0]
    batch_logits = _forced_logits(model, torch.stack([torch.cat([padding, short]), long]), mask, forced_tokens, pad)
    # The same row again, but the padding is something else, and so is the neighbour.
    padding = other[: len(padding)]
    changed_logits = _forced_logits(model, torch.stack([torch.cat([padding, short]), other]), mask, forced_tokens, pad)[
        0
    ]
    if not positions_stand_alone(model):
        return False
    bound = rounding_bound(rounding(model), single_logits[0], again)
    return (
        max(
            relative_difference(batch_logits[0], single_logits[0]),
            relative_difference(batch_logits[1], single_logits[1]),
            relative_difference(changed_logits, batch_logits[0]),
        )
        <= bound
    )


@false_where_it_cannot
def equal_rows_stand_alone(model: Any, pad: int) -> bool:
    """Whether prompts of one length, which need no padding, can share one `generate`: as rows_stand_alone, but hardly
    any model fails. It costs two generations of three tokens."""
    rows, forced_tokens = (
        _text(model, pad, 0, 2 * _LONG).view(2, _LONG),
        _text(model, pad, 3, 2 * _STEPS).view(2, _STEPS),
    )
    single_logits = _forced_logits(model, rows[:1], None, forced_tokens[:1], pad)[0]
    batch_logits = _forced_logits(model, rows, None, forced_tokens, pad)[0]
    return relative_difference(batch_logits, single_logits) <= rounding(model)


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
    with torch.no_grad():
        far_logits, near_logits = (
            model(input_ids=tokens, position_ids=positions, use_cache=False).logits[0].float()
            for positions in (far, near)
        )
    return relative_difference(far_logits, near_logits) <= rounding(model)


def _text(model: Any, pad: int, seed: int, count: int) -> torch.Tensor:
    """Tokens that are nothing special to the model."""
    special = {pad, *_special(model)}
    words = min(model.get_input_embeddings().num_embeddings, 4096)
    usable = torch.tensor([i for i in range(words) if i not in special] or [0])
    return usable[torch.randint(len(usable), (count,), generator=torch.Generator().manual_seed(seed))]


def _special(model: Any) -> set[int]:
    config = model.config.get_text_config()
    token_ids = [getattr(config, f"{name}_token_id", None) for name in ("pad", "bos", "eos")]
    return {i for one in token_ids for i in (one if isinstance(one, list) else [one]) if isinstance(i, int)}


def _forced_logits(
    model: Any, tokens: torch.Tensor, mask: torch.Tensor | None, forced_tokens: torch.Tensor, pad: int
) -> torch.Tensor:
    """The logits of each step of `generate`, [rows, steps, words], where the tokens of `forced_tokens` are written."""
    settings = GenerationConfig(
        max_new_tokens=_STEPS, do_sample=False, num_beams=1, use_cache=True, pad_token_id=pad,
        output_logits=True, return_dict_in_generate=True,
    )  # fmt: skip
    model.eval()
    with torch.no_grad():
        output = model.generate(
            input_ids=tokens.to(model.device),
            attention_mask=(torch.ones_like(tokens) if mask is None else mask).to(model.device),
            generation_config=settings,
            logits_processor=LogitsProcessorList([_Forced(forced_tokens.to(model.device), tokens.shape[1])]),
        )
    return torch.stack(output.logits, 1).float()


class _Forced(LogitsProcessor):
    """Every run writes the same tokens, so that their logits can be compared."""

    def __init__(self, tokens: torch.Tensor, width: int) -> None:
        self._tokens = tokens
        self._width = width

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        token_ids = self._tokens[:, input_ids.shape[1] - self._width]
        return torch.full_like(scores, float("-inf")).scatter(1, token_ids[:, None].to(scores.device), 0.0)
