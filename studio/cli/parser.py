"""The command line's grammar, put together from that of each command."""

from __future__ import annotations

import argparse

from studio import __version__
from studio.cli import adapters, evaluation, home, models, playground, runs, serve, serve_model, train
from studio.cli.commands import Commands
from studio.cli.datasets import verbs as datasets
from studio.settings import VARIABLES

MODULES = (serve, home, models, datasets, train, runs, adapters, playground, serve_model, evaluation)
"""In the order of `studio --help`."""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="studio",
        description="Fine-tune, compare and publish LoRA adapters.",
        epilog="Environment:\n" + "\n".join(f"  {v.name:<22} {v.help}" for v in VARIABLES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"Adapter Studio {__version__}")
    commands = Commands(parser)
    for module in MODULES:
        module.add_parser(commands)
    return parser
