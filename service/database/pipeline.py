"""One connection over which many questions are under way at once.

Each is one statement, prepared once and sent without waiting for the answers to those before it
(PostgreSQL's pipeline mode), so that those which come together travel together. The driver's
connections answer one after the other, and what they add to a statement costs more than nearly all
questions here take to be answered. Each statement is a transaction of its own: one that fails
leaves the others alone.
"""

import asyncio
import re
from collections import deque
from collections.abc import Mapping, Sequence
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

from service.database.connections import Connection, UnansweredError, is_away

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_MOST_PREPARED = 500
_FRESH_SECONDS = 10.0
_SLICE = 200

UNPREPARED = (psycopg.errors.InvalidSqlStatementName, psycopg.errors.FeatureNotSupported)
"""The question before could not prepare the statement, or what it gives has changed: asked again
unprepared, the same question is answered, or told what is wrong with it."""


class Statement(Struct, frozen=True):
    """A statement with numbered placeholders, and the names of what goes into them."""

    text: bytes
    names: tuple[str, ...]


@lru_cache(4096)
def statement(text: str) -> Statement:
    """A statement with named placeholders as the wire wants it."""
    names = tuple(dict.fromkeys(_PLACEHOLDER.findall(text)))
    numbered = _PLACEHOLDER.sub(lambda found: f"${names.index(found[1]) + 1}", text)
    return Statement(numbered.replace("%%", "%").encode(), names)


class UnreadableError(Exception):
    """The driver cannot load a row that the database sent."""


class Answer:
    """The rows of a statement as they came. Loading many of them takes its time, and can fail."""

    def __init__(self, result: PGresult, transformer: abc.Transformer) -> None:
        self._result = result
        self._transformer = transformer
        self.size = result.ntuples

    def rows(self) -> list[DictRow]:
        """All rows.

        Raises:
            UnreadableError: if one of them cannot be loaded, such as a date after the year 9999.
        """
        result, load = self._result, self._transformer.load_rows
        try:
            self._transformer.set_pgresult(result)
            names = [(result.fname(n) or b"").decode() for n in range(result.nfields)]
            rows: list[DictRow] = []
            # in slices: loading one of them holds the interpreter
            for first in range(0, self.size, _SLICE):
                last = min(first + _SLICE, self.size)
                rows += load(first, last, lambda values: dict(zip(names, values, strict=True)))
        except Exception as error:  # noqa: BLE001 - of the driver, whatever it is
            # without its text, which quotes the value
            raise UnreadableError(f"A row cannot be loaded: {type(error).__name__}.") from None
        return rows


class _Asked(Struct):
    answer: "asyncio.Future[Answer]"
    key: tuple[bytes, tuple[int, ...]]
    transformer: abc.Transformer
    name: bytes | None = None
    prepares: bool = False
    result: PGresult | None = None
    error: Exception | None = None


