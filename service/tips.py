"""How far the read models have come, for those who wait for more.

One look at the database serves all who wait in this process: a waiter costs neither a query nor a
connection.
"""

import asyncio
from contextlib import suppress

from service import notices, reads
from service.postgres import ACCESS, UNAVAILABLE, Pool, borrowed

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

    def close(self) -> None:
        """Let everybody go; may be called by a signal's handler."""
        self.closed = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._tell)

    async def run(self, url: str, pool: Pool) -> None:
        """Watch until cancelled; while the database is away, nothing moves."""
        self._loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear(url))
            tasks.create_task(self._look(pool))

    async def _hear(self, url: str) -> None:
        async for book, position in notices.heard(url, notices.PROJECTED):
            # it has committed: no need to look
            if position > self._positions.get(book, 0):
                self._positions[book] = position
                self._tell()

    async def _look(self, pool: Pool) -> None:
        while True:
            self._hint.clear()
            if self._waiting:
                with suppress(*UNAVAILABLE):
                    await self._ask(pool)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hint.wait(), _POLL_SECONDS)

    async def _ask(self, pool: Pool) -> None:
        async with borrowed(pool, ACCESS) as conn:
            found = {row["book"]: row["position"] or 0 for row in await reads.checkpoints(conn)}
        if found != self._positions:
            self._positions = found
            self._tell()

    def _tell(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
