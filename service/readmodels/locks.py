"""Changes to tables and views that readers use: a short lock timeout, and patience between tries.

PostgreSQL queues every later reader behind a change that waits for an earlier one. So a change
waits for a moment only, gives way, and comes again after a growing pause.
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
"""How long readers wait at most behind a change that waits for another reader."""
LIMIT_SECONDS = 300.0
"""How long a change is tried again before it is given up."""

_ROWS_SECONDS = 5.0  # for rows that projectors lock, and no reader
_PAUSE_SECONDS = (0.1, 5.0)
_WARN_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class LockBudget:
    """A lock timeout that several statements of one transaction share."""

    def __init__(self, seconds: float = SHORT_SECONDS) -> None:
        self._end = time.monotonic() + seconds

    async def apply(self, conn: Connection) -> None:
        """Let the next statement of the transaction wait for the rest of it only."""
        await limit_locks(conn, max(0.001, self._end - time.monotonic()))


async def limit_locks(conn: Connection, seconds: float) -> None:
    """Let statements wait so long for a lock, until the transaction ends."""
    await conn.execute(
        statements.text("readmodels/lock_timeout"), {"limit": f"{int(seconds * 1000)}ms"}
    )


async def patiently(
    conn: Connection,
    change: Callable[[], Awaitable[T]],
    before: Callable[[], Awaitable[None]] | None = None,
) -> T:
    """Make a change in one transaction, again and again until it gets its locks.

    Args:
        conn: in no transaction.
        change: everything that it did is undone when it does not get a lock.
        before: run before each try, outside of the transaction.

    Raises:
        RebuildError: if it did not get them in ``LIMIT_SECONDS``; nothing is changed then.
    """
    begun = time.monotonic()
    pause, longest = _PAUSE_SECONDS
    warned = begun
    while True:
        if before is not None:
            await before()
        try:
            async with conn.transaction():
                # readers must not wait until a standby has it too: what is changed is derived
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
    """Drop a table or view that nobody needs; whether it went, and did not turn out to be in use.

    What is still in use is left for the next time.
    """
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
