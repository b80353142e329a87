"""The rights that the README names are those of the service's role, and they suffice."""

import re
from pathlib import Path
from typing import LiteralString

import pytest
from psycopg.sql import SQL, Composed, Identifier
from pydantic import SecretStr

from service.database.connections import Connection, connect
from service.readmodels.projector import advance
from service.readmodels.rebuild import open_checkpoints, preview, rebuild
from service.settings import Book
from service.store.events import append
from service.store.prepare import prepare
from service.store.roles import (
    SERVICE,
    Migrated,
    access,
    missing_privileges,
    set_up_role,
)
from tests import servers
from tests.builders import SECRET, body
from tests.conftest import as_owner
from tests.deliveries import delivery
from tests.documents import SQL as README


async def test_each_right_that_is_missing_is_named(database_url: str) -> None:
    async with await connect(as_owner(database_url)) as owner:
        assert await missing_privileges(owner, SERVICE) == ()
        for right in sorted(await rights_of(owner, SERVICE)):
            async with owner.transaction(force_rollback=True):
                await owner.execute(revoking(right))
                assert await missing_privileges(owner, SERVICE) == (right,)


async def test_the_readme_names_the_rights_of_the_services_role(database_url: str) -> None:
    named = set()
    for tables, rights in re.findall(
        r"^\| (`(?:store|read)\..+) \| (.+) \|$", README.read_text(), re.MULTILINE
    ):
        for table in re.findall(r"`([\w.]+)`", tables):
            for privilege, columns in re.findall(r"`(\w+)(?: \((.+?)\))?`", rights):
                chosen = [f"{privilege} ({c}) on {table}" for c in columns.split(", ") if c]
                named |= set(chosen or [f"{privilege} on {table}"])
    async with await connect(as_owner(database_url)) as owner:
        held = {r for r in await rights_of(owner, SERVICE) if re.search(r" on (store|read)\.", r)}
    assert named == held


async def rights_of(conn: Connection, role: str) -> set[str]:
    """The grants of a role, in the words of ``roles.missing_privileges``."""
    cursor = await conn.execute(
        "select lower(a.privilege_type) as privilege, null as column_name,"
        "  n.nspname || '.' || c.relname as object, c.relacl as acl"
        " from pg_class c join pg_namespace n on n.oid = c.relnamespace,"
        "  aclexplode(c.relacl) a join pg_roles r on r.oid = a.grantee"
        " where n.nspname in ('store', 'read') and r.rolname = %(role)s and c.relowner <> r.oid"
        " union all"
        " select lower(a.privilege_type), t.attname, n.nspname || '.' || c.relname, null"
        " from pg_attribute t join pg_class c on c.oid = t.attrelid"
        "  join pg_namespace n on n.oid = c.relnamespace,"
        "  aclexplode(t.attacl) a join pg_roles r on r.oid = a.grantee"
        " where n.nspname in ('store', 'read') and r.rolname = %(role)s"
        " union all"
        " select lower(a.privilege_type), null, 'schema ' || n.nspname, null"
        " from pg_namespace n, aclexplode(n.nspacl) a join pg_roles r on r.oid = a.grantee"
        " where r.rolname = %(role)s",
        {"role": role},
    )
    return {
        f"{row['privilege']} ({row['column_name']}) on {row['object']}"
        if row["column_name"]
        else f"{row['privilege']} on {row['object']}"
        for row in await cursor.fetchall()
    }


def revoking(right: str) -> Composed:
    """The statement that takes a right from the service's role."""
    # names of ours, from the catalogue of a database of this test's own
    literal: LiteralString = right
    return SQL("revoke " + literal + " from {}").format(Identifier(SERVICE))


# every day, all other tests have the rights of the service's role and no more
@pytest.mark.slow
@pytest.mark.parametrize(
    "bin_dir",
    [pytest.param(found, id=str(major)) for major, found in servers.installed().items()],
)
async def test_the_rights_that_the_readme_names_suffice_as_on_a_managed_server(
    bin_dir: Path,
) -> None:
    """Both arrangements: one role that does all, and an owner with a role for the service."""
    with servers.running(bin_dir) as url:
        for number, owner_rights in enumerate(("nocreaterole", "createrole", "nocreaterole")):
            owner, service = f"owner_{number}", f"service_{number}"
            async with await connect(url) as admin:
                await admin.execute(f"create role {owner} login {owner_rights}")
                await admin.execute(f"create database {owner}")
                await admin.execute(f"grant create on database {owner} to {owner}")
                if number == 2:
                    # made by the provider's console: the owner has no power over it
                    await admin.execute(f"create role {service} login")
            own = url.replace("postgres@/postgres", f"{owner}@/{owner}")
            if number == 0:
                await uses(own, can_alter_events=True)
                continue
            await set_up_role(own, service)
            assert await set_up_role(own, service) == Migrated(applied=(), distributed=())
            await uses(own.replace(f"{owner}@", f"{service}@"), can_alter_events=False)


async def uses(url: str, *, can_alter_events: bool) -> None:
    """Everything that the service does with a database."""
    assert (
        await prepare(url, {"test": Book(mode="test", secrets=[SecretStr(SECRET)])})
        is can_alter_events
    )
    async with await connect(url) as conn:
        await rebuild(conn)
        await open_checkpoints(conn)
        await append(conn, "test", [delivery(body("subscription.active", "active"))])
        while await advance(conn, "test"):
            pass
        assert not any(found.rows for found in await preview(conn))
        role = await access(conn)
        assert (role.can_alter_events, role.missing_privileges) == (can_alter_events, ())
