"""Wake-ups between processes by ``LISTEN`` and ``NOTIFY``.

A notification is a hint, never a guarantee: behind a pooler in transaction mode none arrives, so
every listener polls as well.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial

import structlog
from psycopg.sql import Identifier

from service.database import statements
from service.database.connections import (
    NOTICES,
    Connection,
    behind_pooler,
    connect,
    response_deadline,
)
from service.telemetry import metrics
from service.telemetry.throttle import Throttle

APPENDED = "daybook_appended"
"""The channel for appended events."""


def projected(version: int) -> str:
    """The channel for updated read models of a version.

    In a rolling upgrade another version announces how far its own tables have come. A reader who
    took that for ours would be answered before our tables have the event that it waited for.
    """
    return f"daybook_projected_{version}"


_PAUSE_SECONDS = 0.01
_PAYLOAD = re.compile(r"([0-9]{1,18}) (.+)")

_log = structlog.get_logger(__name__)


async def notify(conn: Connection, channel: str, book: str, position: int) -> None:
    """Send a book's position to the listeners; in a transaction, when it commits."""
    payload = f"{position} {book}"
    await conn.execute(statements.text("database/notify"), {"channel": channel, "payload": payload})


class Notifier:
    """Notifies other processes of appended events, outside the writers' transactions."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._books: dict[str, int] = {}
        self._wake = asyncio.Event()

    def announce(self, book: str, position: int) -> None:
        """Queue a notification of a book's position; does not block."""
        self._books[book] = position
        self._wake.set()

    async def run(self) -> None:
        """Send queued notifications until cancelled. Lost ones are not resent: listeners poll."""
        async with await connect(self._url, NOTICES) as conn:
            await self._send_queued(conn)

    async def _send_queued(self, conn: Connection) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            books, self._books = self._books, {}
            for book, position in books.items():
                async with response_deadline(conn, NOTICES.answer):
                    await notify(conn, APPENDED, book, position)
            # one notification for many commits
            await asyncio.sleep(_PAUSE_SECONDS)


async def listen(url: str, channel: str) -> AsyncIterator[tuple[str, int]]:
    """Yield each book and position that is announced on ``channel``.

    Anyone who can connect can send a notification: malformed ones are counted and ignored.

    Raises:
        psycopg.Error: when the connection is lost, or the server is a standby.
    """
    async with await connect(url, NOTICES) as conn:
        if behind_pooler(conn):
            await asyncio.Event().wait()
        await conn.execute(statements.fill("database/listen", channel=Identifier(channel)))
        # present from the start: Prometheus sees an increase only from an earlier value
        metrics.count_ignored_notifications(channel, 0)
        throttle = Throttle()
        async for notification in conn.notifies():
            announcement = _parse(notification.payload)
            if announcement is None:
                metrics.count_ignored_notifications(channel, 1)
                log = partial(_log.warning, "notification ignored", channel=channel)
                throttle.log(channel, log)
            else:
                yield announcement


def _parse(payload: str) -> tuple[str, int] | None:
    match = _PAYLOAD.fullmatch(payload)
    return (match[2], int(match[1])) if match else None
