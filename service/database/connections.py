"""Opens and pools connections, sets their timeouts, and recognises an unavailable database."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from socket import SHUT_RDWR, socket
from typing import Any

import psycopg
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from service.database import statements

OLDEST_SERVER = 15
"""The oldest major version of PostgreSQL that every statement runs on."""

Connection = AsyncConnection[DictRow]
Pool = AsyncConnectionPool[Connection]


class ResponseTimeoutError(psycopg.OperationalError):
    """The database did not answer in time, so the connection was closed."""


UNAVAILABLE = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)
"""The classes of errors while the database is unavailable; see ``is_unavailable``."""

TOO_SLOW = (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable, ResponseTimeoutError)
"""Errors of a reached timeout; an immediate retry would reach it again."""


class Limits(Struct, frozen=True):
    """The purpose of a connection and its timeouts in seconds; 0 means no limit.

    Attributes:
        use: names the connection in ``pg_stat_activity``.
        statement, lock, idle, transaction: the server's ``statement_timeout``, ``lock_timeout``,
            ``idle_in_transaction_session_timeout`` and, from PostgreSQL 17 on,
            ``transaction_timeout``. A pooler drops them: there the writer sets its own in each
            transaction, and for the others only ``answer`` holds.
        answer: how long the client waits, whatever the server does.
    """

    use: str
    statement: float
    lock: float
    idle: float
    transaction: float
    answer: float


#                                  statement lock idle transaction answer
ACCESS = Limits("access",                2,   1,   5,       5,       4)  # fmt: skip
LISTS = Limits("lists",                 10,   3,   5,      15,      12)  # fmt: skip
QUESTIONS = Limits("questions",         15,   3,  10,      30,      20)  # fmt: skip
WRITER = Limits("writer",                4,   3,   2,       8,       6)  # fmt: skip
NOTICES = Limits("notices",             10,   5,  10,       0,      10)  # fmt: skip
PROJECTOR = Limits("projector",        120,  10,  60,     600,     600)  # fmt: skip
ADMIN = Limits("admin",                  0,  60, 600,       0,       0)  # fmt: skip
# its processes wait for one another, for as long as the indexes of a fresh table take
BULK = Limits("bulk",                    0,   0, 600,       0,       0)  # fmt: skip

_CHECK_SECONDS = 2.0

# unlike the options below, this survives a pooler
os.environ.setdefault("PGTZ", "UTC")

# an acknowledged webhook is on disk, whatever the server's own default is;
# the writer looks up known ids after it has the lock, in a snapshot taken then
_LIVE = (
    "-c synchronous_commit=on -c default_transaction_isolation=read\\ committed"
    " -c timezone=UTC -c client_min_messages=warning -c intervalstyle=iso_8601"
)

# rebuild processes run in parallel, so each index is built by one process only
_BULK = (
    "-c synchronous_commit=off -c maintenance_work_mem=256MB"
    " -c max_parallel_maintenance_workers=0 -c timezone=UTC"
)

# the server detects a vanished client, and releases its locks
_KEPT_ALIVE = (
    " -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
    " -c tcp_user_timeout=15000"
)


def _options(limits: Limits, session: str = _LIVE) -> dict[str, Any]:
    return {
        "autocommit": True,
        "row_factory": dict_row,
        "options": (
            f"{session}{_KEPT_ALIVE} -c statement_timeout={limits.statement:g}s"
            f" -c lock_timeout={limits.lock:g}s"
            f" -c idle_in_transaction_session_timeout={limits.idle:g}s"
        ),
        "connect_timeout": 5,
        # detects a network that silently drops packets within seconds
        "keepalives_idle": 5,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
        "application_name": f"daybook {limits.use}",
    }


class UnsupportedServerError(Exception):
    """The server is too old for Daybook, or the database is not in UTF-8; the text says which."""


def is_unavailable(error: BaseException) -> bool:
    """Whether the database is unreachable, full or read-only: the same call may succeed later.

    A row over one of PostgreSQL's limits (class 54) is an ``OperationalError`` too, but never
    succeeds; a server that has become a standby (class 25) raises another class of error.
    """
    state = getattr(error, "sqlstate", None) or ""
    return state.startswith("25") or (isinstance(error, UNAVAILABLE) and not state.startswith("54"))


def behind_pooler(conn: psycopg.BaseConnection[Any]) -> bool:
    """Whether the connection goes through a pooler, recognised by the options it drops.

    In transaction mode a pooler supports neither prepared statements nor notifications.
    """
    return conn.info.parameter_status("IntervalStyle") != "iso_8601"


async def connect(url: str, limits: Limits = ADMIN) -> Connection:
    """Open a connection in autocommit mode, with rows as dicts and times in UTC.

    Raises:
        psycopg.OperationalError: if the database cannot be reached.
        UnsupportedServerError: if the server is too old, or the database not in UTF-8.
    """
    conn: Connection = await AsyncConnection.connect(url, **_options(limits))
    try:
        _check_version(conn)
        await _configure(conn, limits)
    except BaseException:
        await conn.close()
        raise
    return conn


def _check_version(conn: Connection) -> None:
    if conn.info.server_version < OLDEST_SERVER * 10_000:
        version = conn.info.parameter_status("server_version")
        raise UnsupportedServerError(
            f"The database is PostgreSQL {version}; Daybook needs PostgreSQL {OLDEST_SERVER}"
            " or later."
        )
    encoding = conn.info.parameter_status("server_encoding")
    if encoding not in {None, "UTF8"}:
        raise UnsupportedServerError(
            f"The database has the encoding {encoding}; Daybook needs UTF8. Create it with:"
            " create database … encoding 'UTF8' template template0."
        )


async def _configure(conn: Connection, limits: Limits) -> None:
    if behind_pooler(conn):
        conn.prepare_threshold = None
        return
    # missing in older servers, and on some platforms
    with suppress(psycopg.errors.InvalidParameterValue):
        async with response_deadline(conn, _CHECK_SECONDS):
            await conn.execute(
                statements.text("database/limit"), {"transaction": f"{limits.transaction:g}s"}
            )


@asynccontextmanager
async def response_deadline(conn: Connection, seconds: float) -> AsyncIterator[None]:
    """Close the connection unless the block ends in time; 0 means no limit.

    Cancelling the task is not enough: the driver would ask the server to cancel, and wait again.

    Raises:
        ResponseTimeoutError: if the block did not end in time.
    """
    if not seconds:
        yield
        return
    timer = asyncio.get_running_loop().call_later(seconds, _sever, conn)
    deadline = timer.when()
    try:
        yield
    except UNAVAILABLE as error:
        if conn.closed and asyncio.get_running_loop().time() >= deadline:
            raise ResponseTimeoutError(f"no answer in {seconds:g} s") from error
        raise
    finally:
        timer.cancel()


def _sever(conn: Connection) -> None:
    """Close a connection's socket below the driver, so that every waiter sees it lost."""
    with suppress(OSError, psycopg.Error), socket(fileno=os.dup(conn.pgconn.socket)) as wire:
        wire.shutdown(SHUT_RDWR)


