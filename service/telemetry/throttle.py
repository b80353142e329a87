"""Log throttling: the first line of a kind at once, then one every ten seconds with a count.

``ThrottledHandler`` limits every warning of a process, ours and those of libraries: a stranger can
neither fill the disk nor bury important lines under refused requests. ``Throttle`` limits one
message of one caller, including lines that are not warnings.
"""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from contextvars import Context
from typing import Any, TextIO

from msgspec import Struct

from service.telemetry.tracebacks import error_chain

_SECONDS = 10.0
_MAX_KINDS = 128
"""How many kinds are told apart at a time; further lines are grouped by their event alone."""

_KIND_KEYS = (
    "reason", "error", "state", "book", "stream", "process", "exit_code", "task", "supervisor",
    "what", "channel",
)  # fmt: skip
"""The keys whose values tell one kind of an event from another."""

_OUTAGE_NAMES = {
    "AdminShutdown", "CannotConnectNow", "ConnectionFailure", "ConnectionTimeout", "CrashShutdown",
    "InterfaceError", "OperationalError", "PoolTimeout", "unavailable",
}  # fmt: skip
"""Errors and reasons of a line that mean an unavailable database: together they are one kind."""

_DATABASE_AWAY = ("database away",)


class Throttle:
    """Logs a message at once, then every ten seconds how often it came since.

    After ten silent seconds the next message is logged at once again.
    """

    def __init__(self) -> None:
        self._repeats: dict[Hashable, int] = {}

    def log(self, key: Hashable, log: Callable[..., object]) -> None:
        """Call ``log`` for a message; later calls pass ``again``, the number of repeats.

        Must be called in an event loop.
        """
        if key in self._repeats:
            self._repeats[key] += 1
            return
        log()
        self._schedule(key, log)

    def _schedule(self, key: Hashable, log: Callable[..., object]) -> None:
        self._repeats[key] = 0
        # an empty context: the line counts many requests and must not carry the id of one
        asyncio.get_running_loop().call_later(
            _SECONDS, self._log_repeats, key, log, context=Context()
        )

    def _log_repeats(self, key: Hashable, log: Callable[..., object]) -> None:
        repeats = self._repeats.pop(key)
        if repeats:
            log(again=repeats)
            self._schedule(key, log)


class _Kind(Struct):
    until: float
    repeats: int = 0
    last: logging.LogRecord | None = None


class ThrottledHandler(logging.StreamHandler[TextIO]):
    """A stream handler that throttles warnings and errors, and writes all other lines."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._kinds: dict[Hashable, _Kind] = {}
        self._flusher: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, or count it; the caller holds this handler's lock."""
        if record.levelno < logging.WARNING:
            super().emit(record)
            return
        try:
            self._throttle(record)
        except Exception:  # noqa: BLE001 - a logging failure must not stop the caller
            self.handleError(record)

    def close(self) -> None:
        """Write the lines that were only counted, and close the handler."""
        self.acquire()
        try:
            for kind in self._kinds.values():
                self._write_last(kind, 0.0)
        finally:
            self.release()
        super().close()

    def _throttle(self, record: logging.LogRecord) -> None:
        key, now = self._key(record), time.monotonic()
        kind = self._kinds.get(key)
        if kind is None:
            self._kinds[key] = _Kind(now + _SECONDS)
            super().emit(record)
            self._start_flusher()
            return
        kind.repeats += _values(record).get("again", 1)
        kind.last = _without_error(record)
        if kind.until <= now:
            self._write_last(kind, now)

    def _key(self, record: logging.LogRecord) -> Hashable:
        key = kind_of(record)
        if key in self._kinds or len(self._kinds) < _MAX_KINDS:
            return key
        return ("many", record.name, _event(record)[:_MAX_KINDS])

    def _start_flusher(self) -> None:
        if self._flusher is None or not self._flusher.is_alive():
            self._flusher = threading.Thread(target=self._flush, name="log throttle", daemon=True)
            try:
                self._flusher.start()
            except RuntimeError:
                # the process has no room for a thread: the next line of a kind carries the count
                self._flusher = None

    def _flush(self) -> None:
        while (pause := self._flush_due()) is not None:
            time.sleep(pause)

    def _flush_due(self) -> float | None:
        """Write the counts that are due, and drop the kinds that did not recur.

        Returns:
            Seconds until the next count is due; None when no kind is left.
        """
        self.acquire()
        try:
            now = time.monotonic()
            for key in [key for key, kind in self._kinds.items() if kind.until <= now]:
                if self._kinds[key].repeats:
                    self._write_last(self._kinds[key], now)
                else:
                    del self._kinds[key]
            if not self._kinds:
                self._flusher = None
                return None
            return max(0.01, min(kind.until for kind in self._kinds.values()) - now)
        finally:
            self.release()

    def _write_last(self, kind: _Kind, now: float) -> None:
        if kind.last is not None:
            super().emit(_counted(kind.last, kind.repeats))
        kind.until, kind.repeats, kind.last = now + _SECONDS, 0, None


def kind_of(record: logging.LogRecord) -> Hashable:
    """The key that a line shares with its repetitions."""
    if (error := _error(record)) is not None:
        if type(error).__name__ in _OUTAGE_NAMES:
            return _DATABASE_AWAY
        return (record.name, _event(record), *_kind_of_error(error))
    values = _values(record)
    key = tuple(str(values.get(name)) for name in _KIND_KEYS)
    if _OUTAGE_NAMES.intersection(key[:2]):
        return _DATABASE_AWAY
    return (record.name, _event(record), *key)


def _values(record: logging.LogRecord) -> dict[str, Any]:
    return record.msg if isinstance(record.msg, dict) else {}


def _event(record: logging.LogRecord) -> str:
    # a library's line is grouped by its template, before any argument is filled in
    return str(record.msg.get("event") if isinstance(record.msg, dict) else record.msg)


def _error(record: logging.LogRecord) -> BaseException | None:
    error = record.exc_info or _values(record).get("exc_info")
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    return error if isinstance(error, BaseException) else None


def _kind_of_error(error: BaseException) -> Iterator[Hashable]:
    for link in error_chain(error):
        yield type(link).__qualname__
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    yield (frame.tb_frame.f_code, frame.tb_lineno) if frame else None


def _without_error(record: logging.LogRecord) -> logging.LogRecord:
    """A copy of a record without its traceback, which would keep a request's memory alive."""
    error, copy = _error(record), logging.makeLogRecord(record.__dict__)
    copy.exc_info = copy.stack_info = None
    if isinstance(record.msg, dict):
        # the line counts many requests and must not carry the id of one
        left_out = {"exc_info", "request_id"}
        copy.msg = {name: value for name, value in record.msg.items() if name not in left_out}
        if error is not None:
            copy.msg["error"] = type(error).__name__
    else:
        with suppress(Exception):
            copy.msg, copy.args = record.getMessage(), ()
    return copy


def _counted(record: logging.LogRecord, repeats: int) -> logging.LogRecord:
    if isinstance(record.msg, dict):
        record.msg["again"] = repeats
    else:
        record.msg = f"{record.msg} (again: {repeats})"
    return record
