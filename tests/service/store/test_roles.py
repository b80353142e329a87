"""The service's own role cannot alter history, whatever it is told to say."""

import asyncio
from typing import LiteralString

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege, IntegrityConstraintViolation
from psycopg.sql import SQL, Identifier

from service.database import connections
from service.database.connections import Connection, UnsupportedServerError, connect
from service.readmodels.rebuild import open_checkpoints, rebuild
from service.store import api_keys
from service.store.events import append, open_books
from service.store.migrations import SchemaError, migrate
from service.store.roles import (
    SERVICE,
    Migrated,
    RoleError,
    can_alter_events,
    set_up_role,
)
from tests.builders import body
from tests.conftest import PLAIN, as_owner, as_service, fresh_database
from tests.deliveries import delivery
from tests.service.store.test_events import rows_of

NOTHING = Migrated(applied=(), distributed=())

TAMPERING: tuple[LiteralString, ...] = (
    "update store.event set body = ''",
    "update store.event set body = '' where false",
    "delete from store.event",
    "truncate store.event",
    "with gone as (delete from store.event returning *) select * from gone",
    "insert into store.event table store.event on conflict (book, position) do update set link=''",
    "merge into store.event e using store.head h on h.book = e.book when matched then delete",
    "copy (update store.event set body = '' returning *) to stdout",
    "copy store.event from '/dev/null'",
    "copy store.event from program 'true'",
    "select * from store.event for update",
    "alter table store.event disable trigger event_is_append_only",
    "alter table store.event disable trigger all",
    "drop trigger event_is_append_only on store.event",
    "create trigger mine before insert on store.event execute function store.refuse()",
    "create or replace rule mine as on insert to store.event do instead nothing",
    "alter table store.event alter body drop not null",
    "alter table store.event add mine text",
    "alter table store.event drop column body",
    "alter table store.event rename to other",
    "alter table store.event set schema read",
    "alter table store.event enable row level security",
    "alter table store.event set unlogged",
    "create table read.mine () inherits (store.event)",
    "create table read.mine partition of store.event default",
    "drop table store.event",
    "drop index store.event_identity",
    "drop schema store cascade",
    "alter schema store rename to other",
    "create table store.mine ()",
    "create or replace function store.refuse() returns trigger language sql as 'select 1'",
    "do 'begin lock table store.event in access exclusive mode; end'",
    "drop function store.refuse cascade",
    "alter function store.refuse owner to current_user",
    "alter table store.event owner to current_user",
    "alter schema store owner to current_user",
    "grant postgres to current_user",
    "grant pg_write_all_data to current_user",
    "alter role current_user superuser",
    "alter role current_user createrole",
    "create role mine superuser",
    "set role postgres",
    "set session authorization postgres",
    "set session_replication_role = replica",
    "reassign owned by postgres to current_user",
    "alter database postgres owner to current_user",
    "create function read.mine() returns void language c as 'libc', 'system'",
    "create extension pg_stat_statements",
    "do language plpgsql $$ begin delete from store.event; end $$",
    "insert into store.migration (name, sha256) values ('9999_mine', '')",
    "delete from store.head",
    "truncate store.head",
    "update store.head set book = 'other'",
    "insert into store.head (book, position) values ('other', 5)",
    "update store.api_key set sha256 = ''",
    "update store.api_key set scopes = '{admin}'",
    "insert into store.api_key (book, id, created_at) values ('test', 'x', '-infinity')",
    "drop trigger head_moves_forward on store.head",
    "drop trigger key_stays_revoked on store.api_key",
    "create or replace function store.refuse_change() returns trigger language sql as 'select 1'",
    "drop table read.checkpoint",
    "update store.checkpoint set note = ''",
    "delete from store.tree_node",
    "update store.origin set public_key = ''",
    "truncate store.anchored",
    "update store.audit set who = ''",
    "delete from store.audit",
    "truncate store.audit",
    "delete from store.document",
)


@PLAIN
async def test_its_role_cannot_alter_history_nor_its_own_privileges(conn: Connection) -> None:
    await append(conn, "test", [delivery(b"1")])
    before = await rows_of(conn)
    for statement in TAMPERING:
        with pytest.raises(psycopg.Error) as refused:
            await conn.execute(statement)
        # refused as a matter of privilege, and not because the statement is a wrong one
        assert refused.value.sqlstate in REFUSED, (statement, refused.value)
        assert await rows_of(conn) == before
        assert not await can_alter_events(conn)


REFUSED = {"42501", "42809"}
"""Insufficient privilege; and what the kind of table forbids before privileges are asked."""


async def test_what_it_grants_itself_is_nothing(conn: Connection) -> None:
    """PostgreSQL only warns of it, where another privilege on the same thing is held."""
    privileges = (
        "select relacl::text, nspacl::text from pg_class join pg_namespace n"
        " on n.oid = relnamespace where relname = 'event' and nspname = 'store'"
    )
    before = await (await conn.execute(privileges)).fetchall()
    await conn.execute("grant update on store.event to current_user")
    await conn.execute("grant select on store.event to public")
    await conn.execute("grant all on schema store to current_user")
    assert await (await conn.execute(privileges)).fetchall() == before
    assert not await can_alter_events(conn)


async def test_the_owner_could_if_no_trigger_were_there(database_url: str) -> None:
    async with await connect(as_owner(database_url)) as owner:
        assert await can_alter_events(owner)
        assert not await can_alter_events(owner, SERVICE)


