"""Wake-ups between processes: a hint by ``NOTIFY``, never a promise.

Whoever waits for one polls as well: behind a pooler in transaction mode none arrives.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import structlog
from psycopg.sql import Identifier

from service import sql
from service.postgres import NOTICES, UNAVAILABLE, Connection, answering, connect, pooled

APPENDED = "daybook_appended"
"""A book has grown."""

PROJECTED = "daybook_projected"
"""The read models of a book have come further."""

_PAUSE_SECONDS = 0.01
_RETRY_SECONDS = 1.0

_log = structlog.get_logger(__name__)


async def notify(conn: Connection, channel: str, book: str, position: int) -> None:
    """Tell the other processes how far a book has come; inside a transaction, when it commits."""
    payload = f"{position} {book}"
    await conn.execute(sql.text("store/notify"), {"channel": channel, "payload": payload})


class Notifier:
    """Tells the other processes what the writers of this one appended, beside their commits."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._books: dict[str, int] = {}
        self._wake = asyncio.Event()

    def say(self, book: str, position: int) -> None:
        """Have it told soon; costs the caller nothing."""
        self._books[book] = position
        self._wake.set()

    async def run(self) -> None:
        """Tell until cancelled. What cannot be told is forgotten: the others poll."""
        while True:
            with suppress(*UNAVAILABLE):
                async with await connect(self._url, NOTICES) as conn:
                    await self._tell(conn)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _tell(self, conn: Connection) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            books, self._books = self._books, {}
            for book, position in books.items():
                async with answering(conn, NOTICES.answer):
                    await notify(conn, APPENDED, book, position)
            # many commits, one notice
            await asyncio.sleep(_PAUSE_SECONDS)


async def heard(url: str, channel: str) -> AsyncIterator[tuple[str, int]]:
    """The books that notices on ``channel`` name, and how far they have come, for ever.

    A lost connection is made anew.
    """
    while True:
        try:
            async with await connect(url, NOTICES) as conn:
                if pooled(conn):
                    await asyncio.Event().wait()
                await conn.execute(sql.fill("store/listen", channel=Identifier(channel)))
                async for notice in conn.notifies():
                    position, _, book = notice.payload.partition(" ")
                    yield book, int(position)
        except UNAVAILABLE as error:
            _log.warning("hears no notices", error=type(error).__name__)
        await asyncio.sleep(_RETRY_SECONDS)
