"""The leaderboard: win rates with their confidence, and how consistently people vote."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from studio.services.playground.column_identity import ColumnIdentity, base_of, compared_as, name_of
from studio.store.catalogue.playground import CastVote

Z = 1.959964  # of a 95 % interval


def wilson(successes: float, trials: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927, as statsmodels' proportion_confint(method="wilson") has it)."""
    if not trials:
        return 0.0, 1.0
    share = successes / trials
    scale = 1 + Z * Z / trials
    middle = (share + Z * Z / (2 * trials)) / scale
    half = Z * sqrt(share * (1 - share) / trials + Z * Z / (4 * trials * trials)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass
class Record:
    """One contender's votes, in comparisons where it answered; and those where it stood against its base."""

    contender: ColumnIdentity
    wins: int = 0
    ties: int = 0
    bad: int = 0
    votes: int = 0
    against_base: dict[str, int] = field(default_factory=lambda: {"wins": 0, "ties": 0, "losses": 0})

    def count(self, choice: str, is_win: bool) -> None:
        self.votes += 1
        self.wins += is_win
        self.ties += choice == "tie"
        self.bad += choice == "bad"

    def as_dict(self, names: Mapping[int, str]) -> dict[str, Any]:
        duels = self.against_base
        trials = sum(duels.values())
        return {
            "name": name_of(self.contender, names), "model": self.contender["model"],
            "precision": self.contender["precision"], "votes": self.votes, "wins": self.wins, "ties": self.ties,
            "bad": self.bad, **_rate(self.wins + self.ties / 2, self.votes),
            "against_base": {**duels, "votes": trials, **_rate(duels["wins"] + duels["ties"] / 2, trials)}
            if trials else None,
        }  # fmt: skip


def standings(votes: Iterable[CastVote], names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Of each contender that was ever voted on: name ("" for a base model), model, precision, votes, wins, ties, bad,
    rate with low and high, and `against_base`, the same of the votes between it and its base, or None. The best first.

    A tie counts half, and all bad as lost by all. Where a third one was best, it says nothing of the base.
    """
    records: dict[str, Record] = {}
    for vote in votes:
        who = {compared_as(one): one for one in vote.contenders if one["answered"]}
        best = winner(vote)
        for key, one in who.items():
            record = records.setdefault(key, Record(one))
            record.count(vote.choice, is_win=key == best)
            base = base_of(one)
            if one["shares"] and base in who:
                if vote.choice == "tie":
                    record.against_base["ties"] += 1
                elif best in (key, base):
                    record.against_base["wins" if best == key else "losses"] += 1
    rows = [record.as_dict(names) for record in records.values()]
    return sorted(rows, key=lambda row: (-row["rate"], -row["votes"], row["name"]))


def winner(vote: CastVote) -> str:
    """The identity of the one that was found best; empty where none was."""
    return compared_as(vote.contenders[vote.place]) if vote.choice == "best" and vote.place is not None else ""


def agreement(votes: Sequence[CastVote]) -> list[dict[str, Any]]:
    """By month (UTC, "2025-03") of the later vote: `pairs` of votes that follow each other on the same prompt and the
    same contenders, how many say the `same`, and their `share`."""
    last: dict[str, tuple[str, str]] = {}
    months: dict[str, list[bool]] = defaultdict(list)
    for vote in votes:
        verdict = (vote.choice, winner(vote))
        if vote.key in last:
            months[time.strftime("%Y-%m", time.gmtime(vote.at))].append(verdict == last[vote.key])
        last[vote.key] = verdict
    return [
        {"since": month, "pairs": len(same), "same": sum(same), "share": sum(same) / len(same)}
        for month, same in sorted(months.items())
    ]


def _rate(successes: float, trials: int) -> dict[str, float]:
    low, high = wilson(successes, trials)
    return {"rate": successes / trials if trials else 0.0, "low": low, "high": high}
