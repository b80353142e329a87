"""The lines over which the quick questions are asked, and what a reader of the read models needs.

Behind a pooler there are no prepared statements and no pipelines: there, and for what may take
long, the pool's connections serve.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, LiteralString, NamedTuple, Protocol

import psycopg
from psycopg.rows import DictRow
from psycopg.sql import SQL, Composed

from service.database.connections import LISTS, Limits, UnansweredError, connect, pooled
from service.database.pipeline import UNPREPARED, Answer, Line, Statement, statement

_FEW = 200
"""So many rows are loaded at once; more of them beside the loop."""

LEAVING = (psycopg.errors.AdminShutdown, psycopg.errors.CrashShutdown)
"""What a server says before it ends a connection."""


class Found(Protocol):
    """The rows of a statement."""

    async def fetchall(self) -> list[DictRow]:
        """All of them."""

    async def fetchone(self) -> DictRow | None:
        """The next one."""


class Reading(Protocol):
    """What a question is asked of: a connection, or a ``Reader``."""

    async def execute(
        self,
        query: LiteralString | SQL | Composed,
        params: Mapping[str, Any] | None = None,
        *,
        prepare: bool | None = None,
        binary: bool = False,
    ) -> Found:
        """The rows of one statement."""


class Rows:
    """Rows that have come."""

    def __init__(self, rows: list[DictRow]) -> None:
        self._rows = rows

    async def fetchall(self) -> list[DictRow]:
        """All of them."""
        return self._rows

    async def fetchone(self) -> DictRow | None:
        """The first one."""
        return self._rows[0] if self._rows else None


class Use(NamedTuple):
    """How many statements were answered, and how long they were under way in all."""

    statements: int
    seconds: float


class Reader:
    """Some lines, opened when they are first needed and again when they are lost."""

    def __init__(self, url: str, limits: Limits = LISTS, lines: int = 3) -> None:
        self._url = url
        self._limits = limits
        self._most = lines
        self._lines: list[Line] = []
        self._opening: asyncio.Task[None] | None = None
        self._pooled = False
        self._use = Use(0, 0.0)

    def pop_use(self) -> "Use":
        """What was asked since the last time."""
        use, self._use = self._use, Use(0, 0.0)
        return use

    async def ready(self) -> bool:
        """Whether it can be asked; not behind a pooler.

        Raises:
            psycopg.OperationalError: if the database is away.
        """
        self._lines = [line for line in self._lines if not line.closed]
        if len(self._lines) < self._most and self._opening is None and not self._pooled:
            # the others are opened meanwhile, one after the other
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(self._opened)
        if not self._lines and self._opening is not None:
            await asyncio.shield(self._opening)
        return not self._pooled

    async def execute(
        self,
        query: LiteralString | SQL | Composed,
        params: Mapping[str, Any] | None = None,
        *,
        prepare: bool | None = None,  # noqa: ARG002 - as a connection takes it
        binary: bool = False,  # noqa: ARG002
    ) -> Rows:
        """The rows of one statement, a transaction of its own.

        Raises:
            psycopg.Error: what the database says of it.
            UnansweredError: if it says nothing in time.
            UnreadableError: if a row cannot be loaded.
        """
        said = statement(query if isinstance(query, str) else query.as_string())
        began = time.perf_counter()
        seconds = self._limits.answer
        try:
            async with asyncio.timeout(seconds):
                answer = await self._answer(said, params or {})
        except TimeoutError:
            raise UnansweredError(f"no answer in {seconds:g} s") from None
        self._use = Use(self._use.statements + 1, self._use.seconds + time.perf_counter() - began)
        if answer.size > _FEW:
            return Rows(await asyncio.to_thread(answer.rows))
        return Rows(answer.rows())

    async def _answer(self, said: Statement, params: Mapping[str, Any]) -> Answer:
        line = self._line()
        try:
            return await line.ask(said, params)
        except psycopg.Error as error:
            # a line may have been lost long ago: only now it is noticed
            if not line.closed and not isinstance(error, (*LEAVING, *UNPREPARED)):
                raise
            prepared = not isinstance(error, UNPREPARED)
        await self.ready()
        return await self._line().ask(said, params, prepared=prepared)

    def _line(self) -> Line:
        if not self._lines:
            raise psycopg.OperationalError("no connection is open")
        return min(self._lines, key=_waiting)

    def close(self) -> None:
        """Close all lines."""
        if self._opening is not None:
            self._opening.cancel()
        for line in self._lines:
            line.close()

    def _opened(self, opening: asyncio.Task[None]) -> None:
        self._opening = None
        if not opening.cancelled():
            # whoever waits is told; nobody may wait
            opening.exception()

    async def _open(self) -> None:
        conn = await connect(self._url, self._limits)
        if pooled(conn):
            self._pooled = True
            await conn.close()
        else:
            self._lines.append(Line(conn, self._limits.answer))


def _waiting(line: Line) -> int:
    return line.waiting
