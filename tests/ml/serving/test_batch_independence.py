"""Which rows share a batch is found out from the model itself, and each row is what it is alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from studio.domain.chat.sampling import Sampling
from studio.worker.decoding.sequence import GeneratedSequence
from studio.worker.models.load import LoadedModel, load_base
from studio.worker.serving.adapter_manager import AdapterManager
from studio.worker.serving.batch_independence import ANY_ROW, OTHER_LENGTHS, PROBES, BatchIndependence
from studio.worker.serving.scheduler import Scheduler
from studio.worker.serving.scoring import Scoring
from tests.support.model_families import plain, save_family, tokens

READS_PADDING = "recurrent_gemma"  # its state takes in what is masked
MIXES_ROWS = "rwkv"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("company")
    return {family: save_family(folder / family, family) for family in (READS_PADDING, MIXES_ROWS, "llama")}


def asked_at_once(base: LoadedModel, lengths: list[int]) -> list[GeneratedSequence]:
    """Answers to prompts of these lengths, when all are written."""
    scheduler = Scheduler(base, AdapterManager(base))
    answers = [
        GeneratedSequence(
            (), tokens(length, seed), Sampling(temperature=0, max_tokens=4), tokenizer=base.tokenizer,
            ends=frozenset(), device=base.device, deliver=lambda piece: None,
        )
        for seed, length in enumerate(lengths)
    ]  # fmt: skip
    for answer in answers:
        scheduler.submit(answer)
    while not all(answer.is_over for answer in answers):
        scheduler.call(lambda: None).result(60)
    return answers


def test_a_model_that_reads_padding_batches_prompts_of_one_length_and_says_why(
    folders: dict[str, Path],
):
    short, long, short_too = asked_at_once(load_base(folders[READS_PADDING], "fp32"), [5, 30, 5])
    assert [answer.timings.rows for answer in (short, long, short_too)] == [2, 1, 2]
    assert [answer.alone_reason for answer in (short, long, short_too)] == ["", OTHER_LENGTHS, ""]


def test_a_model_whose_rows_change_each_other_answers_each_alone_and_says_why(folders: dict[str, Path]):
    answers = asked_at_once(load_base(folders[MIXES_ROWS], "fp32"), [5, 5])
    assert [(answer.timings.rows, answer.alone_reason) for answer in answers] == [(1, ANY_ROW)] * 2


def test_a_model_whose_rows_stand_alone_shares_a_batch_at_any_length(folders: dict[str, Path]):
    answers = asked_at_once(load_base(folders["llama"], "fp32"), [5, 30, 5])
    assert [(answer.timings.rows, answer.alone_reason) for answer in answers] == [(3, "")] * 3


@pytest.mark.parametrize("family", [READS_PADDING, MIXES_ROWS, "llama"])
def test_an_answer_is_read_beside_a_longer_one_as_alone(folders: dict[str, Path], family: str):
    base = load_base(folders[family], "fp32")
    manager = AdapterManager(base)
    texts = {0: (tokens(5, 1), tokens(4, 2)), 1: (tokens(40, 3), tokens(9, 4)), 2: (tokens(5, 5), tokens(4, 6))}
    found = Scoring(base, manager, BatchIndependence(base, manager), dict.fromkeys(texts, ()), texts).all()
    for place, (prompt, answer) in texts.items():
        with torch.inference_mode():
            logits = plain(folders[family])(input_ids=torch.tensor([prompt + answer])).logits[0]
        own = logits[len(prompt) - 1 : -1].log_softmax(-1)[torch.arange(len(answer)), answer]
        told = found[place]
        assert isinstance(told, dict)
        assert torch.allclose(torch.tensor(told["logprobs"]), own, atol=1e-4)


def test_what_cannot_be_tried_is_answered_alone(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch):
    base = load_base(folders["llama"], "fp32")

    def broken(*_: object) -> bool:
        raise MemoryError

    monkeypatch.setitem(PROBES, "equal_lengths", broken)
    assert [answer.timings.rows for answer in asked_at_once(base, [5, 5])] == [1, 1]
