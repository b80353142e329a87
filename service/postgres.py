"""Connections: how they are opened, pooled, and what a lost database looks like."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

OLDEST_SERVER = 15
"""The oldest major version of PostgreSQL that every statement runs on."""

Connection = AsyncConnection[DictRow]
Pool = AsyncConnectionPool[Connection]

UNAVAILABLE = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)
"""What is raised while the database is away; see ``is_away``."""

# a pooler keeps this, unlike the options below
os.environ.setdefault("PGTZ", "UTC")

_OPTIONS: dict[str, Any] = {
    "autocommit": True,
    "row_factory": dict_row,
    # an acknowledged webhook is on disk, whatever the server's own default says
    # the writer looks up known ids after it has the lock, in a snapshot taken then
    "options": (
        "-c synchronous_commit=on -c default_transaction_isolation=read\\ committed"
        " -c timezone=UTC -c client_min_messages=warning -c intervalstyle=iso_8601"
    ),
    "connect_timeout": 5,
    # a network that drops packets in silence is noticed in seconds
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "application_name": "daybook",
}


# other processes of ours work beside: an index is sorted by one, and not by several that wait
_BULK = (
    "-c synchronous_commit=off -c maintenance_work_mem=256MB"
    " -c max_parallel_maintenance_workers=0 -c timezone=UTC"
)


class UnsupportedServerError(Exception):
    """The server is older than any that Daybook runs on; the text says which it is."""


def is_away(error: BaseException) -> bool:
    """Whether the database is away, full or read-only: the same call may succeed later.

    A row over one of PostgreSQL's limits (class 54) comes as an ``OperationalError`` too, and will
    never succeed; a server that has become a standby (class 25) comes as another error.
    """
    state = getattr(error, "sqlstate", None) or ""
    return state.startswith("25") or (isinstance(error, UNAVAILABLE) and not state.startswith("54"))


def pooled(conn: psycopg.BaseConnection[Any]) -> bool:
    """Whether a pooler stands between, which drops the options that a connection begins with.

    In transaction mode there are no prepared statements behind it, and no notices.
    """
    return conn.info.parameter_status("IntervalStyle") != "iso_8601"


async def connect(url: str) -> Connection:
    """Open one connection, in autocommit, rows as dicts, times in UTC.

    Raises:
        psycopg.OperationalError: if the database cannot be reached.
        UnsupportedServerError: if it is too old.
    """
    conn: Connection = await AsyncConnection.connect(url, **_OPTIONS)
    if conn.info.server_version < OLDEST_SERVER * 10_000:
        version = conn.info.parameter_status("server_version")
        await conn.close()
        raise UnsupportedServerError(
            f"The database is PostgreSQL {version}; Daybook needs PostgreSQL {OLDEST_SERVER}"
            " or later."
        )
    await _suit(conn)
    return conn


async def _suit(conn: Connection) -> None:
    if pooled(conn):
        conn.prepare_threshold = None


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection[DictRow]]:
    """One connection for long work in a process or thread of its own.

    What it commits may be lost in a crash of the server, until something else is committed: it
    writes only what is derived, and what nobody reads yet.
    """
    with psycopg.connect(url, **{**_OPTIONS, "options": _BULK, "prepare_threshold": None}) as conn:
        yield conn


def url_of(conn: Connection) -> str:
    """Where a connection leads, so that other processes can go there too."""
    parts = conn.info.get_parameters()
    return make_conninfo(**parts, password=conn.info.password or None)


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
        configure=_suit,
        open=False,
    )
    await made.open(wait=False)
    try:
        yield made
    finally:
        await made.close()
