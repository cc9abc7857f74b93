"""Every family of language models is exact here, from loading to the playground, or refused with a reason."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from peft import PeftModel, get_peft_model

from studio.domain.chat.sampling import Sampling
from studio.domain.errors import StudioError
from studio.domain.spec.run_spec import read_spec
from studio.store.job_folder import JobFolder
from studio.worker.decoding.sequence import Delta, GeneratedSequence
from studio.worker.models.files import describe_model
from studio.worker.models.load import LoadedModel, load_base
from studio.worker.serving.adapter_manager import AdapterManager
from studio.worker.serving.scheduler import Scheduler
from studio.worker.tokenization.tokenized_dataset import TokenizedDataset
from studio.worker.training.save_adapter import save_adapter
from studio.worker.training.setup import build_trainer
from studio.worker.training.stop import StopRequest
from studio.worker.training.trainer import StudioTrainer
from tests.support.model_families import (
    FAMILIES,
    QUICK,
    QUICK_REFUSED,
    REFUSED,
    TOKENS,
    greedy,
    plain,
    save_family,
    tokens,
)

EXACT = 1e-4  # of the plain libraries' own value
LENGTHS = (23, 7, 61)  # tokens of documents
SHORT, LONG = 5, 40  # tokens of prompts

Folder = Callable[[str], Path]


def pytest_generate_tests(metafunc: Any) -> None:
    all_of_them = metafunc.config.getoption("--zoo")
    if "family" in metafunc.fixturenames:
        metafunc.parametrize("family", FAMILIES if all_of_them else QUICK)
    if "refused" in metafunc.fixturenames:
        metafunc.parametrize("refused", REFUSED if all_of_them else QUICK_REFUSED)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The folder of a family's tiny model."""
    folder = tmp_path_factory.mktemp("families")
    return cache(lambda family: save_family(folder / family, family))


