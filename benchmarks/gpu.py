"""What the studio computes on a GPU, against plain transformers, peft and trl on the same device.

    python benchmarks/gpu.py [--sections NAME,…] [--budget-seconds 330] [--scale tiny|full] [--json]

It needs no network: the models have the shapes of SmolLM2-135M and Qwen2.5-1.5B and random weights (`--scale tiny`,
the default without a GPU: two tiny ones). The sections, each in a process of its own that ends when its time is over:

correctness  Loss, gradients, logits and greedy answers in fp32, bf16, 8-bit and 4-bit against transformers and peft.
training     Tokens per second and peak memory of the worker against trl's SFTTrainer with packed rows.
qlora        Training on a base in 4-bit and in 8-bit.
answers      Base and eight adapters in one batch, against the same nine one after another.
memory       What is said where memory runs out in training and in answering, and whether all works afterwards.
estimate     The memory that a run was expected to take against what it took.

What fails is told under `failures`, and the exit code is then 1.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

WORDS = 384  # of the tokenizer; the models' vocabularies are larger, as many are
COMMON = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "tie_word_embeddings": True}
TINY = COMMON | {
    "model_type": "llama", "vocab_size": 512, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "intermediate_size": 48, "max_position_embeddings": 4096,
}  # fmt: skip
SMOLLM2_135M = COMMON | {
    "model_type": "llama", "vocab_size": 49152, "hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9,
    "num_key_value_heads": 3, "intermediate_size": 1536, "max_position_embeddings": 8192, "rope_theta": 100000.0,
}  # fmt: skip
QWEN_1B = COMMON | {
    "model_type": "qwen2", "vocab_size": 151936, "hidden_size": 1536, "num_hidden_layers": 28,
    "num_attention_heads": 12, "num_key_value_heads": 2, "intermediate_size": 8960, "max_position_embeddings": 32768,
    "rope_theta": 1000000.0,
}  # fmt: skip
LORA: dict[str, Any] = {"r": 16, "lora_alpha": 32, "target_modules": "all-linear"}
WARM_UP = 3  # steps that are not timed
# At most so far apart: losses, gradients and logits, each relative to the plain ones as a whole.
BOUNDS = {
    "fp32": (1e-5, 1e-4, 1e-4),
    "bf16": (0.01, 0.1, 0.03),
    "4-bit": (0.01, 0.1, 0.03),
    "8-bit": (0.02, 0.15, 0.1),
}


@dataclass(frozen=True)
class Scale:
    """`rows` of at most `length` tokens, `batch` of them in a step; each answer has so many `tokens`."""

    small: Mapping[str, Any]
    large: Mapping[str, Any]
    rows: int
    batch: int
    length: int
    tokens: int


SCALES = {
    "tiny": Scale(TINY, TINY | {"hidden_size": 48}, rows=24, batch=4, length=256, tokens=4),
    "full": Scale(SMOLLM2_135M, QWEN_1B, rows=192, batch=8, length=1024, tokens=48),
}


class Findings(dict[str, Any]):
    """Figures by name, and under `failures` what is not as it must be."""

    def expect(self, is_so: bool, otherwise: str) -> None:
        if not is_so:
            self.setdefault("failures", []).append(otherwise)

    @contextmanager
    def trying(self, what: str) -> Iterator[None]:
        """What goes wrong in here is a failure, and the rest goes on."""
        try:
            yield
        except Exception as error:
            traceback.print_exc()
            place = traceback.extract_tb(error.__traceback__)[-1]
            said = f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
            self.expect(False, f"{what}: {said[:600]}")


@dataclass(frozen=True)
class Bench:
    """Where the models are, and how large everything is."""

    place: Path
    scale: Scale
    cuda: bool

    @property
    def small(self) -> Path:
        return self.place / "small"

    @property
    def large(self) -> Path:
        return self.place / "large"

    def rows(self, count: int) -> list[dict[str, Any]]:
        from benchmarks.train import alpaca_like

        return alpaca_like(count)


def models(bench: Bench, found: Findings) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from studio.worker.common.device import name_of, pick_device
    from studio.worker.training.save_adapter import library_versions
    from tests.support.model_families import tokenizer

    device = pick_device()
    found.update(device=name_of(device), versions=library_versions(), cuda=device.type == "cuda")
    for folder, shape, dtype in (
        (bench.small, bench.scale.small, torch.float32),
        (bench.large, bench.scale.large, torch.bfloat16 if bench.cuda else torch.float32),
    ):
        torch.manual_seed(0)
        shape = dict(shape)
        with torch.device(device):
            model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**shape), dtype=dtype)
        model.save_pretrained(folder)
        words = tokenizer()
        words.model_max_length = shape["max_position_embeddings"]
        words.save_pretrained(folder)
        found[f"{folder.name}_parameters"] = model.num_parameters()
        del model


# correctness


def correctness(bench: Bench, found: Findings) -> None:
    full: list[Any] = []  # the gradients of plain peft in fp32
    for precision in BOUNDS:
        with found.trying(precision):
            found[precision] = figures = {}
            compared(bench, precision, full, figures, found)
        free()


def compared(bench: Bench, precision: str, full: list[Any], figures: dict[str, Any], found: Findings) -> None:
    import torch
    from peft import get_peft_model

    from studio.worker.models.load import load_base
    from studio.worker.training.save_adapter import save_adapter

    place = bench.place / f"correct-{precision}"
    place.mkdir()
    trainer, loaded = trainer_on(bench.small, precision, place, bench.scale.length)
    plain = get_peft_model(plain_base(bench.small, precision), trainer.model.peft_config["default"])
    for model in (trainer.model, plain):
        draw = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for parameter in trained(model).values():
                parameter.data = parameter.data.float()
                parameter.copy_(torch.randn(parameter.shape, generator=draw) * 0.02)
        model.train()
    loss, slopes = step_of(trainer)
    expected, expected_slopes = plain_step(plain, loaded)
    most = BOUNDS[precision]
    apart = {
        "loss": abs(loss - expected) / expected,
        "gradients": norm(a - b for a, b in zip(slopes, expected_slopes, strict=True)) / norm(expected_slopes),
    }
    figures.update(loss=loss, computed=trainer.path.names())
    if precision == "fp32":
        full[:] = expected_slopes
    if precision == "bf16" and full:
        mine, theirs = (
            norm(a - b for a, b in zip(each, full, strict=True)) / norm(full) for each in (slopes, expected_slopes)
        )
        figures.update(gradients_from_fp32=mine, plain_gradients_from_fp32=theirs)
        found.expect(mine <= 1.25 * theirs + 0.01, f"bf16: gradients are {mine:.2g} from fp32, plain ones {theirs:.2g}")
    base = str(bench.small)
    save_adapter(place / "adapter", trainer.model, loaded.tokenizer, base, {"model": base})
    trainer.model.eval()
    ids = prompt(48).to(loaded.device)
    with torch.inference_mode():
        mine = trainer.model(input_ids=ids).logits.float()
    del trainer, plain
    free()
    theirs = reloaded(bench.small, precision, place / "adapter")
    served = load_base(bench.small, precision)
    with torch.inference_mode():
        logits = theirs(input_ids=ids).logits.float()
    apart["logits"] = float((mine - logits).norm() / logits.norm())
    for (name, value), bound in zip(apart.items(), most, strict=True):
        figures[f"{name}_apart"] = value
        found.expect(value <= bound, f"{precision}: {name} are {value:.2g} apart; at most {bound:g}")
    answers_compared(bench, precision, served, theirs, place / "adapter", figures, found)


def trainer_on(model: Path, precision: str, place: Path, length: int) -> tuple[Any, Any]:
    from datasets import Dataset

    from studio.domain.spec.run_spec import read_spec
    from studio.store.job_folder import JobFolder
    from studio.worker.models.load import load_base
    from studio.worker.tokenization.tokenized_dataset import TokenizedDataset
    from studio.worker.training.setup import build_trainer
    from studio.worker.training.stop import StopRequest

    loaded = load_base(model, precision)
    spec = read_spec({"data": {"name": "rows"}, "lora": LORA, "training": {"max_length": length}})
    examples = TokenizedDataset(
        Dataset.from_list(documents()).with_format("numpy"), tokens=1, target_tokens=1, dropped_rows=0
    )
    stop = StopRequest(JobFolder(place))
    return build_trainer(loaded, examples, examples, spec, place / "checkpoints", stop), loaded


def plain_base(model: Path, precision: str) -> Any:
    """By transformers alone, as its documentation loads it."""
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    dtype = compute_dtype(precision)
    how: dict[str, Any] = {}
    if precision == "8-bit":
        how["quantization_config"] = BitsAndBytesConfig(load_in_8bit=True)
    if precision == "4-bit":
        how["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
        )
    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=dtype, device_map="auto", **how).eval()
    if (
        not torch.cuda.is_available()
    ):  # bitsandbytes repacks these in place on some CPUs, and its gradients are wrong then
        for module in loaded.modules():
            if hasattr(module, "support_avx512bf16_for_cpu"):
                module.support_avx512bf16_for_cpu = False
    return loaded


def compute_dtype(precision: str) -> Any:
    import torch

    from studio.worker.common.device import bf16_is_quicker, pick_device

    if precision == "fp32":
        return torch.float32
    return torch.bfloat16 if precision == "bf16" or bf16_is_quicker(pick_device()) else torch.float32


def reloaded(model: Path, precision: str, adapter: Path) -> Any:
    from peft import PeftModel

    return PeftModel.from_pretrained(plain_base(model, precision), adapter).eval()


def documents() -> list[dict[str, list[int]]]:
    """The first third of each is not learned."""
    made = []
    for seed, length in enumerate((61, 7, 190, 33)):
        ids = prompt(length, seed)[0].tolist()
        made.append({"input_ids": ids, "labels": [-100] * (length // 3) + ids[length // 3 :]})
    return made


def prompt(length: int, seed: int = 7) -> Any:
    import torch

    return torch.randint(4, 300, (1, length), generator=torch.Generator().manual_seed(seed))


def trained(model: Any) -> dict[str, Any]:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def learned_tokens() -> int:
    return sum(label != -100 for document in documents() for label in document["labels"][1:])


def step_of(trainer: Any) -> tuple[float, list[Any]]:
    import torch

    inputs = trainer._prepare_inputs(trainer.data_collator(documents()))
    loss = trainer.compute_loss(trainer.model, inputs, num_items_in_batch=torch.tensor(learned_tokens()))
    return float(loss), list(torch.autograd.grad(loss, list(trained(trainer.model).values())))


def plain_step(plain: Any, loaded: Any) -> tuple[float, list[Any]]:
    """In rows that are padded on the right, with all logits, under the autocast that Trainer uses with bf16."""
    import torch

    from studio.worker.tokenization.packing import PaddingCollator

    batch = {name: value.to(loaded.device) for name, value in PaddingCollator(0)(documents()).items()}
    labels = batch.pop("labels")[:, 1:]
    is_half = loaded.compute_dtype is torch.bfloat16
    with torch.autocast(loaded.device.type, torch.bfloat16, enabled=is_half):
        logits = plain(**batch, use_cache=False).logits[:, :-1].float()
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum") / learned_tokens()
    return float(loss), list(torch.autograd.grad(loss, list(trained(plain).values())))


def norm(parts: Any) -> float:
    return math.sqrt(sum(float(part.float().norm()) ** 2 for part in parts))


def answers_compared(
    bench: Bench, precision: str, base: Any, theirs: Any, adapter: Path, figures: dict[str, Any], found: Findings
) -> None:
    """Greedy answers, alone and beside each other, against `generate` of plain peft; those of random weights are easily
    another by rounding, so that they must be the same in fp32 only."""
    from contextlib import nullcontext

    from studio.worker.serving.adapter_manager import AdapterManager

    manager = AdapterManager(base)
    manager.add("tuned", adapter)
    asked = [(length % 2 == 0, prompt(length, length)[0].tolist()) for length in (6, 31, 17, 2, 64, 9)]
    rows = [((("tuned", 1.0),) if is_tuned else (), ids) for is_tuned, ids in asked]
    expected = []
    for is_tuned, ids in asked:
        with nullcontext() if is_tuned else theirs.disable_adapter():
            expected.append(plain_answer(theirs, ids, bench.scale.tokens))
    ways = {"alone": [written(base, manager, [row], bench.scale.tokens)[0] for row in rows]}
    if not any(manager.why_alone(adapter_set) for adapter_set, _ in rows):
        ways["beside"] = written(base, manager, rows, bench.scale.tokens)
    for way, tokens in ways.items():
        same = sum(mine == plain for mine, plain in zip(tokens, expected, strict=True))
        figures[f"answers_{way}_same"] = f"{same} of {len(rows)}"
        found.expect(
            same == len(rows) or precision != "fp32", f"fp32: {way}, {same} of {len(rows)} answers are the same"
        )


def plain_answer(model: Any, ids: list[int], most: int) -> list[int]:
    import torch

    given = torch.tensor([ids], device=model.device)
    with torch.inference_mode():
        out = model.generate(
            input_ids=given, attention_mask=torch.ones_like(given), max_new_tokens=most, do_sample=False, eos_token_id=2,
            pad_token_id=0,
        )  # fmt: skip
    found = out[0, len(ids) :].tolist()
    return found[: found.index(2)] if 2 in found else found


def written(base: Any, manager: Any, rows: Sequence[Any], most: int) -> list[list[int]]:
    from studio.domain.chat.sampling import Sampling
    from studio.worker.decoding.generate import generate
    from studio.worker.decoding.sequence import GeneratedSequence

    tokens: list[list[int]] = [[] for _ in rows]
    order = sorted(range(len(rows)), key=lambda row: rows[row][0])  # equal ones stand side by side
    answers = [
        GeneratedSequence(
            rows[row][0], rows[row][1], Sampling(temperature=0, max_tokens=most), tokenizer=base.tokenizer,
            ends=frozenset([2]), device=base.device,
            deliver=lambda piece, row=row: tokens[row].extend(token.id for token in piece.tokens),
        )
        for row in order
    ]  # fmt: skip
    with manager.active([answer.adapter_set for answer in answers]) as model:
        generate(model, answers, pad=0, device=base.device)
    return tokens


# training


def worker_run(
    bench: Bench, model: Path, rows: list[dict[str, Any]], precision: str, **training: Any
) -> dict[str, Any]:
    """A run of the training worker, as the studio starts it: its figures, or what it said in the end."""
    from studio.domain.events import Failed, Finished, Halved, Started, Step
    from studio.domain.jobs.training import TrainRequest
    from studio.services.models.layers import read_base_weights
    from studio.services.runs.memory_estimate import training_bytes
    from studio.settings import worker_environment
    from tests.support.training_jobs import all_events, training_run

    training = {
        "per_device_train_batch_size": bench.scale.batch, "num_train_epochs": 1, "learning_rate": 1e-4,
        "max_length": bench.scale.length, "save_steps": 10**6, **training,
    }  # fmt: skip
    folder = training_run(
        Path(tempfile.mkdtemp(dir=bench.place)) / "run", model, rows,
        data={"validation_split": 0, "answers_only": False}, lora=LORA, training=training, model={"precision": precision},
    )  # fmt: skip
    search = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    began = time.monotonic()
    with folder.log.open("wb") as log, watched(bench.cuda) as device_peak:
        subprocess.run(
            [sys.executable, "-m", "studio.worker", "train", str(folder.path)], check=False, stdout=log,
            stderr=subprocess.STDOUT, env=worker_environment() | {"PYTHONPATH": search},
        )  # fmt: skip
    events = all_events(folder)
    steps = [event for event in events if isinstance(event, Step)]
    said: dict[str, Any] = {"seconds": round(time.monotonic() - began, 1), "steps": len(steps)}
    last = events[-1] if events else None
    said["finished"] = isinstance(last, Finished)
    said["halved"] = [f"to {e.batch} × {e.accumulation}" for e in events if isinstance(e, Halved)]
    if isinstance(last, Failed):
        said["failed"] = f"{last.problem} {last.remedy}"
    elif not said["finished"]:
        said["failed"] = f"no last word; {folder.log_tail()[-600:]}"
    if steps:
        said |= {"loss": [steps[0].loss, steps[-1].loss], "peak_bytes": max(step.memory for step in steps)}
        said["told_tokens_per_second"] = round(sum(s.tokens_per_second for s in steps) / len(steps))
    if len(steps) > WARM_UP:
        timed = steps[WARM_UP:]
        seconds = steps[-1].at - steps[WARM_UP - 1].at
        said["tokens_per_second"] = round(sum(step.tokens for step in timed) / seconds)
    if device_peak:
        said["device_bytes"] = device_peak[0]  # with CUDA's own context, beside what others had before
    begun = next((event for event in events if isinstance(event, Started)), None)
    if begun:
        spec = folder.read_request(TrainRequest).spec
        mean = round(begun.tokens_per_epoch / begun.train_rows)
        said["estimate_bytes"] = training_bytes(
            spec, read_base_weights(model), mean, begun.train_rows, bf16=begun.precision != "fp32", gpu=bench.cuda
        )
    return said


@contextmanager
def watched(cuda: bool) -> Iterator[list[int]]:
    """The most memory of the GPU that was taken meanwhile beyond what is taken now; nothing without one."""
    peak: list[int] = []
    if not cuda:
        yield peak
        return
    import torch

    before, over = torch.cuda.mem_get_info()[0], threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            peak[:] = [max(0, *peak, before - torch.cuda.mem_get_info()[0])]

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


def training(bench: Bench, found: Findings) -> None:
    rows = bench.rows(bench.scale.rows)
    for name, model in (("large", bench.large), ("small", bench.small)):
        with found.trying(name):
            mine = worker_run(bench, model, rows, "bf16")
            found[name] = {"studio": mine}
            found.expect(mine["finished"], f"{name}: {mine.get('failed')}")
            theirs = found[name]["trl_packed"] = trl_packed(bench, model, rows)
            found[name]["speed_ratio"] = round(mine["tokens_per_second"] / theirs["tokens_per_second"], 2)
            if bench.cuda:
                found[name]["memory_ratio"] = round(mine["peak_bytes"] / theirs["peak_bytes"], 2)
        free()


def trl_packed(bench: Bench, model: Path, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """trl as one would tune it: rows packed to the full length, base in bf16, no checkpointing; as many tokens to a
    step as the studio has."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    tokenizer = AutoTokenizer.from_pretrained(model)
    length = bench.scale.length
    counts = [
        min(length, len(tokenizer.apply_chat_template(row["messages"], return_dict=True)["input_ids"])) for row in rows
    ]
    logs: list[tuple[float, float, float]] = []

    class Clock(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs_: Any = None, **kwargs: Any) -> None:
            told = logs_ or kwargs.get("logs") or {}
            if "loss" in told:
                logs.append((time.monotonic(), told["num_tokens"], float(told["loss"])))

    trainer = SFTTrainer(
        str(model),
        SFTConfig(
            output_dir=tempfile.mkdtemp(dir=bench.place), use_cpu=not bench.cuda, report_to="none", save_strategy="no",
            disable_tqdm=True, logging_steps=1, packing=True, gradient_checkpointing=False, max_length=length, seed=42,
            model_init_kwargs={"dtype": "bfloat16"}, learning_rate=1e-4, num_train_epochs=1,
            per_device_train_batch_size=max(1, round(bench.scale.batch * sum(counts) / len(counts) / length)),
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=LoraConfig(**LORA, task_type="CAUSAL_LM"),
    )  # fmt: skip
    trainer.add_callback(Clock())
    if bench.cuda:
        torch.cuda.reset_peak_memory_stats()
    trainer.train()
    first = logs[min(WARM_UP, len(logs) - 1) - 1]
    return {
        "tokens_per_second": round((logs[-1][1] - first[1]) / (logs[-1][0] - first[0])),
        "steps": len(logs),
        "loss": [logs[0][2], logs[-1][2]],
        "peak_bytes": torch.cuda.max_memory_allocated() if bench.cuda else 0,
    }


def qlora(bench: Bench, found: Findings) -> None:
    for precision in ("4-bit", "8-bit"):
        with found.trying(precision):
            run = found[precision] = worker_run(
                bench, bench.large, bench.rows(bench.scale.rows // 2), precision, learning_rate=1e-3
            )
            found.expect(run["finished"], f"{precision}: {run.get('failed')}")
            first, last = run["loss"]
            learns = last < first or run["steps"] < 2 * WARM_UP
            found.expect(math.isfinite(last) and learns, f"{precision}: the loss went from {first} to {last}")


# answers


def answers(bench: Bench, found: Findings) -> None:
    from peft import PeftModel

    from benchmarks.compare import together
    from studio.worker.models.load import load_base
    from studio.worker.serving.adapter_manager import AdapterManager

    precision, count = ("bf16" if bench.cuda else "fp32"), bench.scale.tokens
    paths = random_adapters(bench, precision, 8)
    ids = prompt(64)[0].tolist()
    base = load_base(bench.large, precision)
    manager = AdapterManager(base)
    for name, path in paths.items():
        manager.add(name, path)
    rows: list[Any] = [(), *(((name, 1.0),) for name in paths)]
    together(base, manager, rows, ids, 4)
    batch = len(rows) * count / together(base, manager, rows, ids, count)[0]
    singly = len(rows) * count / sum(together(base, manager, [row], ids, count)[0] for row in rows)
    found.update(rows=len(rows), batch_tokens_per_second=round(batch), singly_tokens_per_second=round(singly))
    found["batch_to_singly"] = round(batch / singly, 2)
    del base, manager
    free()
    (name, path), *_ = paths.items()
    plain = PeftModel.from_pretrained(plain_base(bench.large, precision), path).eval()
    plain_answer(plain, ids, 4)
    written_tokens, began = 0, time.perf_counter()
    for _ in range(2):
        written_tokens += len(plain_answer(plain, ids, count))
    found["plain_peft_tokens_per_second"] = round(written_tokens / (time.perf_counter() - began))


def random_adapters(bench: Bench, precision: str, count: int) -> dict[str, Path]:
    import torch
    from peft import LoraConfig, get_peft_model

    adapted = get_peft_model(plain_base(bench.large, precision), LoraConfig(**LORA, task_type="CAUSAL_LM"))
    paths = {}
    for seed in range(count):
        torch.manual_seed(seed)
        with torch.no_grad():
            for parameter in trained(adapted).values():
                parameter.normal_(std=0.02)
        paths[f"a{seed}"] = bench.place / "adapters" / f"a{seed}"
        adapted.save_pretrained(paths[f"a{seed}"], save_embedding_layers=False)
    del adapted
    free()
    return paths


# memory


def memory(bench: Bench, found: Findings) -> None:
    if not bench.cuda:
        found["skipped"] = "only a GPU can be filled without harm to others"
        return
    import torch

    rows = bench.rows(64)
    with found.trying("smaller batches"), filled(free_bytes=12 << 30):
        run = found["halved"] = worker_run(bench, bench.small, rows, "bf16", per_device_train_batch_size=32)
        found.expect(run["finished"] and bool(run["halved"]), f"smaller batches: {run}")
    long = [{"messages": [{"role": "user", "content": "so"}, {"role": "assistant", "content": "word " * 8000}]}] * 4
    with found.trying("no room"), filled(free_bytes=2 << 30):
        run = found["no_room"] = worker_run(
            bench, bench.small, long, "bf16", per_device_train_batch_size=1, max_length=8192
        )
        found.expect("not enough memory for this run" in run.get("failed", ""), f"no room: {run}")
    with found.trying("answers"):
        answers_without_memory(bench, found)
    torch.cuda.empty_cache()
    with found.trying("afterwards"):
        run = found["afterwards"] = worker_run(bench, bench.small, rows[:16], "bf16", per_device_train_batch_size=4)
        found.expect(run["finished"] and not run["halved"], f"afterwards: {run}")


@contextmanager
def filled(free_bytes: int) -> Iterator[None]:
    """The GPU with so much left, as if others used the rest."""
    import torch

    size = torch.cuda.mem_get_info()[0] - free_bytes
    taken = torch.empty(max(0, size), dtype=torch.uint8, device="cuda")
    try:
        yield
    finally:
        del taken
        torch.cuda.empty_cache()


def answers_without_memory(bench: Bench, found: Findings) -> None:
    """Too many long prompts at once for what this process may take; then one that fits."""
    import torch

    from studio.worker.models.load import load_base
    from studio.worker.serving.adapter_manager import AdapterManager
    from studio.worker.serving.scheduler import Scheduler

    base = load_base(bench.small, "bf16")
    scheduler = Scheduler(base, AdapterManager(base), {"equal_lengths": True, "any_lengths": True, "readings": True})
    total = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_allocated() + (1 << 30)) / total)
    try:
        told = said_by(base, scheduler, [prompt(8000, n)[0].tolist() for n in range(12)])
        found["answers_said"] = sorted(set(told))
        found.expect(any("not enough memory for" in text for text in told), f"answers: {found['answers_said']}")
        after = said_by(base, scheduler, [prompt(20)[0].tolist()])
        found.expect(after == [""], f"an answer after them: {after}")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def said_by(base: Any, scheduler: Any, prompts: list[list[int]]) -> list[str]:
    """The error of each answer, or an empty text."""
    from studio.domain.chat.sampling import Sampling
    from studio.worker.decoding.sequence import GeneratedSequence

    said: list[str] = [""] * len(prompts)
    over = [threading.Event() for _ in prompts]

    def deliver(piece: Any, row: int) -> None:
        said[row] = said[row] or str(piece.error or "")
        if piece.error or piece.finish:
            over[row].set()

    for row, ids in enumerate(prompts):
        scheduler.submit(
            GeneratedSequence(
                (), ids, Sampling(temperature=0, max_tokens=4), tokenizer=base.tokenizer, ends=frozenset(),
                device=base.device, deliver=lambda piece, row=row: deliver(piece, row),
            )
        )  # fmt: skip
    for each in over:
        if not each.wait(60):
            raise TimeoutError("an answer did not end")
    return said


