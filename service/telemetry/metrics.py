"""What the processes of a service count for Prometheus: one sum, whichever of them is asked.

The library keeps the counts of each process in a file of a directory that all of them know; they
survive a worker that ends, and begin at zero with the service.

Counting never fails: each function here that counts is ``_guarded``, which alone hands out the
metrics. What cannot be counted is dropped, and logged every ten seconds.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial, wraps
from multiprocessing import current_process
from typing import Concatenate, ParamSpec

import structlog

from service.telemetry.instruments import Instruments
from service.telemetry.repeating import Repeating

P = ParamSpec("P")

_RETRY_SECONDS = 10.0

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_log = structlog.get_logger(__name__)


class _Guard:
    """The metrics of this process, and what happens to errors in counting."""

    def __init__(self) -> None:
        self._meters: Instruments | None = None
        self._retry_at = 0.0
        self._repeating = Repeating()

    def meters(self) -> Instruments | None:
        """The metrics; None while they could not be set up."""
        if self._meters is None and time.monotonic() >= self._retry_at:
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            self._meters = Instruments()
        return self._meters

    def drop(self, error: Exception) -> None:
        """Log that something was not counted."""
        log = partial(
            _log.warning, "metric dropped", error=type(error).__name__,
            code=getattr(error, "errno", None),
        )  # fmt: skip
        with suppress(Exception):
            running = _in_loop()
            self._repeating.say(type(error).__name__, log) if running else log()


def _in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@cache
def _guard() -> _Guard:
    return _Guard()


def _guarded(count: Callable[Concatenate[Instruments, P], None]) -> Callable[P, None]:
    """A function that counts, and never fails."""

    @wraps(count)
    def counting(*args: P.args, **kwargs: P.kwargs) -> None:
        guard = _guard()
        try:
            meters = guard.meters()
            if meters is not None:
                count(meters, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever it is, what is counted goes on
            guard.drop(error)

    return counting


def exposition() -> bytes:
    """All that was counted, of every process, as text; nothing while it cannot be read."""
    # not at the top: see Instruments
    from prometheus_client import generate_latest  # noqa: PLC0415

    guard = _guard()
    try:
        meters = guard.meters()
        return b"" if meters is None else generate_latest(meters.registry)
    except Exception as error:  # noqa: BLE001 - what the database knows is told all the same
        guard.drop(error)
        return b""


@_guarded
def appended(
    meters: Instruments, book: str, recorded: int, duplicates: int, seconds: float
) -> None:
    """Count a batch of webhooks that are on disk: those that were new, and those known before."""
    meters.webhooks.labels(book, "recorded", "").inc(recorded)
    meters.webhooks.labels(book, "duplicate", "").inc(duplicates)
    meters.batch_size.labels(book).observe(recorded + duplicates)
    meters.append_seconds.labels(book).observe(seconds)


@_guarded
def refused(meters: Instruments, book: str, reason: str) -> None:
    """Count a webhook that was refused, for one of ``problems.REFUSALS``."""
    meters.webhooks.labels(book, "refused", reason).inc()


@_guarded
def answered(meters: Instruments, route: str, method: str, status: int, seconds: float) -> None:
    """Count a request.

    Args:
        meters: handed in.
        route: the path's template; empty where the request was refused before there was one.
        method: as it came.
        status: of the response.
        seconds: how long it took.
    """
    key = (route, method, status // 100)
    histogram = meters.requests.get(key)
    if histogram is None:
        known = method if method in _METHODS else "other"
        histogram = meters.request_seconds.labels(route, known, f"{status // 100}xx")
        if known == method:
            meters.requests[key] = histogram
    histogram.observe(seconds)


@_guarded
def notices_ignored(meters: Instruments, channel: str, number: int) -> None:
    """Count notices that are malformed."""
    meters.notices.labels(channel.removeprefix("daybook_")).inc(number)


@_guarded
def task_running(meters: Instruments, task: str, *, up: bool) -> None:
    """Set whether a background task of this process runs."""
    process = _process()
    # there from the start, so that a first increase is seen as one
    meters.task_restarts.labels(process, task)
    meters.task_up.labels(process, task).set(up)


@_guarded
def task_restarted(meters: Instruments, task: str) -> None:
    """Count the restart of a background task of this process."""
    meters.task_restarts.labels(_process(), task).inc()


def _process() -> str:
    name = current_process().name
    return "main" if name == "MainProcess" else name.removeprefix("daybook ")


@_guarded
def pools_used(meters: Instruments, pool: dict[str, int], statements: int, seconds: float) -> None:
    """Count the use of a pool, as the library tells it, and of the pipelines beside it."""
    meters.pool_requests.inc(pool.get("requests_num", 0))
    meters.pool_wait.inc(pool.get("requests_wait_ms", 0) / 1000)
    meters.pool_usage.inc(pool.get("usage_ms", 0) / 1000)
    meters.pool_errors.inc(pool.get("requests_errors", 0))
    meters.pipeline_statements.inc(statements)
    meters.pipeline_seconds.inc(seconds)
