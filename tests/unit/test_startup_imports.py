"""What the web process may load."""

import subprocess
import sys

HEAVY = ("torch", "transformers", "peft", "trl", "accelerate", "bitsandbytes", "datasets")

LOAD = """
import sys
from studio.settings import quiet_libraries
quiet_libraries()
import studio.app, studio.cli, studio.cli.serve, studio.ui.web
print(*[m for m in sys.argv[1:] if m in sys.modules])
"""


def test_the_web_process_loads_neither_torch_nor_transformers():
    found = subprocess.run(
        [sys.executable, "-c", LOAD, *HEAVY], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    assert found == []
