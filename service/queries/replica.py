"""Questions that a standby answers in place of the primary.

A standby replays the primary's transactions in their order, so its checkpoint says what its rows
reflect: a question that needs a position is asked there once the standby has it, and else at the
primary. ``LISTEN`` does not work on a standby, so its checkpoints are polled.

A standby that fails costs no answer: the question is asked at the primary, and so is every other
one until a poll succeeds again. Nor is one asked whose replay stands still: its "yes" could be of
any age. What it shows is at most ten seconds older than what the primary shows.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any, LiteralString

import psycopg
import structlog
from psycopg.sql import SQL, Composed

from service.database.connections import (
    ACCESS,
    LISTS,
    QUESTIONS,
    UNAVAILABLE,
    Connection,
    Pool,
    is_unavailable,
    pool,
    pool_connection,
)
from service.database.reader import Lane, Queryable, ResultSet
from service.queries import resources
from service.telemetry.throttle import Throttle

_POLL_SECONDS = 1.0
_WAIT_SECONDS = 1.0
# together, and with a pause of two polls, these are the ten seconds
_VALID_SECONDS = 3.0  # for so long a poll's result is relied on
_BEHIND_SECONDS = 5.0  # what the primary showed before that, the standby must show

_log = structlog.get_logger(__name__)


class NotAStandbyError(Exception):
    """The server follows no other one: it was promoted, or is of another history."""


class TooFarBehindError(Exception):
    """The server lacks what the primary showed seconds ago."""


class Replica:
    """A standby: its connections, and how far its read models have come.

    Attributes:
        up: whether the last poll succeeded, found it near the primary, and no question has failed
            since.
        positions: what the read models of each book reflected then.
    """

    def __init__(self, url: str, questions: Pool, probes: Pool) -> None:
        self.up = False
        self.positions: dict[str, int] = {}
        self._polled = float("-inf")
        self._primary: deque[tuple[float, dict[str, int]]] = deque()
        self._primary_known = asyncio.Event()
        self._questions = questions
        self._access = Lane(url, ACCESS, 2, probes, self._events)
        self._lists = Lane(url, LISTS, 3, questions, self._events)
        self._throttle = Throttle()

    def has(self, book: str, position: int) -> bool:
        """Whether it can be asked, and reflects a position of a book."""
        known = self.up and time.monotonic() - self._polled < _VALID_SECONDS
        return known and book in self.positions and self.positions[book] >= position

    def _events(self) -> int:
        return sum(self.positions.values())

    async def poll(self, primary: Pool) -> None:
        """Poll its checkpoints, and those of the primary, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._poll_primary(primary))
            tasks.create_task(self._poll())

    async def _poll(self) -> None:
        await self._primary_known.wait()
        while True:
            asked = time.monotonic()
            try:
                async with pool_connection(self._access.pool, ACCESS, _WAIT_SECONDS) as conn:
                    await _require_standby(conn)
                    self.positions = await _positions(conn)
                self._require_near()
            except Exception as error:  # noqa: BLE001 - the primary answers meanwhile
                self._lose(error)
            else:
                self._polled = asked
                self.up = True
            await asyncio.sleep(_POLL_SECONDS)

    async def _poll_primary(self, primary: Pool) -> None:
        """Remember what the primary shows; while it is away, nothing new can be shown."""
        while True:
            asked = time.monotonic()
            with suppress(*UNAVAILABLE):
                async with pool_connection(primary, ACCESS, _WAIT_SECONDS) as conn:
                    self._primary.append((asked, await _positions(conn)))
                    self._primary_known.set()
            while len(self._primary) > 1 and self._primary[1][0] < asked - _BEHIND_SECONDS:
                self._primary.popleft()
            await asyncio.sleep(_POLL_SECONDS)

    def _require_near(self) -> None:
        for book, position in self._primary[0][1].items():
            lacks = position - self.positions.get(book, 0)
            if lacks > 0:
                raise TooFarBehindError(f"it lags: book {book!r} lacks {lacks} events there")

    @asynccontextmanager
    async def connection(self, primary: Lane, *, login: bool) -> AsyncIterator[Queryable]:
        """A connection for short statements, each of which falls back to the primary's lane."""
        lane = self._access if login else self._lists
        async with AsyncExitStack() as stack:
            try:
                own = await stack.enter_async_context(lane.connection())
            except UNAVAILABLE as error:
                self._lose(error)
                yield await stack.enter_async_context(primary.connection())
                return
            yield _FallingBack(own, primary, self._lose)

    @asynccontextmanager
    async def pooled(self, primary: Pool) -> AsyncIterator[Connection]:
        """A connection for a long question; one of the primary's if none can be had here."""
        async with AsyncExitStack() as stack:
            try:
                own = pool_connection(self._questions, QUESTIONS, _WAIT_SECONDS)
                conn = await stack.enter_async_context(own)
            except UNAVAILABLE as error:
                self._lose(error)
                conn = await stack.enter_async_context(pool_connection(primary, QUESTIONS))
            try:
                yield conn
            except psycopg.Error as error:
                if _fails(error):
                    # a list is read again at the primary; another question ends with 503
                    self._lose(error)
                raise

    def close(self) -> None:
        """Close the pipelined connections."""
        self._access.reader.close()
        self._lists.reader.close()

    def _lose(self, error: Exception) -> None:
        self.up = False
        reason = " ".join(str(error).split())
        log = partial(_log.warning, "replica unavailable; asking the primary", reason=reason)
        self._throttle.log(type(error).__name__, log)


class _FallingBack:
    """A connection to the standby, whose statements are executed at the primary where it fails."""

    def __init__(self, own: Queryable, primary: Lane, lose: Any) -> None:  # noqa: ANN401
        self._own = own
        self._primary = primary
        self._lose = lose
        self._lost = False

    async def execute(
        self,
        query: LiteralString | SQL | Composed,
        params: Mapping[str, Any] | None = None,
        *,
        prepare: bool | None = None,
        binary: bool = False,
    ) -> ResultSet:
        """Execute one statement, in a transaction of its own."""
        if not self._lost:
            try:
                return await self._own.execute(query, params, prepare=prepare, binary=binary)
            except psycopg.Error as error:
                if not _fails(error):
                    raise
                self._lost = True
                self._lose(error)
        async with self._primary.connection() as conn:
            return await conn.execute(query, params, prepare=prepare, binary=binary)


async def _require_standby(conn: Connection) -> None:
    if not await resources.is_standby(conn):
        raise NotAStandbyError("the server at replica_url is not a standby")


async def _positions(conn: Connection) -> dict[str, int]:
    return {row["book"]: row["position"] or 0 for row in await resources.checkpoints(conn)}


def _fails(error: psycopg.Error) -> bool:
    """Whether an error is the standby's own: it is away, or replay has cancelled the statement."""
    if isinstance(error, psycopg.errors.QueryCanceled):
        # a slow statement would be as slow at the primary
        return False
    return is_unavailable(error) or isinstance(error, psycopg.errors.SerializationFailure)


@asynccontextmanager
async def replica_of(url: str | None) -> AsyncIterator[Replica | None]:
    """The standby at a URL; None without one."""
    if url is None:
        yield None
        return
    async with pool(url, QUESTIONS) as questions, pool(url, ACCESS, 2, least=0) as probes:
        replica = Replica(url, questions, probes)
        try:
            yield replica
        finally:
            replica.close()