# estimate


def estimate(bench: Bench, found: Findings) -> None:
    asked: list[tuple[str, Path, str, dict[str, Any]]] = [
        ("small fp32", bench.small, "fp32", {}),
        ("large bf16 checkpointed", bench.large, "bf16", {"gradient_checkpointing": True}),
    ]
    for name, model, precision, training in asked:
        with found.trying(name):
            run = worker_run(bench, model, bench.rows(bench.scale.batch * 4), precision, **training)
            found.expect(run["finished"], f"{name}: {run.get('failed')}")
            took = run.get("device_bytes") or run["peak_bytes"]
            figures = {"estimate_bytes": run["estimate_bytes"], "took_bytes": took, "peak_bytes": run["peak_bytes"]}
            found[name] = figures | {"estimate_to_took": round(run["estimate_bytes"] / took, 2)}
            low = bench.cuda and run["estimate_bytes"] < 0.9 * took
            found.expect(not low, f"{name}: {run['estimate_bytes'] / 1e9:.1f} GB expected, {took / 1e9:.1f} taken")


def free() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


SECTIONS: dict[str, Callable[[Bench, Findings], None]] = {
    "correctness": correctness, "training": training, "qlora": qlora, "memory": memory, "answers": answers,
    "estimate": estimate,
}  # fmt: skip


