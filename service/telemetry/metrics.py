"""Counters for Prometheus, summed over all processes of a service.

The library keeps the counts of each process in a file of a shared directory. Counts survive the
exit of a worker, and start at zero with the service.

Counting never raises: each counting function is ``_guarded``, and only ``_guarded`` hands out the
instruments. A count that fails is dropped, which is logged every ten seconds.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache, partial, wraps
from multiprocessing import current_process
from typing import Concatenate, Literal, ParamSpec

import structlog

from service.telemetry.instruments import Instruments
from service.telemetry.throttle import Throttle

P = ParamSpec("P")

_RETRY_SECONDS = 10.0

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_log = structlog.get_logger(__name__)


class _Guard:
    """The instruments of this process, and the handling of errors in counting."""

    def __init__(self) -> None:
        self._meters: Instruments | None = None
        self._retry_at = 0.0
        self._throttle = Throttle()

    def meters(self) -> Instruments | None:
        """The instruments; None while they cannot be set up."""
        if self._meters is None and time.monotonic() >= self._retry_at:
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            self._meters = Instruments()
        return self._meters

    def drop(self, error: Exception) -> None:
        """Log that a count was dropped."""
        log = partial(
            _log.warning, "metric dropped", error=type(error).__name__,
            code=getattr(error, "errno", None),
        )  # fmt: skip
        with suppress(Exception):
            running = _in_loop()
            self._throttle.log(type(error).__name__, log) if running else log()


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
    """A counting function that never raises."""

    @wraps(count)
    def counting(*args: P.args, **kwargs: P.kwargs) -> None:
        guard = _guard()
        try:
            meters = guard.meters()
            if meters is not None:
                count(meters, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - counting must not stop the counted work
            guard.drop(error)

    return counting


def exposition() -> bytes:
    """All counts of all processes in Prometheus's text format; empty if they cannot be read."""
    # imported late: see Instruments
    from prometheus_client import generate_latest  # noqa: PLC0415

    guard = _guard()
    try:
        meters = guard.meters()
        return b"" if meters is None else generate_latest(meters.registry)
    except Exception as error:  # noqa: BLE001 - the gauges of the database are still answered
        guard.drop(error)
        return b""


@_guarded
def count_appended(
    meters: Instruments, book: str, recorded: int, duplicates: int, seconds: float
) -> None:
    """Count a batch of webhooks that is on disk: new events, and duplicates."""
    meters.webhooks.labels(book, "recorded", "").inc(recorded)
    meters.webhooks.labels(book, "duplicate", "").inc(duplicates)
    meters.batch_size.labels(book).observe(recorded + duplicates)
    meters.append_seconds.labels(book).observe(seconds)


@_guarded
def count_from_zero(meters: Instruments, book: str, reasons: Iterable[str]) -> None:
    """Show a book's counts as 0 before the first: a rate does not see how a series begins."""
    for result in ("recorded", "duplicate"):
        meters.webhooks.labels(book, result, "")
    for reason in reasons:
        meters.webhooks.labels(book, "refused", reason)
    for result in ("yes", "no", "unconfirmed"):
        meters.confirmations.labels(book, result)


@_guarded
def count_refused(meters: Instruments, book: str, reason: str) -> None:
    """Count a refused webhook; the reason is one of ``problems.REFUSALS``."""
    meters.webhooks.labels(book, "refused", reason).inc()


@_guarded
def count_question(meters: Instruments, book: str) -> None:
    """Count a customer about whom the provider is asked before a denial."""
    meters.questions.labels(book).inc()


@_guarded
def count_confirmation(
    meters: Instruments, book: str, result: Literal["yes", "no", "unconfirmed"]
) -> None:
    """Count an answer that was given after the provider was asked, now or in the last minute."""
    meters.confirmations.labels(book, result).inc()


@_guarded
def count_sign_ons_from_zero(meters: Instruments, reasons: Iterable[str]) -> None:
    """Show the counts of refused assertions as 0 before the first."""
    for reason in reasons:
        meters.sign_ons_refused.labels(reason)


@_guarded
def count_sign_on_refused(meters: Instruments, reason: str) -> None:
    """Count a request for the console whose assertion was refused."""
    meters.sign_ons_refused.labels(reason).inc()


@_guarded
def observe_request(
    meters: Instruments, route: str, method: str, status: int, seconds: float
) -> None:
    """Count a request and its duration.

    Args:
        meters: passed by the guard.
        route: the path's template; empty if the request was refused before routing.
        method: the method as received.
        status: the status of the response.
        seconds: the duration.
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
def count_ignored_notifications(meters: Instruments, channel: str, number: int) -> None:
    """Count malformed notifications by channel, whatever the version in its name."""
    name = channel.removeprefix("daybook_").rstrip("_0123456789")
    meters.notices.labels(name).inc(number)


@_guarded
def set_task_up(meters: Instruments, task: str, *, up: bool) -> None:
    """Set whether a background task of this process runs."""
    process = _process()
    # present from the start: Prometheus sees an increase only from an earlier value
    meters.task_restarts.labels(process, task)
    meters.task_up.labels(process, task).set(up)


@_guarded
def count_task_restart(meters: Instruments, task: str) -> None:
    """Count the restart of a background task of this process."""
    meters.task_restarts.labels(_process(), task).inc()


def _process() -> str:
    name = current_process().name
    return "main" if name == "MainProcess" else name.removeprefix("daybook ")


@_guarded
def count_pool_use(
    meters: Instruments, pool: dict[str, int], statements: int, seconds: float
) -> None:
    """Count the use of a pool, from the library's statistics, and of the pipelines."""
    meters.pool_requests.inc(pool.get("requests_num", 0))
    meters.pool_wait.inc(pool.get("requests_wait_ms", 0) / 1000)
    meters.pool_usage.inc(pool.get("usage_ms", 0) / 1000)
    meters.pool_errors.inc(pool.get("requests_errors", 0))
    meters.pipeline_statements.inc(statements)
    meters.pipeline_seconds.inc(seconds)
