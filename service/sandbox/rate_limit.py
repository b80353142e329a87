"""The provider's rate limit, with the headers that tell of it."""

import math
from collections import deque
from time import monotonic

from msgspec import Struct

from service.sandbox.errors import ApiError


class Window(Struct, frozen=True):
    """At most ``limit`` requests in any ``seconds``; 0 for no limit."""

    limit: int
    seconds: float


class RateLimit:
    """The provider's rate limit: some requests a minute, and fewer a second.

    A refused request does not count.
    """

    def __init__(self, per_minute: int = 240, per_second: int = 40) -> None:
        windows = (Window(per_minute, 60.0), Window(per_second, 1.0))
        self._windows = [window for window in windows if window.limit]
        self._times: deque[float] = deque()
        self.requests = 0
        """All that were counted or refused."""

    def take(self, now: float | None = None) -> dict[str, str]:
        """Count one request; returns the headers that tell what is left.

        Raises:
            ApiError: 429, with the seconds until the next request may come.
        """
        now = monotonic() if now is None else now
        self.requests += 1
        while self._times and now - self._times[0] >= max(w.seconds for w in self._windows):
            self._times.popleft()
        headers: dict[str, str] = {}
        for window in self._windows:
            recent = [time for time in self._times if now - time < window.seconds]
            left = window.limit - len(recent)
            reset = math.ceil(window.seconds - (now - recent[0])) if recent else 0
            if left <= 0:
                shown = _headers(window.limit, 0, reset) | {"retry-after": str(max(1, reset))}
                raise ApiError(429, "The rate limit is exceeded. Try again later.", headers=shown)
            if not headers:
                headers = _headers(window.limit, left - 1, reset)
        if self._windows:
            self._times.append(now)
        return headers


def _headers(limit: int, left: int, reset: int) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(left),
        "x-ratelimit-reset": str(reset),
    }
