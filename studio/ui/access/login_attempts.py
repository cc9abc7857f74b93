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
    if match := _WITH_PORT.fullmatch(address):
        address = match[1] or match[2]
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            return str(ipaddress.ip_network((ip, 64), strict=False))
        ip = ip.ipv4_mapped
    return str(ip)


class LoginAttempts:
    """Wrong answers of late. Whoever has answered rightly before is no stranger, and waits for none of them."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._all_failures: deque[float] = deque(maxlen=ATTEMPTS_OF_ALL)
        self._welcome_visitors: OrderedDict[str, None] = OrderedDict()

    def wait(self, address: str) -> int:
        """Seconds until this visitor may try again; 0 is now."""
        visitor, now = visitor_of(address), self._now()
        mine: Sequence[float] = self._failures.get(visitor, ())
        if len(mine) == ATTEMPTS and mine[0] + WINDOW > now:
            return math.ceil(mine[0] + WINDOW - now)
        everyone = self._all_failures
        if visitor in self._welcome_visitors or len(everyone) < ATTEMPTS_OF_ALL or everyone[0] + WINDOW <= now:
            return 0
        return max(0, math.ceil(everyone[-1] + TURN - now))

    def record_failure(self, address: str) -> None:
        visitor, now = visitor_of(address), self._now()
        self._failures.setdefault(visitor, deque(maxlen=ATTEMPTS)).append(now)
        self._failures.move_to_end(visitor)
        self._all_failures.append(now)
        if len(self._failures) > MAX_VISITORS:
            self._failures.popitem(last=False)

    def record_success(self, address: str) -> None:
        visitor = visitor_of(address)
        self._failures.pop(visitor, None)
        self._welcome_visitors[visitor] = None
        self._welcome_visitors.move_to_end(visitor)
        if len(self._welcome_visitors) > MAX_VISITORS:
            self._welcome_visitors.popitem(last=False)
