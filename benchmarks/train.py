"""Tokens per second and peak memory of the studio's training worker and of its peers, on the same rows.

    python benchmarks/train.py [--model FOLDER] [--rows FILE] [--rounds 3] [--only NAME]… [--json]

Each contender trains one epoch in a process of its own, all in turn, round after round, in the environment that the
studio gives its workers. All learn every token of every row, with the same adapter and the same batches of four rows, so
that all do the same work. Time is that of the optimizer steps; only tokens of rows count, padding does not.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

LORA = {"r": 16, "lora_alpha": 32, "target_modules": "all-linear"}
TRAINING = {
    "per_device_train_batch_size": 4, "num_train_epochs": 1, "learning_rate": 1e-4, "lr_scheduler_type": "linear",
    "warmup_steps": 0, "seed": 42, "max_length": 512,
}  # fmt: skip
WORDS = (
    "a about after all also and answer any are as at be because between both but by can city come could day "
    "different do each even first for from give good great have he how if in into is it its know large last life "
    "like list long look make many may mean more most name need new no not number of often on one or other out "
    "over part people place point question reason right same say see should show small some state still such "
    "system take than that the their them then there these they thing think this time to two under up use very "
    "want water way we well were what when where which while who why will with word work world would write year "
    "you your "
)


def alpaca_like(count: int) -> list[dict[str, Any]]:
    """Conversations of one turn whose lengths are spread as Alpaca's are: most short, some ten times as long."""
    draw = random.Random(0)

    def words(middle: float, spread: float, most: int) -> str:
        return " ".join(draw.choices(WORDS.split(), k=min(most, max(4, round(draw.lognormvariate(middle, spread))))))

    return [
        {
            "messages": [
                {"role": "user", "content": words(2.8, 0.6, 80)},
                {"role": "assistant", "content": words(4.2, 1.1, 400)},
            ]
        }
        for _ in range(count)
    ]


# What the children do. Each prints one line of JSON: {"tokens", "seconds", "loss"}.


def studio(model: str, rows: list[dict[str, Any]]) -> dict[str, float]:
    from studio.domain.events import Finished, Started, Step
    from tests.support.training_jobs import all_events, training_run

    data = {"validation_split": 0, "answers_only": False}
    with tempfile.TemporaryDirectory() as place:
        training = TRAINING | {"save_steps": 10**6}
        folder = training_run(Path(place) / "run", Path(model), rows, data=data, lora=LORA, training=training)
        command = [sys.executable, "-m", "studio.worker", "train", str(folder.path)]
        subprocess.run(command, check=True, cwd=ROOT, stdout=sys.stderr)
        events = all_events(folder)
    steps = [e for e in events if isinstance(e, Step)]
    assert any(isinstance(e, Started) for e in events) and isinstance(events[-1], Finished)
    return {
        "tokens": sum(e.tokens for e in steps),
        "seconds": sum(e.tokens / e.tokens_per_second for e in steps),
        "loss": statistics.mean(e.loss for e in steps),
    }


def trainer(model: str, rows: list[dict[str, Any]], **arguments: Any) -> dict[str, float]:
    """transformers' Trainer on a PeftModel in bf16 as one would tune it: no checkpointing, padded to the longest row."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import (
        AutoModelForCausalLM,
        AutoTokenizer,
        DataCollatorForSeq2Seq,
        Trainer,
        TrainingArguments,
    )  # fmt: skip

    tokenizer = AutoTokenizer.from_pretrained(model)
    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16)
    adapted = get_peft_model(base, LoraConfig(**LORA, task_type="CAUSAL_LM"))
    ids = [token_ids(tokenizer, row) for row in rows]
    known = {k: v for k, v in TRAINING.items() if k != "max_length"}
    return timed(
        Trainer(
            adapted,
            TrainingArguments(**known | common() | arguments, bf16=True),
            train_dataset=[{"input_ids": i, "labels": i} for i in ids],
            data_collator=DataCollatorForSeq2Seq(tokenizer),
        ),
        sum(map(len, ids)),
    )


def grouped(model: str, rows: list[dict[str, Any]]) -> dict[str, float]:
    """The same with rows of like length in a batch."""
    return trainer(model, rows, train_sampling_strategy="group_by_length")


def trl_defaults(model: str, rows: list[dict[str, Any]], **arguments: Any) -> dict[str, float]:
    """trl's SFTTrainer as it comes."""
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    tokenizer = AutoTokenizer.from_pretrained(model)
    return timed(
        SFTTrainer(
            model,
            SFTConfig(**TRAINING | common() | arguments),
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
            peft_config=LoraConfig(**LORA, task_type="CAUSAL_LM"),
        ),
        sum(len(token_ids(tokenizer, row)) for row in rows),
    )


def trl_packed(model: str, rows: list[dict[str, Any]]) -> dict[str, float]:
    """trl as one would tune it: packed rows, base in bf16, no checkpointing."""
    one = {"per_device_train_batch_size": 1}  # a packed row holds about as many tokens as a batch of four rows
    return trl_defaults(
        model, rows, packing=True, gradient_checkpointing=False, model_init_kwargs={"dtype": "bfloat16"}, **one
    )  # fmt: skip


