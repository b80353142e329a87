"""Connections: how they are opened, pooled, and what a lost database looks like."""

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


class UnansweredError(psycopg.OperationalError):
    """The database did not answer in time, and the connection was given up."""


UNAVAILABLE = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)
"""What is raised while the database is away; see ``is_away``."""

TOO_SLOW = (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable, UnansweredError)
"""Those of them that say that a limit was reached: trying again at once would reach it again."""


class Limits(Struct, frozen=True):
    """What a connection is for, and how many seconds each step on it may take; 0 is no limit.

    Attributes:
        use: names the connection in ``pg_stat_activity``.
        statement, lock, idle, transaction: the server's ``statement_timeout``, ``lock_timeout``,
            ``idle_in_transaction_session_timeout`` and, from PostgreSQL 17 on,
            ``transaction_timeout``. A pooler drops them: there the writer sets its own in each
            transaction, and for the others only ``answer`` holds.
        answer: how long we wait, whatever the server does.
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

# a pooler keeps this, unlike the options below
os.environ.setdefault("PGTZ", "UTC")

# an acknowledged webhook is on disk, whatever the server's own default says
# the writer looks up known ids after it has the lock, in a snapshot taken then
_LIVE = (
    "-c synchronous_commit=on -c default_transaction_isolation=read\\ committed"
    " -c timezone=UTC -c client_min_messages=warning -c intervalstyle=iso_8601"
)

# other processes of ours work beside: an index is sorted by one, and not by several that wait
_BULK = (
    "-c synchronous_commit=off -c maintenance_work_mem=256MB"
    " -c max_parallel_maintenance_workers=0 -c timezone=UTC"
)

# the server notices a client that vanished, and gives back what it held
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
        # a network that drops packets in silence is noticed in seconds
        "keepalives_idle": 5,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
        "application_name": f"daybook {limits.use}",
    }


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


async def connect(url: str, limits: Limits = ADMIN) -> Connection:
    """Open one connection, in autocommit, rows as dicts, times in UTC.

    Raises:
        psycopg.OperationalError: if the database cannot be reached.
        UnsupportedServerError: if it is too old.
    """
    conn: Connection = await AsyncConnection.connect(url, **_options(limits))
    try:
        _check_version(conn)
        await _suit(conn, limits)
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


async def _suit(conn: Connection, limits: Limits) -> None:
    if pooled(conn):
        conn.prepare_threshold = None
        return
    # not every server has these, and not on every platform
    with suppress(psycopg.errors.InvalidParameterValue):
        async with answering(conn, _CHECK_SECONDS):
            await conn.execute(
                statements.text("database/limit"), {"transaction": f"{limits.transaction:g}s"}
            )


@asynccontextmanager
async def answering(conn: Connection, seconds: float) -> AsyncIterator[None]:
    """Give up the connection unless the block ends in time; 0 is no limit.

    Cancelling would not do: the driver then asks the server to cancel, and waits for it again.

    Raises:
        UnansweredError: if it did not end in time.
    """
    if not seconds:
        yield
        return
    timer = asyncio.get_running_loop().call_later(seconds, _sever, conn)
    late = timer.when()
    try:
        yield
    except UNAVAILABLE as error:
        if conn.closed and asyncio.get_running_loop().time() >= late:
            raise UnansweredError(f"no answer in {seconds:g} s") from error
        raise
    finally:
        timer.cancel()


def _sever(conn: Connection) -> None:
    """End a connection below the driver, so that whoever waits on it finds it lost."""
    with suppress(OSError, psycopg.Error), socket(fileno=os.dup(conn.pgconn.socket)) as wire:
        wire.shutdown(SHUT_RDWR)


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection[DictRow]]:
    """One connection for long work in a process or thread of its own.

    What it commits may be lost in a crash of the server, until something else is committed: it
    writes only what is derived, and what nobody reads yet.
    """
    with psycopg.connect(url, **_options(BULK, _BULK), prepare_threshold=None) as conn:
        yield conn


def url_of(conn: Connection) -> str:
    """Where a connection leads, so that other processes can go there too."""
    parts = conn.info.get_parameters()
    return make_conninfo(**parts, password=conn.info.password or None)


@asynccontextmanager
async def pool(
    url: str, limits: Limits = QUESTIONS, size: int = 8, least: int = 1
) -> AsyncIterator[Pool]:
    """A pool that opens even while the database is away, and heals when it is back."""
    made: Pool = AsyncConnectionPool(
        url,
        min_size=least,
        max_size=size,
        kwargs=_options(limits),
        timeout=5,
        reconnect_timeout=5,
        check=_check,
        configure=partial(_suit, limits=limits),
        open=False,
    )
    await made.open(wait=False)
    try:
        yield made
    finally:
        await made.close()


async def _check(conn: Connection) -> None:
    async with answering(conn, _CHECK_SECONDS):
        await AsyncConnectionPool.check_connection(conn)


@asynccontextmanager
async def borrowed(
    pool: Pool, limits: Limits, wait: float | None = None
) -> AsyncIterator[Connection]:
    """A connection of a pool, given up where the database does not answer in time.

    Raises:
        PoolTimeout: if none became free in time.
        UnansweredError: if the database did not answer in time.
    """
    async with pool.connection(wait) as conn, answering(conn, limits.answer):
        yield conn