class Line:
    """A connection that was opened for this alone.

    A statement that is not answered in time, counted from the answer before it, ends the line: the
    server cuts its statements off itself, so one that does not is frozen, or cannot be reached.

    Attributes:
        closed: whether it was lost or closed.
    """

    closed: bool

    def __init__(self, conn: Connection, seconds: float) -> None:
        self._conn = conn
        self._wire = conn.pgconn
        self._wire.nonblocking = 1
        self._wire.enter_pipeline_mode()
        self._loop = asyncio.get_running_loop()
        self._asked: deque[_Asked] = deque()
        self._prepared: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        self._numbers = count()
        self._fresh_until = self._loop.time() + _FRESH_SECONDS
        self._leaving = self.closed = False
        self._seconds = seconds
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._socket = self._wire.socket
        self._loop.add_reader(self._socket, self._receive)

    @property
    def waiting(self) -> int:
        """How many questions have no answer yet."""
        return len(self._asked)

    def ask(
        self, said: Statement, params: Mapping[str, Any], *, prepared: bool = True
    ) -> "asyncio.Future[Answer]":
        """Send a statement; its rows come.

        Raises:
            psycopg.Error: if a parameter cannot be sent, or the connection is lost.
        """
        transformer = Transformer(self._conn)
        values = [params[name] for name in said.names]
        dumped = transformer.dump_sequence(values, [PyFormat.AUTO] * len(values))
        key = (said.text, transformer.types or ())
        asked = _Asked(self._loop.create_future(), key, transformer)
        try:
            if self._loop.time() > self._fresh_until:
                self._forget()
            self._send(asked, dumped, transformer.formats, prepared=prepared)
        except Exception as error:
            # half a question may have been sent: the answers would no longer fit
            self._lose(error)
            raise
        return asked.answer

    def close(self) -> None:
        """Give up what is under way."""
        self._lose(psycopg.OperationalError("the connection was closed"))

    def _send(
        self,
        asked: _Asked,
        dumped: Sequence[Any],
        formats: Sequence[pq.Format] | None,
        *,
        prepared: bool,
    ) -> None:
        text, types = asked.key
        name = self._prepared.get(asked.key) if prepared else None
        if prepared and name is None and len(self._prepared) < _MOST_PREPARED:
            name = self._prepared[asked.key] = b"q%d" % next(self._numbers)
            self._wire.send_prepare(name, text, types)
            asked.prepares = True
        if name is None:
            self._wire.send_query_params(text, dumped, types, formats, pq.Format.BINARY)
        else:
            asked.name = name
            self._wire.send_query_prepared(name, dumped, formats, pq.Format.BINARY)
        self._leave(asked)

    def _forget(self) -> None:
        # a plan that was made while a table was small would be kept while it grows
        self._fresh_until = self._loop.time() + _FRESH_SECONDS
        self._prepared.clear()
        nobody = self._loop.create_future()
        nobody.cancel()
        self._wire.send_query_params(b"deallocate all", None)
        self._leave(_Asked(nobody, (b"", ()), Transformer(self._conn)))

    def _leave(self, asked: _Asked) -> None:
        self._wire.pipeline_sync()
        if not self._asked:
            self._since = self._loop.time()
        self._asked.append(asked)
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._check)
        if not self._leaving:
            self._leaving = True
            # what is asked in the same moment leaves together
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._leaving = False
        if self.closed:
            return
        try:
            left = self._wire.flush()
        except Exception as error:  # noqa: BLE001 - whatever it is, every question is answered
            self._lose(error)
            return
        if left:
            self._loop.add_writer(self._socket, self._flush)
        else:
            self._loop.remove_writer(self._socket)

    def _receive(self) -> None:
        try:
            self._wire.consume_input()
            while self._asked and not self._wire.is_busy():
                result = self._wire.get_result()
                if result is not None:
                    self._take(result)
        except Exception as error:  # noqa: BLE001 - whatever it is, every question is answered
            self._lose(error)

    def _check(self) -> None:
        self._timer = None
        if not self._asked:
            return
        left = self._since + self._seconds - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._check)
        else:
            self._lose(UnansweredError(f"no answer in {self._seconds:g} s"))

    def _take(self, result: PGresult) -> None:
        asked = self._asked[0]
        if result.status == pq.ExecStatus.TUPLES_OK:
            asked.result = result
        elif result.status == pq.ExecStatus.COMMAND_OK:
            asked.prepares = False
        elif result.status == pq.ExecStatus.FATAL_ERROR:
            asked.error = error_from_result(result)
        elif result.status == pq.ExecStatus.PIPELINE_SYNC:
            self._asked.popleft()
            self._since = self._loop.time()
            self._answer(asked)

    def _answer(self, asked: _Asked) -> None:
        unprepared = asked.prepares or isinstance(asked.error, UNPREPARED)
        if unprepared and self._prepared.get(asked.key) == asked.name:
            self._prepared.pop(asked.key, None)
        if asked.answer.done():
            return
        if asked.error is not None or asked.result is None:
            asked.answer.set_exception(asked.error or psycopg.InterfaceError("no rows came"))
        else:
            asked.answer.set_result(Answer(asked.result, asked.transformer))

    def _lose(self, error: Exception) -> None:
        lost = error if is_away(error) else psycopg.OperationalError("the connection was given up")
        if not self.closed:
            self.closed = True
            if self._timer is not None:
                self._timer.cancel()
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._wire.finish()
        while self._asked:
            answer = self._asked.popleft().answer
            if not answer.done():
                answer.set_exception(lost)
