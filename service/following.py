"""Following a book live: woken by what is appended, one projector a book among all processes."""

import asyncio
import time
from contextlib import suppress

import psycopg

from service.lease import Lease, LeaseTakenError
from service.postgres import Connection, connect
from service.projector import advance

_POLL_SECONDS = 0.5
_LEASE_SECONDS = 3.0
_BEAT_SECONDS = 1.0


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

    def wake(self) -> None:
        """Say that there is something to project."""
        self._wake.set()

    async def run(self) -> None:
        """Project until cancelled.

        Raises:
            psycopg.Error: when the connection is lost.
        """
        async with await connect(self._url) as conn:
            try:
                while True:
                    self._wake.clear()
                    while await self._holds(conn) and await advance(conn, self._book):
                        pass
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), _POLL_SECONDS)
            finally:
                self._kept = float("-inf")
                with suppress(psycopg.Error):
                    await self._lease.give_up(conn)

    async def _holds(self, conn: Connection) -> bool:
        if time.monotonic() - self._kept < _BEAT_SECONDS:
            return True
        try:
            await self._lease.keep(conn)
        except LeaseTakenError:
            return False
        self._kept = time.monotonic()
        return True
