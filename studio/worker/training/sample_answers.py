"""Sample answers to fixed prompts during training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice, zip_longest
from typing import Any

import numpy as np
import torch
from transformers import StoppingCriteria, StoppingCriteriaList

from studio.domain.datasets.row_parts import trained_content
from studio.domain.spec.watch import WatchSpec
from studio.store.datasets.row_file import read_rows
from studio.worker.decoding.detokenizer import before_stop
from studio.worker.decoding.generate import left_padded
from studio.worker.models.probes import equal_rows_stand_alone, rows_stand_alone
from studio.worker.tokenization.chat_template import turn_end
from studio.worker.tokenization.load import renderer, token_ids

MAX_TOKENS = 48
MAX_PROMPT_TOKENS = 512  # tokens; longer ones are left out

Conversation = list[dict[str, Any]]


class Samples:
    """The prompts of one run, and how they are answered: greedily, so that no random number is drawn."""

    def __init__(self, tokenizer: Any, prompts: Sequence[Conversation]) -> None:
        self._tokenizer = tokenizer
        render = renderer(tokenizer) if prompts else None
        prompts_with_ids = (
            [(prompt, token_ids(tokenizer, render(prompt, True))) for prompt in prompts] if render else []
        )
        self._end = turn_end(tokenizer) if prompts_with_ids else None
        self._prompts = [(prompt, ids) for prompt, ids in prompts_with_ids if len(ids) <= MAX_PROMPT_TOKENS]
        self._together: bool | None = None  # not known yet

    def answers(
        self,
        model: Any,
        must_stop: Callable[[], bool],
        autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> Iterator[tuple[str, str]]:
        """Each prompt's last words with the answer to it, which is the one that it gets alone; none where a stop is
        asked.

        `autocast` is the training's: what is trained is in fp32, whatever the base is in.
        """
        if not self._prompts or (end := self._end) is None:
            return
        with _answering(model), torch.no_grad(), autocast():
            token_lists: list[list[int]] = []
            stops = sorted(end.stops(model.generation_config, self._tokenizer))
            for prompts in self._batches(model):
                token_lists += self._write(model, prompts, stops, must_stop)
                if must_stop():
                    return
        for (prompt, _), tokens in zip(self._prompts, token_lists, strict=True):
            text = self._tokenizer.decode(tokens, skip_special_tokens=True)
            yield prompt[-1]["content"], before_stop(text, end.strings).strip()

    def _batches(self, model: Any) -> list[list[list[int]]]:
        """All prompts together where each is then answered as if alone, else each by itself."""
        prompts = [ids for _, ids in self._prompts]
        if self._together is None:
            probe = rows_stand_alone if len({len(ids) for ids in prompts}) > 1 else equal_rows_stand_alone
            self._together = len(prompts) > 1 and probe(model.get_base_model(), self._tokenizer.pad_token_id)
        return [prompts] if self._together else [[ids] for ids in prompts]

    def _write(
        self, model: Any, prompts: list[list[int]], stops: list[int], must_stop: Callable[[], bool]
    ) -> list[list[int]]:
        pad = self._tokenizer.pad_token_id
        rows, mask = left_padded(prompts, pad)
        output = model.generate(
            input_ids=rows.to(model.device),
            attention_mask=mask.to(model.device),
            max_new_tokens=MAX_TOKENS,
            do_sample=False,
            num_beams=1,
            use_cache=True,
            pad_token_id=pad,
            eos_token_id=stops,
            stopping_criteria=StoppingCriteriaList([_StopWhen(must_stop)]),
        )
        token_lists: list[list[int]] = output[:, rows.shape[1] :].tolist()
        return token_lists


class _StopWhen(StoppingCriteria):
    def __init__(self, must_stop: Callable[[], bool]) -> None:
        self._must_stop = must_stop

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        return torch.full((input_ids.shape[0],), self._must_stop(), dtype=torch.bool, device=input_ids.device)


@contextmanager
def _answering(model: Any) -> Iterator[None]:
    """Attention that knows a cache, for a while: that of packed documents has none."""
    base = model.get_base_model()
    own, training = base.config._attn_implementation, model.training
    model.eval()
    try:
        if own.startswith("studio"):
            base.set_attn_implementation("sdpa")
        yield
    finally:
        base.set_attn_implementation(own)
        model.train(training)


def choose_prompts(watch: WatchSpec, tokenizer: Any, sources: Sequence[tuple[str, np.ndarray]]) -> list[Conversation]:
    """Own prompts of the spec, else the questions of the first of these rows of their file that are conversations, of
    each file in turn."""
    if not tokenizer.chat_template or not watch.samples:
        return []
    if watch.sample_prompts:
        return [[{"role": "user", "content": prompt}] for prompt in watch.sample_prompts[: watch.samples]]
    questions = [_questions(path, rows[: 4 * watch.samples]) for path, rows in sources]
    in_turn = (question for each in zip_longest(*questions) for question in each if question)
    return list(islice(in_turn, watch.samples))


def _questions(path: str, rows: np.ndarray) -> Iterator[Conversation]:
    for row in rows.tolist():
        if question := _question(read_rows(path, row, 1)[0]):
            yield question


def _question(row: dict[str, Any]) -> Conversation | None:
    """What comes before the first answer; None where there is no plain question."""
    content = trained_content(row)
    if content is None or "messages" not in content:
        return None
    before: Conversation = []
    for turn in content["messages"]:
        if turn["role"] not in ("system", "user"):
            break
        before.append({"role": turn["role"], "content": turn["content"]})
    return before if before and before[-1]["role"] == "user" and before[-1]["content"] else None
