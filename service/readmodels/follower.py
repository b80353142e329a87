"""Following a book live: woken by what is appended, one projector a book among all processes."""

import asyncio
import time
from contextlib import suppress
from functools import partial

import psycopg
import structlog

from service.database import statements
from service.database.connections import PROJECTOR, Connection, connect, response_deadline
from service.database.lease import Lease, LeaseTakenError
from service.readmodels.errors import HistoryLostError
from service.readmodels.projector import advance
from service.telemetry.throttle import Throttle

_POLL_SECONDS = 0.5
_LEASE_SECONDS = 3.0
_BEAT_SECONDS = 1.0
_CLOCK_SECONDS = 5.0
_AHEAD_SECONDS = 1.0
_WARNED_SECONDS = 600.0

_log = structlog.get_logger(__name__)


def lease_name(book: str) -> str:
    """The name of the lease of a book's projector."""
    return f"projector of {book}"


class Projector:
    """Follows one book, while it holds the lease on it.

    The lease keeps the other processes from waiting in a queue for each batch; that no two ever
    write the same rows is the checkpoint's doing.
    """

    def __init__(self, url: str, book: str) -> None:
        self._url = url
        self._book = book
        self._wake = asyncio.Event()
        self._lease = Lease(lease_name(book), _LEASE_SECONDS)
        self._kept = float("-inf")
        self._clock_due = float("-inf")
        self._throttle = Throttle()

    def wake(self) -> None:
        """Say that there is something to project."""
        self._wake.set()

    async def run(self) -> None:
        """Project until cancelled; while its history is lost, say so and project nothing.

        Raises:
            psycopg.Error: when the connection is lost.
        """
        async with await connect(self._url, PROJECTOR) as conn:
            try:
                while True:
                    self._wake.clear()
                    while await self._advance(conn):
                        pass
                    async with response_deadline(conn, PROJECTOR.answer):
                        await self._watch_clock(conn)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), _POLL_SECONDS)
            finally:
                self._kept = float("-inf")
                with suppress(psycopg.Error):
                    await self._lease.release(conn)

    async def _advance(self, conn: Connection) -> bool:
        """Project the next events, unless a restore has made them those of another history."""
        try:
            async with response_deadline(conn, PROJECTOR.answer):
                return await self._holds(conn) and await advance(conn, self._book)
        except HistoryLostError as error:
            log = partial(_log.error, "history lost", book=self._book, reason=str(error))
            self._throttle.log("history lost", log)
            return False

    async def _watch_clock(self, conn: Connection) -> None:
        """Warn, seldom, of events whose time lies in the future: a clock was ahead once.

        Times in a book never fall, so every later event has that time too, until it has come.
        """
        if time.monotonic() < self._clock_due:
            return
        self._clock_due = time.monotonic() + _CLOCK_SECONDS
        found = await conn.execute(statements.text("readmodels/ahead"), {"book": self._book})
        row = await found.fetchone()
        if row is not None and row["seconds"] > _AHEAD_SECONDS:
            self._clock_due = time.monotonic() + _WARNED_SECONDS
            _log.warning("head ahead of clock", book=self._book, seconds=round(row["seconds"], 1))

    async def _holds(self, conn: Connection) -> bool:
        if time.monotonic() - self._kept < _BEAT_SECONDS:
            return True
        try:
            await self._lease.acquire(conn)
        except LeaseTakenError:
            return False
        self._kept = time.monotonic()
        return True
