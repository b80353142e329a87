"""How much a key may ask: so many requests a minute, counted in this process.

Own code and not the framework's: that one writes each request of the minute down again with the
next, and does not say when to try again.
"""

import math
import time

from service.problems import Problem

_WINDOW_SECONDS = 60

Headers = list[tuple[bytes, bytes]]


class Allowance:
    """Requests a minute for each key; 0 is without a limit."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._windows: dict[str, tuple[float, int]] = {}

    def spend(self, key_id: str, told: Headers) -> None:
        """Count a request, and tell in headers what is left; nothing without a limit.

        Raises:
            Problem: ``rate-limited``.
        """
        if not self._per_minute:
            return
        now = time.monotonic()
        end, spent = self._windows.get(key_id, (0.0, 0))
        if end <= now:
            end, spent = now + _WINDOW_SECONDS, 0
        spent = min(spent + 1, self._per_minute + 1)
        self._windows[key_id] = (end, spent)
        seconds = math.ceil(end - now)
        policy = b'"key";q=%d;w=%d' % (self._per_minute, _WINDOW_SECONDS)
        left = b'"key";r=%d;t=%d' % (max(self._per_minute - spent, 0), seconds)
        told += [(b"ratelimit-policy", policy), (b"ratelimit", left)]
        if spent > self._per_minute:
            said = f"This key may ask {self._per_minute} times a minute."
            raise Problem("rate-limited", said, retry_after=seconds)
