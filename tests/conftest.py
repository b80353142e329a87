"""A real PostgreSQL for every test that touches SQL: one server a session, one database a test.

With ``TEST_POSTGRES_BIN`` it is run by the binaries in that directory, of any supported version.
"""

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg.sql import SQL, Identifier

from service.database.connections import ACCESS, Connection, connect, pool
from service.database.embedded import embedded
from service.database.reader import Lane
from service.readmodels.rebuild import open_checkpoints, rebuild
from service.store.events import open_books
from service.store.roles import SERVICE, set_up_role
from tests import servers

settings.register_profile(
    "daybook",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("daybook")

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a server of our own, with nothing in it."""
    if other := os.environ.get("TEST_POSTGRES_BIN"):
        with servers.running(Path(other)) as url:
            yield url
        return
    path = Path(tempfile.mkdtemp(prefix="daybook-tests-"))
    try:
        with embedded(path) as server:
            yield server.url
    finally:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def template(postgres: str) -> str:
    """The name of a database with the schema, the book ``test`` and empty read models."""
    name = "daybook_template"
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(SQL("create database {}").format(Identifier(name)))

    async def prepare() -> None:
        await set_up_role(_database(postgres, name), SERVICE)
        async with await connect(as_service(_database(postgres, name))) as conn:
            await open_books(conn, {"test": None})
            await rebuild(conn)
            await open_checkpoints(conn)

    asyncio.run(prepare())
    return name


@pytest.fixture
def database_url(postgres: str, template: str) -> str:
    """A prepared database of this test's own, as the role that the service has."""
    return fresh_database(postgres, template)


@pytest.fixture
def empty_database_url(postgres: str) -> str:
    """A database with nothing in it, as its owner."""
    return as_owner(fresh_database(postgres, "template1"))


@pytest.fixture
async def conn(database_url: str) -> AsyncIterator[Connection]:
    """A connection to a prepared database."""
    async with await connect(database_url) as opened:
        yield opened


@pytest.fixture
async def lane(database_url: str) -> AsyncIterator[Lane]:
    """A lane over a prepared database, as a worker has for keys."""
    async with pool(database_url, ACCESS, 2, least=0) as fallback:
        made = Lane(database_url, ACCESS, 1, fallback)
        yield made
        made.reader.close()


def fresh_database(postgres: str, template: str) -> str:
    name = f"daybook_{next(_numbers)}"
    with psycopg.connect(postgres, autocommit=True) as admin:
        statement = SQL("create database {} template {}")
        admin.execute(statement.format(Identifier(name), Identifier(template)))
    return as_service(_database(postgres, name))


def as_service(url: str) -> str:
    return url.replace("//postgres@", f"//{SERVICE}@")


def as_owner(url: str) -> str:
    return url.replace(f"//{SERVICE}@", "//postgres@")


def _database(url: str, name: str) -> str:
    return url.replace("@/postgres?", f"@/{name}?")
