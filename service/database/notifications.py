"""Wake-ups between processes: a hint by ``NOTIFY``, never a promise.

Whoever waits for one polls as well: behind a pooler in transaction mode none arrives.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial

import structlog
from psycopg.sql import Identifier

from service.database import statements
from service.database.connections import NOTICES, Connection, answering, connect, pooled
from service.telemetry import metrics
from service.telemetry.throttle import Throttle

APPENDED = "daybook_appended"
"""A book has grown."""

PROJECTED = "daybook_projected"
"""The read models of a book have come further."""

_PAUSE_SECONDS = 0.01
_PAYLOAD = re.compile(r"([0-9]{1,18}) (.+)")

_log = structlog.get_logger(__name__)


async def notify(conn: Connection, channel: str, book: str, position: int) -> None:
    """Tell the other processes how far a book has come; inside a transaction, when it commits."""
    payload = f"{position} {book}"
    await conn.execute(statements.text("database/notify"), {"channel": channel, "payload": payload})


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
        """Notify until cancelled. What could not be sent is forgotten: the others poll."""
        async with await connect(self._url, NOTICES) as conn:
            await self._tell(conn)

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
    """The books that notices on ``channel`` name, and how far they have come.

    Anybody who may connect can send a notice: one that is malformed is counted and ignored.

    Raises:
        psycopg.Error: when the connection is lost, or the server is a standby.
    """
    async with await connect(url, NOTICES) as conn:
        if pooled(conn):
            await asyncio.Event().wait()
        await conn.execute(statements.fill("database/listen", channel=Identifier(channel)))
        # there from the start, so that a first increase is seen as one
        metrics.count_ignored_notifications(channel, 0)
        throttle = Throttle()
        async for notice in conn.notifies():
            parsed = _parsed(notice.payload)
            if parsed is None:
                metrics.count_ignored_notifications(channel, 1)
                throttle.log(channel, partial(_log.warning, "notice ignored", channel=channel))
            else:
                yield parsed


def _parsed(payload: str) -> tuple[str, int] | None:
    match = _PAYLOAD.fullmatch(payload)
    return (match[2], int(match[1])) if match else None
