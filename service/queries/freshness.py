"""How far the read models have come, for those who wait for more.

One look at the database serves all who wait in this process: a waiter costs neither a query nor a
connection.
"""

import asyncio
from collections.abc import Container
from contextlib import suppress

from service.database import notifications
from service.database.connections import ACCESS, Pool, pool_connection
from service.queries import resources

_POLL_SECONDS = 1.0
_TURNS = 2


class Tips:
    """The position that the read models of each book reflect, and a way to wait for a later one.

    ``closed`` says that the service is ending: whoever waits is let go, and should end too.
    ``turns`` is taken to read what has come: all who were let go at once leave connections to
    others.
    """

    def __init__(self) -> None:
        self.closed = False
        self.turns = asyncio.Semaphore(_TURNS)
        self._positions: dict[str, int] = {}
        self._waiting = 0
        self._hint = asyncio.Event()
        self._moved = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def beyond(self, book: str, position: int) -> None:
        """Wait until the read models have come further than ``position``, or all is ending."""
        self._waiting += 1
        self._hint.set()
        try:
            while not self.closed and self._positions.get(book, 0) <= position:
                await self._moved.wait()
        finally:
            self._waiting -= 1

    def seen(self, book: str) -> int:
        """The position that the read models were last known to reflect."""
        return self._positions.get(book, 0)

    def correct(self, book: str, seen: int, found: int) -> None:
        """Take back what was ``seen`` before the database was asked, if it ``found`` less.

        A position falls only by a restore of the database. Not taken back, it would let everybody
        go at once, again and again.
        """
        if found < seen == self.seen(book):
            self._positions[book] = found

    def close(self) -> None:
        """Let everybody go; may be called by a signal's handler."""
        self.closed = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._tell)

    async def listen(self, url: str, books: Container[str]) -> None:
        """Take over what notices say of these books, until cancelled."""
        async for book, position in notifications.listen(url, notifications.PROJECTED):
            # it has committed: no need to look
            if book in books and position > self._positions.get(book, 0):
                self._positions[book] = position
                self._tell()

    async def poll(self, pool: Pool) -> None:
        """Look at the database while somebody waits, until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._hint.clear()
            if self._waiting:
                await self._ask(pool)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hint.wait(), _POLL_SECONDS)

    async def _ask(self, pool: Pool) -> None:
        async with pool_connection(pool, ACCESS) as conn:
            found = {row["book"]: row["position"] or 0 for row in await resources.checkpoints(conn)}
        if found != self._positions:
            self._positions = found
            self._tell()

    def _tell(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