def token_ids(tokenizer: Any, row: dict[str, Any]) -> list[int]:
    ids = tokenizer.apply_chat_template(row["messages"], return_dict=True)["input_ids"]
    return ids[: TRAINING["max_length"]]


def common() -> dict[str, Any]:
    import torch

    return {
        "output_dir": tempfile.mkdtemp(), "use_cpu": not torch.cuda.is_available(), "report_to": "none",
        "save_strategy": "no", "disable_tqdm": True, "logging_steps": 1,
    }  # fmt: skip


def timed(trainer: Any, tokens: int) -> dict[str, float]:
    import time

    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        seconds = began = 0.0

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.began = time.monotonic()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.seconds += time.monotonic() - self.began

    clock = Clock()
    trainer.add_callback(clock)
    loss = trainer.train().training_loss
    return {"tokens": tokens, "seconds": clock.seconds, "loss": loss}


CONTENDERS = {
    "studio": studio, "trainer bf16": trainer, "trainer bf16 grouped": grouped, "trl packed bf16": trl_packed,
    "trl defaults": trl_defaults,
}  # fmt: skip
BASELINE = "trainer bf16"


def measure(name: str, model: str, rows: Path) -> dict[str, float]:
    """One contender once: tokens_per_second, peak_bytes (of its process or its worker's, whichever is larger), loss."""
    from studio.settings import worker_environment

    command = [sys.executable, __file__, "--child", name, "--model", model, "--rows", str(rows)]
    environment = worker_environment() | {"PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment)
        assert child.stdout is not None
        lines = child.stdout.read().decode().strip().splitlines()
        if child.wait() or not lines:
            log.seek(0)
            sys.exit(f"{name} failed:\n{log.read().decode()[-2000:]}")
    found = json.loads(lines[-1])
    return {
        "tokens_per_second": found["tokens"] / found["seconds"], "peak_bytes": found["peak_bytes"], "loss": found["loss"]
    }  # fmt: skip


def child(name: str, model: str, rows: Path) -> None:
    import resource

    found = CONTENDERS[name](model, [json.loads(line) for line in rows.read_text("utf-8").splitlines()])
    unit = 1 if sys.platform == "darwin" else 1024
    peaks = [resource.getrusage(who).ru_maxrss * unit for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps(found | {"peak_bytes": max(peaks)}), flush=True)


def starter() -> str:
    from studio.domain.errors import StudioError
    from studio.settings import read_settings
    from studio.store.catalogue import Catalogue

    try:
        return str(Catalogue(read_settings().url).model("starter").path)
    except StudioError:
        sys.exit("There is no starter model yet: run `studio models add starter`, or give --model FOLDER.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="folder of the base model; the starter in the studio's home by default")
    parser.add_argument("--rows", type=Path, help='JSON lines of {"messages": […]}; 32 made-up rows by default')
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", choices=CONTENDERS, help="a contender; may be given several times")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--child", choices=CONTENDERS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    model = str(Path(asked.model or starter()).absolute())
    if asked.child:
        child(asked.child, model, asked.rows)
        return
    with tempfile.TemporaryDirectory() as place:
        rows = asked.rows or Path(place) / "rows.jsonl"
        if not asked.rows:
            rows.write_text("".join(json.dumps(row) + "\n" for row in alpaca_like(32)), "utf-8")
        names = asked.only or list(CONTENDERS)
        results: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for round in range(asked.rounds):
            for name in names:
                results[name].append(measure(name, model, rows))
                print(
                    f"round {round + 1}  {name:<21} {results[name][-1]['tokens_per_second']:8.0f} tokens/s", flush=True
                )
    report(results, as_json=asked.json, model=model)


def report(results: dict[str, list[dict[str, float]]], *, as_json: bool, model: str) -> None:
    table = [
        {
            "name": name,
            "tokens_per_second": statistics.median(r["tokens_per_second"] for r in rounds),
            "peak_bytes": max(r["peak_bytes"] for r in rounds),
            "loss": rounds[-1]["loss"],
            "rounds": [r["tokens_per_second"] for r in rounds],
        }
        for name, rounds in results.items()
    ]
    pace = {row["name"]: row["tokens_per_second"] for row in table}
    print(f"\n{'':<21} {'tokens/s':>9} {'ratio':>6} {'peak MB':>8} {'loss':>7}")
    for row in table:
        ratio = row["tokens_per_second"] / pace[BASELINE] if BASELINE in pace else float("nan")
        print(
            f"{row['name']:<21} {row['tokens_per_second']:9.0f} {ratio:6.2f} {row['peak_bytes'] / 1e6:8.0f} {row['loss']:7.3f}"
        )
    if as_json:
        print(json.dumps({"model": model, "cores": os.cpu_count(), "baseline": BASELINE, "results": table}))


if __name__ == "__main__":
    main()
