"""The limits of an API key: requests per minute, and open streams of changes.

Both are counted in this process. Requests are counted here because the framework's rate limit
writes each request of the minute down again with the next, and sends no ``Retry-After``.
"""

import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from service.problems import Problem

MAX_OF_KEY = 8
"""Open streams of one key. Each holds a connection, a task and pages of changes."""

MAX_IN_ALL = 100
"""Open streams of all keys."""

_WINDOW_SECONDS = 60

Headers = list[tuple[bytes, bytes]]


class Allowance:
    """Requests per minute for each key; 0 means unlimited."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._windows: dict[str, tuple[float, int]] = {}

    def spend(self, key_id: str, headers: Headers) -> None:
        """Count a request, and add what is left to the response's headers; none without a limit.

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
        headers += [(b"ratelimit-policy", policy), (b"ratelimit", left)]
        if spent > self._per_minute:
            detail = f"This key may send {self._per_minute} requests a minute."
            raise Problem("rate-limited", detail, retry_after=seconds)


class OpenStreams:
    """Counts the open streams of one worker, by key."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    def check(self, key_id: str) -> None:
        """Refuse a further stream where a limit is reached.

        Raises:
            Problem: ``too-many-streams``.
        """
        if self._open[key_id] >= MAX_OF_KEY:
            raise Problem("too-many-streams", f"This key has {MAX_OF_KEY} streams open.")
        if self._open.total() >= MAX_IN_ALL:
            raise Problem("too-many-streams", f"{MAX_IN_ALL} streams are open in this worker.")

    @contextmanager
    def opened(self, key_id: str) -> Iterator[None]:
        """Count a stream for as long as the block runs.

        Raises:
            Problem: ``too-many-streams``.
        """
        self.check(key_id)
        self._open[key_id] += 1
        try:
            yield
        finally:
            self._open[key_id] -= 1
            # a key that has none is forgotten
            self._open += Counter()
