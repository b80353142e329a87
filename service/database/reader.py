"""Reads the read models: over pipelined connections, or over a pool behind a pooler.

A pooler offers neither prepared statements nor pipelines. There, and for slow queries, connections
of the pool are used.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, LiteralString, NamedTuple, Protocol

import psycopg
from psycopg.rows import DictRow
from psycopg.sql import SQL, Composed

from service.database.connections import (
    LISTS,
    Limits,
    Pool,
    ResponseTimeoutError,
    behind_pooler,
    connect,
    pool_connection,
)
from service.database.pipeline import (
    PREPARE_ERRORS,
    PipelinedConnection,
    PipelineResult,
    Statement,
    statement,
)

_MAX_ROWS_IN_LOOP = 200
"""The most rows that are loaded in the event loop; more are loaded in a thread."""

SHUTDOWN_ERRORS = (psycopg.errors.AdminShutdown, psycopg.errors.CrashShutdown)
"""Errors that a server sends before it closes a connection."""


class ResultSet(Protocol):
    """The rows of a statement."""

    async def fetchall(self) -> list[DictRow]:
        """All rows."""

    async def fetchone(self) -> DictRow | None:
        """The next row; None after the last."""


class Queryable(Protocol):
    """Anything that executes a query: a connection, or a ``Reader``."""

    async def execute(
        self,
        query: LiteralString | SQL | Composed,
        params: Mapping[str, Any] | None = None,
        *,
        prepare: bool | None = None,
        binary: bool = False,
    ) -> ResultSet:
        """Execute one statement and return its rows."""


class FetchedRows:
    """Rows that are in memory."""

    def __init__(self, rows: list[DictRow]) -> None:
        self._rows = rows

    async def fetchall(self) -> list[DictRow]:
        """All rows."""
        return self._rows

    async def fetchone(self) -> DictRow | None:
        """The first row, if any."""
        return self._rows[0] if self._rows else None


class PipelineUse(NamedTuple):
    """How many statements were executed, and the sum of their durations."""

    statements: int
    seconds: float


class Reader:
    """A few pipelined connections, opened when first needed and reopened when lost.

    Statements are planned again when the ``size`` of what they read has doubled.
    """

    def __init__(
        self,
        url: str,
        limits: Limits = LISTS,
        connections: int = 3,
        size: Callable[[], int] = lambda: 0,
    ) -> None:
        self._url, self._size = url, size
        self._limits = limits
        self._max_connections = connections
        self._connections: list[PipelinedConnection] = []
        self._opening: asyncio.Task[None] | None = None
        self._behind_pooler = False
        self._use = PipelineUse(0, 0.0)

    def pop_use(self) -> PipelineUse:
        """The use since the last call."""
        use, self._use = self._use, PipelineUse(0, 0.0)
        return use

    async def ready(self) -> bool:
        """Open a connection if none is open; False behind a pooler, where pipelines do not work.

        Raises:
            psycopg.OperationalError: if the database is unavailable.
        """
        self._connections = [conn for conn in self._connections if not conn.closed]
        missing = len(self._connections) < self._max_connections
        if missing and self._opening is None and not self._behind_pooler:
            # one per call: the open ones serve meanwhile
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(self._opened)
        if not self._connections and self._opening is not None:
            await asyncio.shield(self._opening)
        return not self._behind_pooler

    async def execute(
        self,
        query: LiteralString | SQL | Composed,
        params: Mapping[str, Any] | None = None,
        *,
        prepare: bool | None = None,  # noqa: ARG002 - the signature of a connection
        binary: bool = False,  # noqa: ARG002
    ) -> FetchedRows:
        """Execute one statement in a transaction of its own.

        Raises:
            psycopg.Error: the error of the database.
            ResponseTimeoutError: if the database does not answer in time.
            UnreadableError: if a row cannot be loaded.
        """
        prepared = statement(query if isinstance(query, str) else query.as_string())
        began = time.perf_counter()
        seconds = self._limits.answer
        try:
            async with asyncio.timeout(seconds):
                result = await self._execute(prepared, params or {})
        except TimeoutError:
            raise ResponseTimeoutError(f"no answer in {seconds:g} s") from None
        duration = time.perf_counter() - began
        self._use = PipelineUse(self._use.statements + 1, self._use.seconds + duration)
        if result.size > _MAX_ROWS_IN_LOOP:
            return FetchedRows(await asyncio.to_thread(result.rows))
        return FetchedRows(result.rows())

    async def _execute(self, query: Statement, params: Mapping[str, Any]) -> PipelineResult:
        conn = self._least_busy()
        try:
            return await conn.execute(query, params)
        except psycopg.Error as error:
            # a connection may have been lost long ago: only its next use reveals it
            if not conn.closed and not isinstance(error, (*SHUTDOWN_ERRORS, *PREPARE_ERRORS)):
                raise
            prepared = not isinstance(error, PREPARE_ERRORS)
        await self.ready()
        return await self._least_busy().execute(query, params, prepared=prepared)

    def _least_busy(self) -> PipelinedConnection:
        if not self._connections:
            raise psycopg.OperationalError("no connection is open")
        return min(self._connections, key=_waiting)

    def close(self) -> None:
        """Close all connections."""
        if self._opening is not None:
            self._opening.cancel()
        for conn in self._connections:
            conn.close()

    def _opened(self, opening: asyncio.Task[None]) -> None:
        self._opening = None
        if not opening.cancelled():
            # mark the error as retrieved: a caller may or may not be waiting for it
            opening.exception()

    async def _open(self) -> None:
        conn = await connect(self._url, self._limits)
        if behind_pooler(conn):
            self._behind_pooler = True
            await conn.close()
        else:
            self._connections.append(PipelinedConnection(conn, self._limits.answer, self._size))


def _waiting(conn: PipelinedConnection) -> int:
    return conn.waiting


class Lane:
    """Connections for one kind of query, so that it never waits for queries of another kind.

    A ``Reader``, and the pool that replaces it behind a pooler.
    """

    def __init__(
        self, url: str, limits: Limits, connections: int, pool: Pool, size: Callable[[], int]
    ) -> None:
        self.limits = limits
        self.pool = pool
        self.reader = Reader(url, limits, connections, size)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Queryable]:
        """The reader, or a connection of the pool.

        Raises:
            psycopg.OperationalError: if the database is unavailable.
        """
        if await self.reader.ready():
            yield self.reader
            return
        async with pool_connection(self.pool, self.limits) as conn:
            yield conn