def child(name: str, place: Path, scale: str) -> None:
    import torch

    def over(*_: Any) -> None:
        raise TimeoutError("its time was over")

    signal.signal(signal.SIGTERM, over)
    bench, found = Bench(place, SCALES[scale], torch.cuda.is_available()), Findings()
    work = models if name == "models" else SECTIONS[name]
    with found.trying(name):
        work(bench, found)
    print(json.dumps(found), flush=True)


def in_child(name: str, place: Path, scale: str, seconds: float) -> dict[str, Any]:
    """What a section found in a process of its own, which is ended with all that it started when its time is over."""
    command = [sys.executable, __file__, "--child", name, "--place", str(place), "--scale", scale]
    began = time.monotonic()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, start_new_session=True, cwd=ROOT)
        out = b""
        try:
            out, _ = process.communicate(timeout=max(1, seconds))
        except subprocess.TimeoutExpired:
            process.terminate()  # and tells what it has found
            with suppress(subprocess.TimeoutExpired):
                out, _ = process.communicate(timeout=10)
        finally:
            end_all_of(process)
        log.seek(0)
        written = log.read().decode(errors="replace")
    lines = out.decode().strip().splitlines()
    try:
        found: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        found = {"failures": [f"{name}: it ended with {process.returncode} after {time.monotonic() - began:.0f} s"]}
    if found.get("failures"):
        print(written[-6000:], flush=True)
    return found | {"seconds": round(time.monotonic() - began, 1)}


