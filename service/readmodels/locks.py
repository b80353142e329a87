"""Changing tables and views that readers use: a short lock timeout, and retries with backoff.

PostgreSQL queues every later reader behind a change that waits for an earlier one. So a change
waits only for a moment, gives way, and is tried again after a growing pause.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog
from psycopg.errors import DeadlockDetected, DependentObjectsStillExist, LockNotAvailable
from psycopg.sql import Composed

from service.database import statements
from service.database.connections import Connection
from service.readmodels.errors import RebuildError

T = TypeVar("T")

SHORT_SECONDS = 0.1
"""The longest that readers wait behind a change that waits for another reader."""
LIMIT_SECONDS = 300.0
"""How long a change is retried before it fails."""

_ROWS_SECONDS = 5.0  # for rows that projectors lock, and no reader
_PAUSE_SECONDS = (0.1, 5.0)
_WARN_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class LockBudget:
    """A lock timeout shared by several statements of one transaction."""

    def __init__(self, seconds: float = SHORT_SECONDS) -> None:
        self._end = time.monotonic() + seconds

    async def apply(self, conn: Connection) -> None:
        """Limit the next statement of the transaction to the time that is left."""
        await limit_locks(conn, max(0.001, self._end - time.monotonic()))


async def limit_locks(conn: Connection, seconds: float) -> None:
    """Set the lock timeout until the transaction ends."""
    await conn.execute(
        statements.text("readmodels/lock_timeout"), {"limit": f"{int(seconds * 1000)}ms"}
    )


async def patiently(
    conn: Connection,
    change: Callable[[], Awaitable[T]],
    before: Callable[[], Awaitable[None]] | None = None,
) -> T:
    """Make a change in one transaction, retried until it gets its locks.

    Args:
        conn: a connection outside any transaction.
        change: undone completely if it does not get a lock.
        before: called before each try, outside the transaction.

    Raises:
        RebuildError: if it did not get its locks in ``LIMIT_SECONDS``; nothing is changed.
    """
    begun = time.monotonic()
    pause, longest = _PAUSE_SECONDS
    warned = begun
    while True:
        if before is not None:
            await before()
        try:
            async with conn.transaction():
                # readers need not wait for a standby: the read models are derived
                await conn.execute(statements.text("readmodels/commit_locally"))
                await limit_locks(conn, _ROWS_SECONDS)
                return await change()
        except (LockNotAvailable, DeadlockDetected):
            now = time.monotonic()
        holders = await _holders(conn)
        if now - begun > LIMIT_SECONDS:
            raise RebuildError(
                f"Nothing was switched: for {now - begun:.0f} s somebody kept the read models in"
                f" use: {', '.join(map(_described, holders)) or 'unknown'}."
                " End that transaction, and run it again."
            )
        if now - warned > _WARN_SECONDS or warned == begun:
            warned = now
            _log.warning("switch waiting for readers", holders=[*map(_described, holders)])
        await asyncio.sleep(pause)
        pause = min(longest, pause * 1.5)


async def drop(conn: Connection, statement: Composed) -> bool:
    """Drop a table or view, unless it is in use; returns whether it was dropped."""
    try:
        async with conn.transaction():
            await limit_locks(conn, SHORT_SECONDS)
            await conn.execute(statement)
    except (LockNotAvailable, DependentObjectsStillExist, DeadlockDetected):
        return False
    return True


async def _holders(conn: Connection) -> list[dict[str, Any]]:
    return await (await conn.execute(statements.text("readmodels/lock_holders"))).fetchall()


def _described(holder: dict[str, Any]) -> str:
    name = holder["application"] or "unnamed"
    since = f" since {holder['since']:%Y-%m-%d %H:%M:%S} UTC" if holder["since"] else ""
    return f"process {holder['pid']} ({name}, {holder['role']}{since})"
