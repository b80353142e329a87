"""When the next request may be sent: our own limit, and what the provider's headers say."""

from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_WINDOW = 60.0
_SECONDS_A_WINDOW = 6
"""A sixth of a minute's requests may be sent in one second, as the provider's limits are."""

_SHARE = 10
"""A tenth of the requests is left to those who cannot wait."""

_LONGEST_WAIT = 120.0
_EPOCH = 1e9
_EPOCH_MILLISECONDS = 1e12


class Pace:
    """The rate of one API key in this process, on a monotonic clock.

    In no minute are more requests sent than ``per_minute``, and in no second more than a sixth of
    that. Callers that can wait leave a tenth to those that cannot. ``remaining`` is how many
    requests the provider said last to be left; None if it said nothing.
    """

    def __init__(self, per_minute: int) -> None:
        self._sent: deque[float] = deque(maxlen=per_minute)
        self._reserve = per_minute - background_rate(per_minute)
        self._burst = max(1, per_minute // _SECONDS_A_WINDOW)
        self._blocked_until = 0.0
        self._spare_until = 0.0
        self.remaining: int | None = None

    def delay(self, now: float, *, urgent: bool) -> float:
        """Seconds until a request may be sent; 0 means now."""
        limit = self._sent.maxlen or 0
        free_at = self._free_at(limit if urgent else limit - self._reserve, _WINDOW)
        free_at = max(free_at, self._free_at(self._burst, 1.0), self._blocked_until)
        if not urgent:
            free_at = max(free_at, self._spare_until)
        return max(0.0, free_at - now)

    def take(self, now: float) -> None:
        """Count a request that is being sent."""
        self._sent.append(now)

    def heed(self, headers: Mapping[str, str], status: int, now: float) -> None:
        """Follow the headers of an answer: ``X-RateLimit-…`` and ``Retry-After``.

        The provider counts the requests of all processes that share the key.
        """
        reset = _seconds(headers, "x-ratelimit-reset")
        remaining, limit = (_number(headers, f"x-ratelimit-{n}") for n in ("remaining", "limit"))
        if remaining is not None:
            self.remaining = int(remaining)
        if remaining is not None and reset is not None:
            if remaining < 1:
                self._blocked_until = max(self._blocked_until, now + reset)
            elif remaining <= (limit or 0) / _SHARE:
                # ever more slowly, whether the provider counts by the minute or at each moment
                pause = reset / (remaining + 1)
                self._spare_until = max(self._spare_until, now + pause)
        after = retry_after(headers)
        if after is None and status == 429:  # noqa: PLR2004 - too many requests
            after = reset
        if after is not None:
            self._blocked_until = max(self._blocked_until, now + after)

    def _free_at(self, limit: int, window: float) -> float:
        """When fewer than ``limit`` of the requests will be younger than ``window``."""
        if len(self._sent) < limit:
            return 0.0
        return self._sent[-limit] + window


def background_rate(per_minute: int) -> int:
    """The most requests a minute for those that can wait."""
    return per_minute - per_minute // _SHARE


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of ``Retry-After``, from a number or a date; None without the header."""
    return _seconds(headers, "retry-after")


def answered_date(headers: Mapping[str, str]) -> datetime | None:
    """The provider's clock when it answered, from the header ``Date``."""
    with suppress(ValueError, OverflowError):
        date = parsedate_to_datetime(headers.get("date", ""))
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    return None


def _number(headers: Mapping[str, str], name: str) -> float | None:
    with suppress(ValueError):
        number = float(headers.get(name, ""))
        return number if 0 <= number < float("inf") else None
    return None


def _seconds(headers: Mapping[str, str], name: str) -> float | None:
    """The seconds until a moment that a header names: as seconds, epoch time or a date."""
    number = _number(headers, name)
    now = (answered_date(headers) or datetime.now(UTC)).timestamp()
    if number is None:
        with suppress(ValueError, OverflowError):
            number = parsedate_to_datetime(headers.get(name, "")).timestamp()
    if number is None:
        return None
    if number >= _EPOCH_MILLISECONDS:
        number /= 1000
    if number >= _EPOCH:
        number -= now
    return min(max(0.0, number), _LONGEST_WAIT)
