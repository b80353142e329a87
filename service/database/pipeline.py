"""A connection that multiplexes many statements (PostgreSQL's pipeline mode).

Each statement is prepared once and sent without waiting for earlier results, so that statements of
the same moment travel together. The driver's own connections run one statement at a time, and
their overhead exceeds the time that nearly all statements here take. Each statement is its own
transaction: one that fails does not affect the others.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

import psycopg
from msgspec import Struct
from psycopg import abc, pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq.abc import PGresult
from psycopg.rows import DictRow

from service.database.connections import Connection, ResponseTimeoutError, is_unavailable

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_MAX_PREPARED = 500
_SMALL = 1000
"""Up to so many events any plan will do."""

_SLICE = 200

PREPARE_ERRORS = (psycopg.errors.InvalidSqlStatementName, psycopg.errors.FeatureNotSupported)
"""Errors of a prepared statement: an earlier prepare failed, or the result's columns have changed.
Sent again unprepared, the statement succeeds, or fails with an error of its own."""


class Statement(Struct, frozen=True):
    """A statement with numbered placeholders, and the names of its parameters."""

    text: bytes
    names: tuple[str, ...]


@lru_cache(4096)
def statement(text: str) -> Statement:
    """Convert named placeholders to PostgreSQL's numbered ones."""
    names = tuple(dict.fromkeys(_PLACEHOLDER.findall(text)))
    numbered = _PLACEHOLDER.sub(lambda match: f"${names.index(match[1]) + 1}", text)
    return Statement(numbered.replace("%%", "%").encode(), names)


class UnreadableError(Exception):
    """The driver cannot load a row that the database sent."""


class PipelineResult:
    """The rows of a statement, not yet loaded. Loading many rows is slow, and can fail."""

    def __init__(self, result: PGresult, transformer: abc.Transformer) -> None:
        self._result = result
        self._transformer = transformer
        self.size = result.ntuples

    def rows(self) -> list[DictRow]:
        """Load all rows.

        Raises:
            UnreadableError: if a row cannot be loaded, such as a date after the year 9999.
        """
        result, load = self._result, self._transformer.load_rows
        try:
            self._transformer.set_pgresult(result)
            names = [(result.fname(n) or b"").decode() for n in range(result.nfields)]
            rows: list[DictRow] = []
            # in slices: each call holds the interpreter lock until it returns
            for first in range(0, self.size, _SLICE):
                last = min(first + _SLICE, self.size)
                rows += load(first, last, lambda values: dict(zip(names, values, strict=True)))
        except Exception as error:  # noqa: BLE001 - the driver raises errors of many kinds
            # without the error's text, which quotes the value
            raise UnreadableError(f"A row cannot be loaded: {type(error).__name__}.") from None
        return rows


class _Pending(Struct):
    """A statement that was sent and whose result is awaited."""

    future: "asyncio.Future[PipelineResult]"
    key: tuple[bytes, tuple[int, ...]]
    transformer: abc.Transformer
    name: bytes | None = None
    prepares: bool = False
    result: PGresult | None = None
    error: Exception | None = None