@pytest.fixture(scope="module")
def adapter(saved: Folder, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The folder of an adapter as the training worker saves it, and with it the logits of the model that had it."""
    folder = tmp_path_factory.mktemp("adapters")

    @cache
    def made(family: str) -> Path:
        trainer = trainer_of(load_base(saved(family), "fp32"), folder / f"{family}-run")
        draw_adapter(trainer.model)
        path = folder / family
        save_adapter(path, trainer.model, trainer.processing_class, saved(family), {})
        torch.save(logits_of(trainer.model), folder / f"{family}.logits")
        return path

    return made


def logits_of(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=torch.tensor([tokens(LONG)]), use_cache=False).logits


def is_close(mine: torch.Tensor, theirs: torch.Tensor) -> bool:
    return bool((mine - theirs).norm() <= EXACT * theirs.norm())


def documents() -> list[dict[str, list[int]]]:
    """The first third of each is not learned."""
    made = []
    for seed, length in enumerate(LENGTHS):
        ids = tokens(length, seed)
        made.append({"input_ids": ids, "labels": [-100] * (length // 3) + ids[length // 3 :]})
    return made


def trainer_of(loaded: LoadedModel, folder: Path) -> StudioTrainer:
    examples = TokenizedDataset(
        Dataset.from_list(documents()).with_format("numpy"), tokens=91, target_tokens=62, dropped_rows=0
    )
    spec = read_spec({"data": {"name": "rows"}, "lora": {"r": 2, "lora_alpha": 8}})
    return build_trainer(loaded, examples, examples, spec, folder / "checkpoints", StopRequest(JobFolder(folder)))


def trained(model: Any) -> dict[str, torch.nn.Parameter]:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def draw_adapter(model: Any) -> None:
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in trained(model).values():
            parameter.copy_(torch.randn(parameter.shape, generator=draw) * 0.1)


def test_a_family_loads_as_plain_transformers_loads_it(saved: Folder, family: str):
    assert describe_model(saved(family))["parameters"] > 0
    assert torch.equal(logits_of(load_base(saved(family), "fp32").model), logits_of(plain(saved(family))))


def test_loss_and_gradients_are_those_of_plain_transformers_and_peft_row_by_row(
    saved: Folder, tmp_path: Path, family: str
):
    trainer = trainer_of(load_base(saved(family), "fp32"), tmp_path)
    config = trainer.model.peft_config["default"]
    base = plain(saved(family))
    theirs = get_peft_model(base, config)
    for model in (trainer.model, theirs):
        draw_adapter(model)
        model.train()
    batch = documents()
    learned = sum(label != -100 for document in batch for label in document["labels"][1:])

    inputs = trainer._prepare_inputs(trainer.data_collator(batch))
    loss = trainer.compute_loss(trainer.model, inputs, num_items_in_batch=torch.tensor(learned))
    loss.backward()
    expected = torch.zeros(())
    for document in batch:
        logits = theirs(input_ids=torch.tensor([document["input_ids"]]), use_cache=False).logits[0, :-1]
        expected = expected + torch.nn.functional.cross_entropy(
            logits.float(), torch.tensor(document["labels"][1:]), reduction="sum"
        )
    (expected / learned).backward()

    assert loss.item() == pytest.approx(expected.item() / learned, rel=EXACT)
    mine = trained(trainer.model)
    assert mine and mine.keys() == trained(theirs).keys()
    scale = torch.stack([p.grad.norm() for p in trained(theirs).values() if p.grad is not None]).norm()
    for name, parameter in trained(theirs).items():
        if parameter.grad is None:  # an expert that no token went to
            assert mine[name].grad is None or not mine[name].grad.any(), name
            continue
        difference = (mine[name].grad - parameter.grad).norm()
        # Of a gradient that is nothing but rounding, rounding is all that can be compared.
        assert difference <= EXACT * parameter.grad.norm() + 1e-6 * scale, name


def test_its_adapter_loads_in_both_plain_loaders_with_equal_logits(saved: Folder, adapter: Folder, family: str):
    path = adapter(family)
    expected = torch.load(path.with_suffix(".logits"))
    assert not is_close(logits_of(plain(saved(family))), expected), "the adapter acts"
    assert is_close(logits_of(PeftModel.from_pretrained(plain(saved(family)), path)), expected)
    native = plain(saved(family))
    native.load_adapter(str(path))
    assert is_close(logits_of(native), expected)


def answers(base: LoadedModel, manager: AdapterManager, rows: list[tuple[str, list[int]]]) -> list[list[int]]:
    """The tokens that the playground's worker writes to (adapter, prompt) that are asked at once."""
    written: list[list[int]] = [[] for _ in rows]
    done = [threading.Event() for _ in rows]
    faults: list[StudioError] = []

    def into(row: int) -> Callable[[Delta], None]:
        def deliver(piece: Delta) -> None:
            written[row] += [token.id for token in piece.tokens]
            if piece.error:
                faults.append(piece.error)
            if piece.error or piece.finish:
                done[row].set()

        return deliver

    scheduler = Scheduler(base, manager)
    for row, (name, prompt) in enumerate(rows):
        adapter_set = ((name, 1.0),) if name else ()
        sampling = Sampling(temperature=0, max_tokens=TOKENS)
        answer = GeneratedSequence(
            adapter_set,
            prompt,
            sampling,
            tokenizer=base.tokenizer,
            ends=frozenset({2}),
            device=base.device,
            deliver=into(row),
        )
        scheduler.submit(answer)
    for row in done:
        assert row.wait(120)
    assert not faults, faults[0]
    return written


def test_its_answers_are_plain_greedy_text_alone_and_beside_a_longer_prompt(
    saved: Folder, adapter: Folder, family: str
):
    base = load_base(saved(family), "fp32")
    manager = AdapterManager(base)
    manager.add("tuned", adapter(family))
    short, long = tokens(SHORT, 1), tokens(LONG, 2)
    rows = [("", short), ("tuned", short), ("tuned", long), ("", long)]
    bare, tuned = plain(saved(family)), PeftModel.from_pretrained(plain(saved(family)), adapter(family)).eval()
    expected = [greedy(tuned if name else bare, prompt) for name, prompt in rows]
    assert [answers(base, manager, [row])[0] for row in rows] == expected
    assert answers(base, manager, rows) == expected


def test_what_writes_no_text_from_left_to_right_is_refused_with_what_it_is(saved: Folder, refused: str):
    with pytest.raises(StudioError) as fault:
        describe_model(saved(refused))
    assert fault.value.remedy
