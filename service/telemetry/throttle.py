"""Log lines that are repeated: the first of a kind at once, then one every ten seconds.

A handler of the root logger, so that every line of a process passes it, whoever wrote it: a
stranger can neither fill the disk, nor bury in refusals what matters.
"""

import logging
import sys
import threading
import time
from collections.abc import Hashable, Iterator
from contextlib import suppress
from typing import Any, TextIO

from msgspec import Struct

from service.telemetry.tracebacks import chained

_SECONDS = 10.0
_MOST_KINDS = 128
"""How many kinds are told apart at a time; further ones are told apart by the event alone."""

_TELLING = (
    "reason", "error", "state", "book", "stream", "process", "exit_code", "task", "supervisor",
    "what", "channel",
)  # fmt: skip
"""The values that tell one kind of an event from another."""

_AWAY = {
    "AdminShutdown", "CannotConnectNow", "ConnectionFailure", "ConnectionTimeout", "CrashShutdown",
    "InterfaceError", "OperationalError", "PoolTimeout", "unavailable",
}  # fmt: skip
"""What a line names as its error or reason when the database is away: all of them are one kind."""

_DATABASE_AWAY = ("database away",)


class _Kind(Struct):
    until: float
    again: int = 0
    last: logging.LogRecord | None = None


class ThrottledHandler(logging.StreamHandler[TextIO]):
    """Writes to a stream. Warnings and errors are throttled, and what is normal is not."""

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
        except Exception:  # noqa: BLE001 - whatever cannot be logged stops nobody who logs
            self.handleError(record)

    def close(self) -> None:
        """Write what was only counted, and leave."""
        self.acquire()
        try:
            for kind in self._kinds.values():
                self._write_last(kind, 0.0)
        finally:
            self.release()
        super().close()

    def _throttle(self, record: logging.LogRecord) -> None:
        name, now = self._place(record), time.monotonic()
        kind = self._kinds.get(name)
        if kind is None:
            self._kinds[name] = _Kind(now + _SECONDS)
            super().emit(record)
            self._start_flusher()
            return
        kind.again += _values(record).get("again", 1)
        kind.last = _without_error(record)
        if kind.until <= now:
            self._write_last(kind, now)

    def _place(self, record: logging.LogRecord) -> Hashable:
        name = kind_of(record)
        if name in self._kinds or len(self._kinds) < _MOST_KINDS:
            return name
        return ("many", record.name, _event(record)[:_MOST_KINDS])

    def _start_flusher(self) -> None:
        if self._flusher is None or not self._flusher.is_alive():
            self._flusher = threading.Thread(target=self._flush, name="log throttle", daemon=True)
            try:
                self._flusher.start()
            except RuntimeError:
                # no thread to be had: the next line of a kind has the count
                self._flusher = None

    def _flush(self) -> None:
        while (pause := self._flush_due()) is not None:
            time.sleep(pause)

    def _flush_due(self) -> float | None:
        """Say how often each kind came since, and forget those that came no more."""
        self.acquire()
        try:
            now = time.monotonic()
            for name in [name for name, kind in self._kinds.items() if kind.until <= now]:
                if self._kinds[name].again:
                    self._write_last(self._kinds[name], now)
                else:
                    del self._kinds[name]
            if not self._kinds:
                self._flusher = None
                return None
            return max(0.01, min(kind.until for kind in self._kinds.values()) - now)
        finally:
            self.release()

    def _write_last(self, kind: _Kind, now: float) -> None:
        if kind.last is not None:
            super().emit(_counted(kind.last, kind.again))
        kind.until, kind.again, kind.last = now + _SECONDS, 0, None


def kind_of(record: logging.LogRecord) -> Hashable:
    """What a line has in common with those that say the same again."""
    if (error := _error(record)) is not None:
        if type(error).__name__ in _AWAY:
            return _DATABASE_AWAY
        return (record.name, _event(record), *_kind_of_error(error))
    values = _values(record)
    told = tuple(str(values.get(name)) for name in _TELLING)
    if _AWAY.intersection(told[:2]):
        return _DATABASE_AWAY
    return (record.name, _event(record), *told)


def _values(record: logging.LogRecord) -> dict[str, Any]:
    return record.msg if isinstance(record.msg, dict) else {}


def _event(record: logging.LogRecord) -> str:
    # of a library, its text before anything is filled in
    return str(record.msg.get("event") if isinstance(record.msg, dict) else record.msg)


def _error(record: logging.LogRecord) -> BaseException | None:
    found = record.exc_info or _values(record).get("exc_info")
    if found is True:
        found = sys.exc_info()
    if isinstance(found, tuple):
        found = found[1]
    return found if isinstance(found, BaseException) else None


def _kind_of_error(error: BaseException) -> Iterator[Hashable]:
    for one in chained(error):
        yield type(one).__qualname__
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    yield (place.tb_frame.f_code, place.tb_lineno) if place else None


def _without_error(record: logging.LogRecord) -> logging.LogRecord:
    """What is kept of a line until it is written: a traceback would keep a request's memory."""
    error, kept = _error(record), logging.makeLogRecord(record.__dict__)
    kept.exc_info = kept.stack_info = None
    if isinstance(record.msg, dict):
        # it is of many requests, and has the id of none
        left_out = {"exc_info", "request_id"}
        kept.msg = {name: value for name, value in record.msg.items() if name not in left_out}
        if error is not None:
            kept.msg["error"] = type(error).__name__
    else:
        with suppress(Exception):
            kept.msg, kept.args = record.getMessage(), ()
    return kept


def _counted(record: logging.LogRecord, again: int) -> logging.LogRecord:
    if isinstance(record.msg, dict):
        record.msg["again"] = again
    else:
        record.msg = f"{record.msg} (again: {again})"
    return record
