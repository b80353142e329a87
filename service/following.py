"""Following a book live: woken by what is appended, one projector a book among all processes."""

import asyncio
import time
from contextlib import suppress

import structlog

from service.lease import Lease, LeaseTakenError
from service.postgres import PROJECTOR, UNAVAILABLE, Connection, answering, connect, is_away
from service.projector import advance

_POLL_SECONDS = 0.5
_RETRY_SECONDS = 1.0
_LEASE_SECONDS = 3.0
_BEAT_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class Projector:
    """Follows one book, while it holds the lease on it.

    The lease keeps the other processes from waiting in a queue for each batch; that no two ever
    write the same rows is the checkpoint's doing.
    """

    def __init__(self, url: str, book: str) -> None:
        self._url = url
        self._book = book
        self._wake = asyncio.Event()
        self._lease = Lease(f"projector of {book}", _LEASE_SECONDS)
        self._kept = float("-inf")

    def wake(self) -> None:
        """Say that there is something to project."""
        self._wake.set()

    async def run(self) -> None:
        """Project until cancelled; a lost database is tried again."""
        while True:
            try:
                await self._follow()
            except Exception as error:  # noqa: BLE001 - logged, and tried again
                if is_away(error):
                    _log.warning("projector waits", book=self._book, error=type(error).__name__)
                else:
                    _log.exception("projector failed", book=self._book)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _follow(self) -> None:
        async with await connect(self._url, PROJECTOR) as conn:
            try:
                while True:
                    self._wake.clear()
                    while await self._advance(conn):
                        pass
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), _POLL_SECONDS)
            finally:
                with suppress(*UNAVAILABLE):
                    await self._lease.give_up(conn)

    async def _advance(self, conn: Connection) -> bool:
        async with answering(conn, PROJECTOR.answer):
            return await self._holds(conn) and await advance(conn, self._book)

    async def _holds(self, conn: Connection) -> bool:
        if time.monotonic() - self._kept < _BEAT_SECONDS:
            return True
        try:
            await self._lease.keep(conn)
        except LeaseTakenError:
            return False
        self._kept = time.monotonic()
        return True
