"""Where the database has Citus, the tables are distributed by book; over the stand-in for it.

The stand-in (``tests/citus.py``) has the functions of the extension with their checks and messages.
These tests show that Daybook calls them rightly, not that Citus does what they say.
"""

import asyncio
import re

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from psycopg.sql import Identifier
from pydantic import SecretStr

from projections.catalog import BY_NAME
from service.database.citus import UnsupportedCitusError, distribute
from service.database.connections import Connection, connect
from service.readmodels.projector import advance
from service.readmodels.rebuild import open_checkpoints, preview, rebuild, undo
from service.settings import Book
from service.store import distribution
from service.store.distribution import LOCAL, REPLICATED, placement
from service.store.events import append, events_after, open_books
from service.store.prepare import prepare_once
from service.store.roles import SERVICE, access, set_up_role
from tests import citus
from tests.builders import SECRET, at, body
from tests.conftest import PLAIN, as_owner, as_service, fresh_database
from tests.deliveries import delivery

pytestmark = pytest.mark.scenario

BOOKS = {"test": Book(mode="test", secrets=[SecretStr(SECRET)])}


@pytest.fixture
def clustered(empty_database_url: str) -> str:
    """The superuser's URL of an empty database with the stand-in."""
    citus.install(empty_database_url)
    return empty_database_url


@pytest.fixture(scope="module")
def distributed(postgres: str) -> str:
    """The superuser's URL of a database that is distributed; tests leave it as it is."""
    url = as_owner(fresh_database(postgres, "template1"))
    citus.install(url)
    asyncio.run(set_up_role(url, SERVICE))
    return url


async def test_every_table_is_kept_with_its_book(clustered: str) -> None:
    migrated = await set_up_role(clustered, SERVICE)
    assert await set_up_role(clustered, SERVICE) == type(migrated)((), ())
    async with await connect(as_service(clustered)) as conn:
        await open_books(conn, {"test": None})
        await rebuild(conn)
        assert await placement(conn) == distribution.Placement("13.0-1", ())
    kept = await kept_tables(clustered)
    assert {str(table) for table in migrated.distributed} <= kept.keys()
    assert {name for name, (method, *_) in kept.items() if method == "n"} == REPLICATED
    assert {tuple(how) for name, how in kept.items() if name not in REPLICATED} == {
        ("h", "book", 1)
    }
    async with await connect(clustered) as conn:
        found = await conn.execute(TABLES)
        everything = {row["name"] for row in await found.fetchall()}
        assert everything - kept.keys() == LOCAL
        found = await conn.execute("select from pg_trigger where not tgisinternal")
        assert await found.fetchall() == []


async def test_each_table_can_be_distributed(conn: Connection, subtests: pytest.Subtests) -> None:
    """On any server: what Citus asks of a table, of those that have a book."""
    found = await conn.execute(
        "select n.nspname || '.' || c.relname as name, c.oid,"
        "  (select a.attnum from pg_attribute a where a.attrelid = c.oid and a.attname = 'book'"
        "    and a.attnotnull and a.atttypid = 'text'::regtype) as book,"
        "  array(select i.indkey::smallint[]::text from pg_index i"
        "    where i.indrelid = c.oid and i.indisunique) as keys,"
        "  array(select conname::text from pg_constraint k"
        "    where k.conrelid = c.oid and k.contype in ('f', 'x')) as others,"
        "  array(select attname::text from pg_attribute a where a.attrelid = c.oid"
        "    and (a.attidentity <> '' or a.attgenerated <> '')) as made"
        " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname in ('store', 'read') and c.relkind in ('r', 'p')"
    )
    rows = await found.fetchall()
    assert len(rows) > 30
    for row in rows:
        with subtests.test(row["name"]):
            assert (row["others"], row["made"]) == ([], [])
            if row["name"] not in REPLICATED | LOCAL:
                assert row["book"]
                for key in row["keys"]:
                    assert str(row["book"]) in re.findall(r"\d+", key)


@PLAIN
async def test_a_database_with_events_is_distributed_as_it_is(database_url: str) -> None:
    async with await connect(database_url) as conn:
        await told(conn, 0, 20)
        before = await events_after(conn, "test", 0, 100)
    citus.install(as_owner(database_url))
    migrated = await set_up_role(as_owner(database_url), SERVICE)
    async with await connect(database_url) as conn:
        assert await left(conn) == ()
        assert await events_after(conn, "test", 0, 100) == before
        await told(conn, 20, 5)
        some = [BY_NAME["customers"], BY_NAME["events"]]
        assert not any(found.rows for found in await preview(conn, some))
        assert await rebuild(conn, some) == {"test": 25}
        assert await undo(conn) == {"test": 25}
        assert not (await access(conn)).can_alter_events
    assert await set_up_role(as_owner(database_url), SERVICE) == type(migrated)((), ())


