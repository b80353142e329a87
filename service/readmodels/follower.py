"""Following a book live: one projector for each book, among all processes."""

import asyncio
import ctypes
import time
from contextlib import suppress
from functools import partial

import psycopg
import structlog

from projections.projection import VERSION
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
_TRIM_SECONDS = 60.0

_log = structlog.get_logger(__name__)


def lease_name(book: str) -> str:
    """The name of the lease that the projector of a book holds.

    Each version of the read models has tables of its own, and a lease of its own: in a rolling
    upgrade the old projector and the new one follow the book at the same time.
    """
    return f"projector of {book}, version {VERSION}"


async def is_followed(conn: Connection, book: str) -> bool:
    """Whether a projector, on any host, follows a book now."""
    cursor = await conn.execute(statements.text("readmodels/followed"), {"name": lease_name(book)})
    row = await cursor.fetchone()
    return bool(row and row["held"])


class Projector:
    """Projects the events of one book while it holds the book's lease.

    The lease only saves other processes from queueing for each batch. The lock on the checkpoint
    is what keeps two of them from writing the same rows.
    """

    def __init__(self, url: str, book: str) -> None:
        self._url = url
        self._book = book
        self._wake = asyncio.Event()
        self._lease = Lease(lease_name(book), _LEASE_SECONDS)
        self._kept = float("-inf")
        self._clock_due = float("-inf")
        self._trim_due = float("-inf")
        self._throttle = Throttle()

    def wake(self) -> None:
        """Look for new events now, instead of at the next poll."""
        self._wake.set()

    async def run(self) -> None:
        """Project until cancelled; while the history is lost, log that and project nothing.

        Raises:
            psycopg.Error: when the connection is lost.
        """
        async with await connect(self._url, PROJECTOR) as conn:
            untrimmed = True
            try:
                while True:
                    self._wake.clear()
                    while await self._advance(conn):
                        untrimmed = True
                    if untrimmed and time.monotonic() >= self._trim_due:
                        untrimmed = False
                        self._trim_due = time.monotonic() + _TRIM_SECONDS
                        _trim_memory()
                    async with response_deadline(conn, PROJECTOR.answer):
                        await self._watch_clock(conn)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_POLL_SECONDS):
                            await self._wake.wait()
            finally:
                self._kept = float("-inf")
                with suppress(psycopg.Error):
                    await self._lease.release(conn)

    async def _advance(self, conn: Connection) -> bool:
        """Project the next events, unless a restore replaced the history."""
        try:
            async with response_deadline(conn, PROJECTOR.answer):
                return await self._holds(conn) and await advance(conn, self._book)
        except HistoryLostError as error:
            log = partial(_log.error, "history lost", book=self._book, reason=str(error))
            self._throttle.log("history lost", log)
            return False

    async def _watch_clock(self, conn: Connection) -> None:
        """Warn, at long intervals, if the last event lies in the future: a clock was ahead.

        Times in a book never fall: every later event gets that time too, until it has passed.
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


def _trim_memory() -> None:
    """Return freed memory to the system.

    Otherwise glibc keeps what a backlog or a build needed at its peak. Other libraries have no
    such function.
    """
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
