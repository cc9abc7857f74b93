"""Base and three adapters in one batch, against the same four one after another with plain peft, in one run.

    python benchmarks/compare.py --model DIR [--tokens 128] [--rounds 3] [--precision fp32] [--json]

The adapters are LoRA of rank 16 on all linear layers, with random weights: how fast they are does not depend on what
they learned. Prints tokens a second of both ways and their ratio (target: at least 2.5), the memory of base and adapters
against that of the base alone (target: at most 1.15), how long another choice of columns takes, an adapter that is read
from disk, and the first token.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

PROMPT = "Explain in a few sentences why the sea is salty, and give an example."
ADAPTERS = ("one", "two", "three")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a folder with the starter model")
    parser.add_argument("--tokens", type=int, default=128, help="new tokens of each answer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--json", action="store_true", help="end with one JSON object on the last line")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        result = compared(arguments, make_adapters(Path(scratch), arguments.model))
    for name, value in result.items():
        print(f"{name.replace('_', ' '):28} {value}")
    if arguments.json:
        print(json.dumps(result))


def make_adapters(scratch: Path, model: Path) -> dict[str, Path]:
    from tests.support.tiny_models import random_adapter

    return {
        name: random_adapter(scratch / name, model, seed=seed, strength=0.02, r=16, lora_alpha=32)
        for seed, name in enumerate(ADAPTERS)
    }


def compared(arguments: argparse.Namespace, adapters: dict[str, Path]) -> dict[str, Any]:
    import torch

    from studio.worker.models.load import load_base
    from studio.worker.serving.adapter_manager import AdapterManager

    base = load_base(arguments.model, arguments.precision)
    manager = AdapterManager(base)
    text = base.tokenizer.apply_chat_template(
        [{"role": "user", "content": PROMPT}], add_generation_prompt=True, tokenize=False
    )
    prompt = base.tokenizer.encode(text, add_special_tokens=False)
    together(base, manager, [()], prompt, arguments.tokens)
    alone = memory()
    for name, path in adapters.items():
        manager.add(name, path)
    rows = [(), *(((name, 1.0),) for name in adapters)]
    together(base, manager, rows, prompt, arguments.tokens)
    beside = memory()
    plain = PlainPeft(arguments, adapters, prompt)
    plain.write(8)
    ours, theirs, first = [], [], []
    for _ in range(arguments.rounds):
        seconds, first_token = together(base, manager, rows, prompt, arguments.tokens)
        ours.append(len(rows) * arguments.tokens / seconds)
        first.append(1000 * first_token)
        theirs.append(len(rows) * arguments.tokens / plain.write(arguments.tokens))
    return {
        "precision": base.precision,
        "threads": torch.get_num_threads(),
        "one_batch_tokens_per_second": round(statistics.median(ours), 1),
        "peft_tokens_per_second": round(statistics.median(theirs), 1),
        "speedup": round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 2),
        "memory_ratio": round(beside / alone, 3),
        "switch_ms": round(switching(manager, rows), 2),
        "from_disk_ms": round(loading(manager, adapters), 2),
        "first_token_ms": round(statistics.median(first), 1),
    }


def together(base: Any, manager: Any, rows: list[Any], prompt: list[int], tokens: int) -> tuple[float, float]:
    """Seconds of the whole batch, and until its first token."""
    from studio.domain.chat.sampling import Sampling
    from studio.worker.decoding.generate import generate
    from studio.worker.decoding.sequence import GeneratedSequence

    answers = [
        GeneratedSequence(
            adapter_set, prompt, Sampling(temperature=0, max_tokens=tokens), tokenizer=base.tokenizer, ends=frozenset(),
            device=base.device, deliver=lambda piece: None,
        )
        for adapter_set in sorted(rows)
    ]  # fmt: skip
    begin = time.perf_counter()
    with manager.active([answer.adapter_set for answer in answers]) as model:
        generate(model, answers, pad=base.tokenizer.pad_token_id, device=base.device)
    return time.perf_counter() - begin, answers[0].timings.first


class PlainPeft:
    """A PeftModel with the same adapters and nothing of ours, in the same precision."""

    def __init__(self, arguments: argparse.Namespace, adapters: dict[str, Path], prompt: list[int]) -> None:
        import torch
        from peft import PeftModel
        from transformers import AutoModelForCausalLM

        dtype = torch.float32 if arguments.precision == "fp32" else torch.bfloat16
        model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=dtype)
        (name, path), *others = adapters.items()
        self._model: Any = PeftModel.from_pretrained(model, path, adapter_name=name).eval()
        for name, path in others:
            self._model.load_adapter(path, adapter_name=name)
        self._adapters = list(adapters)
        self._asked = {"input_ids": torch.tensor([prompt]), "attention_mask": torch.ones(1, len(prompt))}

    def write(self, tokens: int) -> float:
        """Seconds for all four, one after another."""
        begin = time.perf_counter()
        with self._model.disable_adapter():
            self._generate(tokens)
        for name in self._adapters:
            self._model.set_adapter(name)
            self._generate(tokens)
        return time.perf_counter() - begin

    def _generate(self, tokens: int) -> None:
        self._model.generate(**self._asked, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False)


def switching(manager: Any, rows: list[Any]) -> float:
    """Milliseconds until the model answers with another choice of columns, at the median."""
    times = []
    for turn in range(20):
        off = 1 + turn % (len(rows) - 1)
        chosen = sorted(row for place, row in enumerate(rows) if place != off)
        begin = time.perf_counter()
        with manager.active(chosen):
            times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)


def loading(manager: Any, adapters: dict[str, Path]) -> float:
    """Milliseconds until an adapter's folder is checked and its weights are in memory, at the median."""
    times = []
    for _ in range(5):
        for name, path in adapters.items():
            manager.remove(name)
            begin = time.perf_counter()
            manager.add(name, path)
            times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)


def memory() -> int:
    """Bytes that the process takes now."""
    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    main()