async def test_a_build_of_the_role_that_serves_is_distributed_when_it_starts(
    distributed: str,
) -> None:
    async with await connect(as_service(distributed)) as conn:
        # as an older version makes one
        await conn.execute("create table read.customers_v1_g1 (book text, id text)")
        assert await left(conn) == ("read.customers_v1_g1",)
        assert await prepare_once(as_service(distributed), BOOKS) is False
        assert await left(conn) == ()
        await conn.execute("drop table read.customers_v1_g1")


async def test_the_role_that_serves_cannot_alter_events_without_a_trigger(distributed: str) -> None:
    async with await connect(as_service(distributed)) as conn:
        await open_books(conn, {"test": None})
        await append(conn, "test", [delivery(b"1")])
        for statement in (
            "update store.event set body = ''", "delete from store.event", "truncate store.event",
            "update store.checkpoint set root = ''", "delete from store.audit",
            "delete from store.head", "alter table store.event add mine text",
        ):  # fmt: skip
            with pytest.raises(InsufficientPrivilege):
                await conn.execute(statement)


@PLAIN
async def test_the_role_that_serves_is_told_to_let_the_owner_distribute(database_url: str) -> None:
    citus.install(as_owner(database_url))
    with pytest.raises(InsufficientPrivilege, match="must be owner"):
        await prepare_once(database_url, BOOKS)


async def test_an_interrupted_distribution_goes_on(distributed: str) -> None:
    async with await connect(distributed) as conn:
        # as if it had come no further than this
        await conn.execute(
            "delete from pg_dist_partition where logicalrelid in"
            " ('read.lease'::regclass, 'read.projection'::regclass)"
        )
        assert await distribution.distribute(conn) == ("read.lease", "read.projection")
        assert await distribution.distribute(conn) == ()


async def test_what_citus_refuses_is_refused_by_the_stand_in(distributed: str) -> None:
    """So the tests above would notice a table that it does not distribute."""
    refused = {
        "create table t (book text, id int primary key)": "cannot create constraint",
        "create table t (book text, id int)": "",
        "create table t (book varchar, id int)": "cannot colocate tables",
        "create table t (id int)": "does not exist",
        "create table t (book text); create trigger mine before insert on t"
        " execute function store.refuse()": "because it has triggers",
    }
    with psycopg.connect(distributed, autocommit=True) as plain:
        for made, message in refused.items():
            plain.execute(made.encode())
            async with await connect(distributed) as conn:
                table = Identifier("public", "t")
                if message:
                    with pytest.raises(psycopg.Error, match=message):
                        await distribute(conn, table, "book", distribution.EVENTS)
                else:
                    await distribute(conn, table, "book", distribution.EVENTS)
                    with pytest.raises(psycopg.Error, match="already distributed"):
                        await distribute(conn, table, "book", distribution.EVENTS)
            plain.execute("drop table t")


async def test_an_old_citus_is_refused_with_a_sentence(clustered: str) -> None:
    async with await connect(clustered) as conn:
        await conn.execute("update pg_extension set extversion = '11.3-1' where extname = 'citus'")
    with pytest.raises(UnsupportedCitusError, match=r"Citus 11\.3-1 is too old: .* 12 or later"):
        await set_up_role(clustered, SERVICE)


TABLES = (
    "select n.nspname || '.' || c.relname as name from pg_class c"
    " join pg_namespace n on n.oid = c.relnamespace"
    " where n.nspname in ('store', 'read') and c.relkind in ('r', 'p')"
)


async def kept_tables(url: str) -> dict[str, tuple[str, str | None, int]]:
    """The method, the column and the group of each table that is distributed or replicated."""
    async with await connect(url) as conn:
        found = await conn.execute(
            "select n.nspname || '.' || c.relname as name, partmethod, partkey, colocationid"
            " from pg_dist_partition d join pg_class c on c.oid = d.logicalrelid"
            " join pg_namespace n on n.oid = c.relnamespace"
        )
        return {
            r["name"]: (r["partmethod"], r["partkey"], r["colocationid"])
            for r in await found.fetchall()
        }


async def left(conn: Connection) -> tuple[str, ...]:
    placed = await placement(conn)
    assert placed is not None
    return placed.missing


async def told(conn: Connection, first: int, count: int) -> None:
    await append(conn, "test", [
        delivery(body("subscription.active", "active", at(n), f"sub_{n}"))
        for n in range(first, first + count)
    ])  # fmt: skip
    await open_checkpoints(conn)
    while await advance(conn, "test"):
        pass