class PipelinedConnection:
    """Executes many statements at once over a connection that nothing else uses.

    A statement without a result in time, counted from the previous result, closes the connection.
    The server enforces its own timeouts, so a server that stays silent is frozen or unreachable.

    Attributes:
        closed: whether the connection was lost or closed.
    """

    closed: bool

    def __init__(self, conn: Connection, seconds: float, size: Callable[[], int]) -> None:
        self._conn = conn
        self._wire = conn.pgconn
        self._wire.nonblocking = 1
        self._wire.enter_pipeline_mode()
        self._loop = asyncio.get_running_loop()
        self._pending: deque[_Pending] = deque()
        self._prepared: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        self._numbers = count()
        self._size = size
        self._planned_at = size()
        self._flushing = self.closed = False
        self._seconds = seconds
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._socket = self._wire.socket
        self._loop.add_reader(self._socket, self._on_readable)

    @property
    def waiting(self) -> int:
        """How many statements have no result yet."""
        return len(self._pending)

    def execute(
        self, statement: Statement, params: Mapping[str, Any], *, prepared: bool = True
    ) -> "asyncio.Future[PipelineResult]":
        """Send a statement; the future resolves to its rows.

        Raises:
            psycopg.Error: if a parameter cannot be encoded, or the connection is lost.
        """
        transformer = Transformer(self._conn)
        values = [params[name] for name in statement.names]
        encoded = transformer.dump_sequence(values, [PyFormat.AUTO] * len(values))
        key = (statement.text, transformer.types or ())
        pending = _Pending(self._loop.create_future(), key, transformer)
        try:
            if self._outgrown() or len(self._prepared) >= _MAX_PREPARED:
                self._deallocate()
            self._send(pending, encoded, transformer.formats, prepared=prepared)
        except Exception as error:
            # the statement may be half sent: later results would belong to other statements
            self._fail_pending(error)
            raise
        return pending.future

    def close(self) -> None:
        """Close the connection; pending statements fail."""
        self._fail_pending(psycopg.OperationalError("the connection was closed"))

    def _send(
        self,
        pending: _Pending,
        encoded: Sequence[Any],
        formats: Sequence[pq.Format] | None,
        *,
        prepared: bool,
    ) -> None:
        text, types = pending.key
        name = self._prepared.get(pending.key) if prepared else None
        if prepared and name is None:
            name = self._prepared[pending.key] = b"q%d" % next(self._numbers)
            self._wire.send_prepare(name, text, types)
            pending.prepares = True
        if name is None:
            self._wire.send_query_params(text, encoded, types, formats, pq.Format.BINARY)
        else:
            pending.name = name
            self._wire.send_query_prepared(name, encoded, formats, pq.Format.BINARY)
        self._enqueue(pending)

    def _outgrown(self) -> bool:
        """Whether the plans were made for tables of half the size; a plan for a few rows scans."""
        return self._size() > 2 * max(self._planned_at, _SMALL)

    def _deallocate(self) -> None:
        self._planned_at = self._size()
        self._prepared.clear()
        ignored = self._loop.create_future()
        ignored.cancel()
        self._wire.send_query_params(b"deallocate all", None)
        self._enqueue(_Pending(ignored, (b"", ()), Transformer(self._conn)))

    def _enqueue(self, pending: _Pending) -> None:
        self._wire.pipeline_sync()
        if not self._pending:
            self._since = self._loop.time()
        self._pending.append(pending)
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._check_timeout)
        if not self._flushing:
            self._flushing = True
            # later in the loop: statements of the same moment are sent together
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self.closed:
            return
        try:
            unsent = self._wire.flush()
        except Exception as error:  # noqa: BLE001 - every pending statement must end
            self._fail_pending(error)
            return
        if unsent:
            self._loop.add_writer(self._socket, self._flush)
        else:
            self._loop.remove_writer(self._socket)

    def _on_readable(self) -> None:
        try:
            self._wire.consume_input()
            while self._pending and not self._wire.is_busy():
                result = self._wire.get_result()
                if result is not None:
                    self._on_result(result)
        except Exception as error:  # noqa: BLE001 - every pending statement must end
            self._fail_pending(error)

    def _check_timeout(self) -> None:
        self._timer = None
        if not self._pending:
            return
        remaining = self._since + self._seconds - self._loop.time()
        if remaining > 0:
            self._timer = self._loop.call_later(remaining, self._check_timeout)
        else:
            self._fail_pending(ResponseTimeoutError(f"no answer in {self._seconds:g} s"))

    def _on_result(self, result: PGresult) -> None:
        pending = self._pending[0]
        if result.status == pq.ExecStatus.TUPLES_OK:
            pending.result = result
        elif result.status == pq.ExecStatus.COMMAND_OK:
            pending.prepares = False
        elif result.status == pq.ExecStatus.FATAL_ERROR:
            pending.error = error_from_result(result)
        elif result.status == pq.ExecStatus.PIPELINE_SYNC:
            self._pending.popleft()
            self._since = self._loop.time()
            self._resolve(pending)

    def _resolve(self, pending: _Pending) -> None:
        unprepared = pending.prepares or isinstance(pending.error, PREPARE_ERRORS)
        if unprepared and self._prepared.get(pending.key) == pending.name:
            self._prepared.pop(pending.key, None)
        if pending.future.done():
            return
        if pending.error is not None or pending.result is None:
            pending.future.set_exception(
                pending.error or psycopg.InterfaceError("the statement returned no rows")
            )
        else:
            pending.future.set_result(PipelineResult(pending.result, pending.transformer))

    def _fail_pending(self, error: Exception) -> None:
        if not is_unavailable(error):
            error = psycopg.OperationalError("the connection was given up")
        if not self.closed:
            self.closed = True
            if self._timer is not None:
                self._timer.cancel()
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._wire.finish()
        while self._pending:
            future = self._pending.popleft().future
            if not future.done():
                future.set_exception(error)
