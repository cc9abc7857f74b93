"""Rate limit of logins: per visitor, and overall."""

from __future__ import annotations

import ipaddress
import math
import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

ATTEMPTS, WINDOW = 10, 300.0  # wrong answers of one visitor, in seconds
ATTEMPTS_OF_ALL = 100  # in the same time; from then on strangers take turns
TURN = WINDOW / ATTEMPTS_OF_ALL  # seconds between two of theirs
MAX_VISITORS = 4096  # visitors that are remembered
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|([\d.]+):\d+")


def visitor_of(address: str) -> str:
    """Who counts as one: an IPv4 address, or a /64 of IPv6, of which one household has all 2⁶⁴ addresses. Some proxies
    say the port, too, which is another one each time."""
    if found := _WITH_PORT.fullmatch(address):
        address = found[1] or found[2]
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(ipaddress.ip_network((parsed, 64), strict=False))
        parsed = parsed.ipv4_mapped
    return str(parsed)


class LoginAttempts:
    """Wrong answers of late. Whoever has answered rightly before is no stranger, and waits for none of them."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()
        self._wrong_of_all: deque[float] = deque(maxlen=ATTEMPTS_OF_ALL)
        self._known: OrderedDict[str, None] = OrderedDict()

    def wait(self, address: str) -> int:
        """Seconds until this visitor may try again; 0 is now."""
        visitor, now = visitor_of(address), self._now()
        mine: Sequence[float] = self._wrong.get(visitor, ())
        if len(mine) == ATTEMPTS and mine[0] + WINDOW > now:
            return math.ceil(mine[0] + WINDOW - now)
        everyone = self._wrong_of_all
        if visitor in self._known or len(everyone) < ATTEMPTS_OF_ALL or everyone[0] + WINDOW <= now:
            return 0
        return max(0, math.ceil(everyone[-1] + TURN - now))

    def failed(self, address: str) -> None:
        visitor, now = visitor_of(address), self._now()
        self._wrong.setdefault(visitor, deque(maxlen=ATTEMPTS)).append(now)
        self._wrong.move_to_end(visitor)
        self._wrong_of_all.append(now)
        if len(self._wrong) > MAX_VISITORS:
            self._wrong.popitem(last=False)

    def succeeded(self, address: str) -> None:
        visitor = visitor_of(address)
        self._wrong.pop(visitor, None)
        self._known[visitor] = None
        self._known.move_to_end(visitor)
        if len(self._known) > MAX_VISITORS:
            self._known.popitem(last=False)
