"""Reading one's writes: waiting until the read models of a book have come to a position."""

import asyncio
from collections import defaultdict
from contextlib import suppress

from service import notices, reads
from service.postgres import UNAVAILABLE, Pool
from service.problems import Problem

_POLL_SECONDS = 0.5
"""Behind a pooler no notice arrives; then a wait takes up to this longer."""


class Freshness:
    """Knows how far the read models have come, and lets requests wait for more."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._moved: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def run(self, url: str) -> None:
        """Hear the projectors until cancelled."""
        async for book in notices.heard(url, notices.PROJECTED):
            moved = self._moved.pop(book, None)
            if moved is not None:
                moved.set()

    async def reach(self, book: str, position: int, seconds: float) -> bool:
        """Wait until the read models reflect ``position``, at most so long; whether they do."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            # before we look, so that nothing falls between the look and the wait
            moved = self._moved[book]
            if await self._position(book) >= position:
                return True
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return False
            with suppress(TimeoutError):
                await asyncio.wait_for(moved.wait(), min(left, _POLL_SECONDS))

    async def _position(self, book: str) -> int:
        with suppress(Problem, *UNAVAILABLE):
            async with self._pool.connection() as conn:
                return await reads.position(conn, book)
        return -1
