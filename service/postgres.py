"""Connections: how they are opened, pooled, and what a lost database looks like."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

Connection = AsyncConnection[DictRow]
Pool = AsyncConnectionPool[Connection]

UNAVAILABLE = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)
"""What is raised while the database is away; the same call may succeed later."""

_OPTIONS: dict[str, Any] = {
    "autocommit": True,
    "row_factory": dict_row,
    # an acknowledged webhook is on disk, whatever the server's own default says
    # the writer looks up known ids after it has the lock, in a snapshot taken then
    "options": (
        "-c synchronous_commit=on -c default_transaction_isolation=read\\ committed"
        " -c timezone=UTC -c client_min_messages=warning"
    ),
    "connect_timeout": 5,
    "application_name": "daybook",
}


async def connect(url: str) -> Connection:
    """Open one connection, in autocommit, rows as dicts, times in UTC.

    Raises:
        psycopg.OperationalError: if the database cannot be reached.
    """
    return await AsyncConnection.connect(url, **_OPTIONS)


@asynccontextmanager
async def pool(url: str, size: int = 8) -> AsyncIterator[Pool]:
    """A pool that opens even while the database is away, and heals when it is back."""
    made: Pool = AsyncConnectionPool(
        url,
        min_size=1,
        max_size=size,
        kwargs=_OPTIONS,
        timeout=5,
        reconnect_timeout=5,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
    await made.open(wait=False)
    try:
        yield made
    finally:
        await made.close()