async def test_a_role_that_could_alter_events_is_not_taken(empty_database_url: str) -> None:
    with pytest.raises(RoleError, match="postgres cannot be"):
        await set_up_role(empty_database_url, "postgres")


async def test_privileges_that_were_given_by_hand_are_taken_back(database_url: str) -> None:
    owner_url = as_owner(database_url)
    async with await connect(owner_url) as owner:
        await owner.execute(SQL("grant all on store.event to {}").format(Identifier(SERVICE)))
        assert await can_alter_events(owner, SERVICE)
        assert await set_up_role(owner_url, SERVICE) == NOTHING
        assert not await can_alter_events(owner, SERVICE)


async def test_it_may_not_migrate_and_need_not_where_all_is_done(
    database_url: str, postgres: str
) -> None:
    async with await connect(database_url) as conn:
        assert await migrate(conn) == ()
    async with await connect(fresh_database(postgres, "template1")) as conn:
        with pytest.raises(InsufficientPrivilege):
            await migrate(conn)


async def test_read_models_that_the_owner_built_are_handed_over(empty_database_url: str) -> None:
    async with await connect(empty_database_url) as owner:
        await migrate(owner)
        await open_books(owner, {"test": None})
        await rebuild(owner)
        await open_checkpoints(owner)
    await set_up_role(empty_database_url, SERVICE)
    async with await connect(as_service(empty_database_url)) as conn:
        await append(conn, "test", [delivery(body("subscription.active", "active"))])
        assert await rebuild(conn) == {"test": 1}


def test_an_owner_who_is_no_superuser_can_do_it(postgres: str) -> None:
    """As on a hosted PostgreSQL: its owner may make roles, and is asked for a password."""
    url = fresh_database(postgres, "template1")
    with psycopg.connect(as_owner(url), autocommit=True) as admin:
        admin.execute("create role hosted_owner login createrole password 'o'")
        database = SQL("alter database {} owner to hosted_owner")
        admin.execute(database.format(Identifier(admin.info.dbname)))
    owner_url = url.replace(SERVICE, "hosted_owner:o")
    for _ in range(2):
        asyncio.run(set_up_role(owner_url, "hosted_service", "p"))
    with psycopg.connect(url.replace(SERVICE, "hosted_service:p")) as conn:
        assert conn.execute("select count(*) from store.event").fetchone() == (0,)
        with pytest.raises(InsufficientPrivilege):
            conn.execute("truncate store.event")
    with psycopg.connect(as_owner(url)) as admin:
        found = admin.execute("select rolpassword from pg_authid where rolname = 'hosted_service'")
        assert str((found.fetchone() or [""])[0]).startswith("SCRAM-SHA-256$")


BACKWARDS: tuple[LiteralString, ...] = (
    "update store.head set position = position - 1",
    "update store.head set position = 0, link = decode(repeat('00', 32), 'hex')",
    "update store.head set link = decode(repeat('01', 32), 'hex')",
    "update store.head set recorded_at = recorded_at - interval '1 microsecond'",
    "update store.api_key set revoked_at = null",
    "update store.api_key set revoked_at = now() + interval '1 day'",
)


@PLAIN
async def test_no_head_moves_back_and_no_key_comes_back(
    conn: Connection, database_url: str
) -> None:
    await append(conn, "test", [delivery(b"1")])
    await api_keys.create(conn, "test", ("read",), None)
    (key,) = await api_keys.list_keys(conn, "test")
    assert await api_keys.revoke(conn, key.id)
    async with await connect(as_owner(database_url)) as owner:
        # the service's role, and the owner too, where one role does all
        for connection in (conn, owner):
            for statement in BACKWARDS:
                with pytest.raises(
                    IntegrityConstraintViolation, match=r"never moves|stays revoked"
                ):
                    await connection.execute(statement)
    assert (await api_keys.list_keys(conn, "test"))[0].revoked_at


async def test_an_older_server_is_refused_with_a_sentence(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "OLDEST_SERVER", 99)
    with pytest.raises(UnsupportedServerError, match=r"is PostgreSQL \d+.*needs PostgreSQL 99"):
        await connect(database_url)


async def test_a_database_that_is_not_in_utf8_is_refused_with_a_sentence(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute("create database ascii encoding 'SQL_ASCII' locale 'C' template template0")
    other = make_conninfo(postgres, dbname="ascii")
    with pytest.raises(UnsupportedServerError, match=r"SQL_ASCII; Daybook needs UTF8\. Create it"):
        await connect(other)


async def test_a_migration_that_was_edited_is_refused_with_a_sentence(
    empty_database_url: str,
) -> None:
    async with await connect(empty_database_url) as conn:
        await migrate(conn)
        await conn.execute("update store.migration set sha256 = ''")
        with pytest.raises(SchemaError, match=r"0001_store was edited: .* Nothing was changed\."):
            await migrate(conn)


async def test_a_schema_without_a_record_of_migrations_is_refused_with_a_sentence(
    empty_database_url: str,
) -> None:
    async with await connect(empty_database_url) as conn:
        await migrate(conn)
        await conn.execute("drop table store.migration")
        with pytest.raises(SchemaError, match="unreleased version"):
            await migrate(conn)


async def test_nothing_of_ours_lies_in_public(conn: Connection) -> None:
    cursor = await conn.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace"
        " union all select proname from pg_proc where pronamespace = 'public'::regnamespace"
    )
    assert await cursor.fetchall() == []