def end_all_of(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def table(name: str, found: Mapping[str, Any], before: str = "") -> None:
    for key, value in found.items():
        if isinstance(value, Mapping):
            table(name, value, f"{before}{key} / ")
        elif key == "failures":
            print(*(f"{name:<12} FAILED {failure}" for failure in value), sep="\n")
        else:
            shown = (
                f"{value / 1e9:.2f} GB"
                if key.endswith("_bytes")
                else f"{value:.3g}"
                if isinstance(value, float)
                else value
            )
            print(f"{name:<12} {before}{key.replace('_', ' ')}: {shown}")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", default=",".join(SECTIONS), help="names with commas between them")
    parser.add_argument("--budget-seconds", type=float, default=330, help="for all sections together")
    parser.add_argument("--scale", choices=SCALES, help="full on a GPU, else tiny")
    parser.add_argument("--json", action="store_true", help="end with one JSON object on the last line")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        child(asked.child, asked.place, asked.scale)
        return
    names = asked.sections.split(",")
    if unknown := set(names) - SECTIONS.keys():
        parser.error(f"There is no section {', '.join(sorted(unknown))}.")
    end = time.monotonic() + asked.budget_seconds
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        scale = asked.scale or ("full" if has_gpu() else "tiny")
        for name in ["models", *names]:
            results[name] = in_child(name, Path(scratch), scale, end - time.monotonic())
            table(name, results[name])
    failures = [failure for found in results.values() for failure in found.get("failures", ())]
    if asked.json:
        print(json.dumps({"scale": scale, **results, "failures": failures}))
    raise SystemExit(bool(failures))


def has_gpu() -> bool:
    """Asked in another process: this one is to take no memory of the GPU."""
    asked = [sys.executable, "-c", "import torch; raise SystemExit(not torch.cuda.is_available())"]
    return subprocess.run(asked, check=False).returncode == 0


if __name__ == "__main__":
    main()