@contextmanager
def bulk_connection(url: str) -> Iterator[psycopg.Connection[DictRow]]:
    """A synchronous connection for long work in a process or thread of its own.

    A crash of the server may lose its latest commits, so use it only for derived data that nobody
    reads yet.
    """
    with psycopg.connect(url, **_options(BULK, _BULK), prepare_threshold=None) as conn:
        yield conn


def url_of(conn: Connection) -> str:
    """The URL of a connection, for other processes that connect to the same database."""
    parts = conn.info.get_parameters()
    return make_conninfo(**parts, password=conn.info.password or None)


@asynccontextmanager
async def pool(
    url: str, limits: Limits = QUESTIONS, size: int = 8, least: int = 1
) -> AsyncIterator[Pool]:
    """A pool that opens even while the database is unavailable, and reconnects later."""
    opened: Pool = AsyncConnectionPool(
        url,
        min_size=least,
        max_size=size,
        kwargs=_options(limits),
        timeout=5,
        reconnect_timeout=5,
        check=_check,
        configure=partial(_configure, limits=limits),
        open=False,
    )
    await opened.open(wait=False)
    try:
        yield opened
    finally:
        await opened.close()


async def _check(conn: Connection) -> None:
    async with response_deadline(conn, _CHECK_SECONDS):
        await AsyncConnectionPool.check_connection(conn)


@asynccontextmanager
async def pool_connection(
    pool: Pool, limits: Limits, wait: float | None = None
) -> AsyncIterator[Connection]:
    """A connection of a pool, closed if the database does not answer in time.

    Raises:
        PoolTimeout: if no connection became free in time.
        ResponseTimeoutError: if the database did not answer in time.
    """
    async with pool.connection(wait) as conn, response_deadline(conn, limits.answer):
        yield conn
