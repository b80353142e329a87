"""A real PostgreSQL for every test that touches SQL: one server a session, one database a test.

With ``TEST_POSTGRES_BIN`` it is run by the binaries in that directory, of any supported version.
``DAYBOOK_TEST_DATABASE_URL`` names a server that runs already; databases of our own come and go.
Each worker of pytest-xdist has a server of its own.
"""

import asyncio
import gc
import itertools
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from functools import cache
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from psycopg.sql import SQL, Identifier

from service.database.connections import ACCESS, Connection, connect, pool
from service.database.embedded import embedded
from service.database.reader import Lane
from service.readmodels.rebuild import open_checkpoints, rebuild
from service.store.events import open_books
from service.store.roles import SERVICE, set_up_role
from tests import citus, examples, forkserver, servers

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # as of a shell in the background; commands that tests interrupt would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

# also where the environment forbids it: else each worker would compile all tests, for ten seconds
sys.dont_write_bytecode = False

_numbers = itertools.count()
_PREFIX = f"daybook_{os.getpid()}_" if servers.given() else "daybook_"

DISTRIBUTED = bool(os.environ.get("DAYBOOK_TEST_CITUS"))
"""Whether the databases of all tests have Citus, or the stand-in for it."""

PLAIN = pytest.mark.skipif(DISTRIBUTED, reason="of triggers or blocks, which Citus does not have")
"""Marks a test that is about what only tables that are not distributed have."""

ALLOWED_SKIPS = ("the official samples are not part of the project",)
"""What may be skipped under ``--no-skips``: it cannot be had by installing anything."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-skips", action="store_true", help="a test that is skipped has failed, as in .ci/run"
    )


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile(examples.MANY if _long(config) else examples.EVERY_DAY)
    if not _long(config) and not _chosen(config, "slow"):
        forkserver.use()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Properties are among the long tests too, there with many examples."""
    if _long(config):
        for item in items:
            if getattr(getattr(item, "function", None), "is_hypothesis_test", False):
                item.add_marker("long")


def pytest_collection_finish() -> None:
    """Keep the garbage collector from looking through all tests again and again."""
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple) and item.config.option.no_skips:
        reason = report.longrepr[2]
        if not any(allowed in reason for allowed in ALLOWED_SKIPS):
            report.outcome = "failed"
            report.longrepr = f"{reason}: --no-skips wants it to run. Install what is missing."
    return report


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a server of our own, with nothing in it."""
    if given := servers.given():
        yield given
        _admin(given).close()
        servers.clear(given, _PREFIX)
        return
    if other := os.environ.get("TEST_POSTGRES_BIN"):
        with servers.running(Path(other)) as url:
            yield url
            _admin(url).close()
        return
    path = Path(tempfile.mkdtemp(prefix="daybook-tests-", dir=servers.place()))
    try:
        with embedded(path) as server:
            _spare_the_disk(server.url)
            yield server.url
            _admin(server.url).close()
            # its last checkpoint, of hundreds of databases, is for nobody
            pid = (path / "postgres" / "postmaster.pid").read_text().split()[0]
            os.kill(int(pid), signal.SIGQUIT)
    finally:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def template(postgres: str) -> str:
    """The name of a database with the schema, the book ``test`` and empty read models."""
    name = f"{_PREFIX}template"
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(SQL("create database {}").format(Identifier(name)))

    if DISTRIBUTED:
        citus.enable(_database(postgres, name))

    async def prepare() -> None:
        await set_up_role(_database(postgres, name), SERVICE)
        async with await connect(as_service(_database(postgres, name))) as conn:
            await open_books(conn, {"test": None})
            await rebuild(conn)
            await open_checkpoints(conn)

    asyncio.run(prepare())
    return name


@pytest.fixture
def database_url(postgres: str, template: str) -> Iterator[str]:
    """A prepared database of this test's own, as the role that the service has."""
    url = fresh_database(postgres, template)
    yield url
    drop_database(postgres, url)


@pytest.fixture
def empty_database_url(postgres: str) -> Iterator[str]:
    """A database with nothing in it, as its owner."""
    url = as_owner(fresh_database(postgres, "template1"))
    yield url
    drop_database(postgres, url)


@pytest.fixture
async def conn(database_url: str) -> AsyncIterator[Connection]:
    """A connection to a prepared database."""
    async with await connect(database_url) as opened:
        yield opened


@pytest.fixture
async def lane(database_url: str) -> AsyncIterator[Lane]:
    """A lane over a prepared database, as a worker has for keys."""
    async with pool(database_url, ACCESS, 2, least=0) as fallback:
        made = Lane(database_url, ACCESS, 1, fallback, lambda: 0)
        yield made
        made.reader.close()


_SPARED = {
    "fsync": "off", "full_page_writes": "off",
    # of hundreds of databases, each used for a moment
    "autovacuum": "off", "bgwriter_lru_maxpages": "0", "checkpoint_timeout": "1h",
}  # fmt: skip
"""What the server need not do: a test that crashes a server starts one of its own."""


def _spare_the_disk(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        for name, value in _SPARED.items():
            admin.execute(SQL("alter system set {} = {}").format(Identifier(name), value))
        admin.execute("select pg_reload_conf()")


def _long(config: pytest.Config) -> bool:
    return _chosen(config, "long")


def _chosen(config: pytest.Config, mark: str) -> bool:
    expression = str(config.option.markexpr)
    return mark in expression.split() and f"not {mark}" not in expression


def fresh_database(postgres: str, template: str) -> str:
    name = f"{_PREFIX}{next(_numbers)}"
    # by its files, which takes half as long as by its log
    statement = SQL("create database {} template {} strategy file_copy")
    _admin(postgres).execute(statement.format(Identifier(name), Identifier(template)))
    return as_service(_database(postgres, name))


def drop_database(postgres: str, url: str) -> None:
    """Drop a database, so that hundreds of them do not pile up in memory."""
    name = name_of(url)
    statement = SQL("drop database if exists {} with (force)")
    _admin(postgres).execute(statement.format(Identifier(name)))


@cache
def _admin(postgres: str) -> psycopg.Connection:
    """A connection for databases that come and go: to connect takes as long as to copy one."""
    return psycopg.connect(postgres, autocommit=True)


def name_of(url: str) -> str:
    """The name of a database."""
    return url.partition("@/")[2].partition("?")[0]


def as_service(url: str) -> str:
    return url.replace("//postgres@", f"//{SERVICE}@")


def as_owner(url: str) -> str:
    return url.replace(f"//{SERVICE}@", "//postgres@")


def _database(url: str, name: str) -> str:
    return url.replace("@/postgres?", f"@/{name}?")
