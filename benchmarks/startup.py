"""From `studio serve` to the first answered request, against `python -c "import gradio"`, in turn.

    python benchmarks/startup.py [--rounds 5] [--home DIR] [--json]

The home must hold a ready starter model (a first start makes it); a scratch home without one is measured too, but then
the model is being prepared beside the start. Prints each round, the medians and their ratio.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
TARGET = 1.5


def import_gradio() -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import gradio"], check=True, cwd=ROOT)
    return time.perf_counter() - begin


def serve(home: Path) -> tuple[float, float]:
    """Seconds to the first answered request for a page, and the server's memory (RSS) in MB then."""
    command = [sys.executable, "-m", "studio", "serve", "--home", str(home), "--port", "0", "--no-browser", "--json"]
    begin = time.perf_counter()
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        with urllib.request.urlopen(url, timeout=60) as answer:
            answer.read()
        return time.perf_counter() - begin, psutil.Process(server.pid).memory_info().rss / 1e6
    finally:
        server.terminate()
        server.wait(30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--home", type=Path, help="a home whose starter model is ready (default: a scratch one)")
    parser.add_argument("--json", action="store_true", help="end with one JSON object on the last line")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = arguments.home or Path(scratch) / "home"
        serve(home)  # makes the catalogue and the byte code
        imports, starts, memory = [], [], []
        for number in range(1, arguments.rounds + 1):
            imports.append(import_gradio())
            seconds, megabytes = serve(home)
            starts.append(seconds)
            memory.append(megabytes)
            print(
                f"round {number}: import gradio {imports[-1]:.2f} s, first answer {seconds:.2f} s, {megabytes:.0f} MB"
            )
    result = {
        "import_gradio_seconds": round(statistics.median(imports), 3),
        "first_answer_seconds": round(statistics.median(starts), 3),
        "ratio": round(statistics.median(s / i for s, i in zip(starts, imports, strict=True)), 3),
        "memory_mb": round(statistics.median(memory), 1),
    }
    print(f"median ratio {result['ratio']} (target: at most {TARGET}), memory {result['memory_mb']} MB")
    if arguments.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
