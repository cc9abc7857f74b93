"""Many clients of the chat worker at once: does each get its own answer, and how long does it wait?

    python benchmarks/clients.py --model DIR [--clients 30] [--seconds 60] [--json]

Each client asks the base or one of two adapters for its own sum again and again, greedily and in full precision, and
compares what it gets with what that model answered when it was asked alone. Prints requests, errors, answers that were
not the client's own (both must be 0), and the median and the 95th percentile of the time an answer took.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

MODELS = ("base", "one", "two")
MOST_TOKENS = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a folder with the starter model")
    parser.add_argument("--clients", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--json", action="store_true", help="end with one JSON object on the last line")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        result = served(Path(scratch), arguments)
    print("  ".join(f"{name.replace('_', ' ')} {value}" for name, value in result.items()))
    if arguments.json:
        print(json.dumps(result))


def served(scratch: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    from studio.domain.jobs.serving import ServedModel, ServeRequest
    from studio.engines.local import LocalEngine
    from studio.store.job_folder import JobFolder
    from tests.support.tiny_models import random_adapter

    paths = {
        name: random_adapter(scratch / name, arguments.model, seed=seed, strength=0.05, target_modules=["q_proj"])
        for seed, name in enumerate(MODELS[1:])
    }
    folder = JobFolder(scratch / "worker")
    folder.prepare(ServeRequest(model=ServedModel(name="starter", path=str(arguments.model)), precision="fp32"))
    engine = LocalEngine()
    process = engine.start("serve", folder.path)
    try:
        endpoint = folder.path / "endpoint.json"
        while not endpoint.exists():
            if not engine.is_alive(process):
                raise SystemExit(folder.log_tail())
            time.sleep(0.1)
        known = json.loads(endpoint.read_text())
        return asyncio.run(asked(known, paths, arguments.clients, arguments.seconds))
    finally:
        engine.stop(process, force=True)


async def asked(known: dict[str, Any], paths: dict[str, Path], clients: int, seconds: float) -> dict[str, Any]:
    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{known['port']}",
        headers={"Authorization": f"Bearer {known['token']}"},
        trust_env=False,
        timeout=300,
        limits=limits,
    ) as http:
        for name, path in paths.items():
            (await http.post("/v1/adapters", json={"name": name, "path": str(path)})).raise_for_status()
        own = [await answer(http, number) for number in range(clients)]
        times: list[float] = []
        wrong = errors = 0
        end = time.perf_counter() + seconds

        async def client(number: int) -> None:
            nonlocal wrong, errors
            while time.perf_counter() < end:
                begin = time.perf_counter()
                try:
                    wrong += await answer(http, number) != own[number]
                except httpx.HTTPError:
                    errors += 1
                times.append(time.perf_counter() - begin)

        await asyncio.gather(*(client(number) for number in range(clients)))
    times.sort()
    return {
        "clients": clients,
        "requests": len(times),
        "errors": errors,
        "mixed_up": wrong,
        "distinct_answers": len(set(own)),
        "p50_seconds": round(times[len(times) // 2], 2),
        "p95_seconds": round(times[int(len(times) * 0.95)], 2),
    }


async def answer(http: httpx.AsyncClient, number: int) -> str:
    body = {
        "model": MODELS[number % len(MODELS)],
        "messages": [{"role": "user", "content": f"Say a word that begins like {number} and count up from {number}."}],
        "temperature": 0,
        "max_tokens": MOST_TOKENS,
    }
    response = await http.post("/v1/chat/completions", json=body)
    response.raise_for_status()
    return str(response.json()["choices"][0]["message"]["content"])


if __name__ == "__main__":
    main()
