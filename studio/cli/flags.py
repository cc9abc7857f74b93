"""Flags that several commands have: precision and sampling."""

from __future__ import annotations

import argparse

from pydantic import ValidationError

from studio.domain.chat.sampling import Sampling
from studio.domain.errors import InvalidInput
from studio.domain.precision import AUTOMATIC, PRECISIONS


def add_precision(parser: argparse.ArgumentParser) -> None:
    *names, last = (AUTOMATIC, *PRECISIONS)
    parser.add_argument("--precision", default=AUTOMATIC, help=f"{', '.join(names)} or {last} (default: {AUTOMATIC})")


def add_sampling(parser: argparse.ArgumentParser, *, max_new_tokens: int = 64) -> None:
    parser.add_argument("--temperature", type=float, default=0.0, help="0 always picks the most likely token (default)")
    parser.add_argument(
        "--top-p", type=float, default=1.0, help="sample from the most likely tokens up to this cumulative probability"
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same answer (default: 0)")
    parser.add_argument(
        "--max-new-tokens", type=int, default=max_new_tokens, help=f"longest answer (default: {max_new_tokens})"
    )


def read_sampling(arguments: argparse.Namespace) -> Sampling:
    """Raises InvalidInput, which names the flag."""
    try:
        return Sampling(
            temperature=arguments.temperature,
            top_p=arguments.top_p,
            seed=arguments.seed,
            max_tokens=arguments.max_new_tokens,
        )
    except ValidationError as error:
        first = error.errors()[0]
        flag = str(first["loc"][0]).replace("_", "-").replace("max-tokens", "max-new-tokens")
        raise InvalidInput("--{flag}: {reason}.", flag=flag, reason=first["msg"]) from error
