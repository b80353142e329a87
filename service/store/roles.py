"""Two database roles: the owner migrates the schema, and the service's role only appends.

The owner is used for migrations only. So neither a bug nor an SQL injection in the service can
alter an event: its role lacks the privilege, and cannot gain it. A trigger on the table is the
second line of defence, and the only one if the service connects as the owner.
"""

from msgspec import Struct
from psycopg.errors import InsufficientPrivilege
from psycopg.sql import Identifier, Literal

from service.database import statements
from service.database.citus import citus_version
from service.database.connections import Connection, connect
from service.store.distribution import distribute
from service.store.migrations import lock, migrate

SERVICE = "daybook_service"
"""The service's role in the private PostgreSQL."""


class RoleError(Exception):
    """The role lacks privileges, or has too many; the text says what to do."""


class UnsuitableRoleError(RoleError):
    """The role can alter events whatever it is granted; configure another."""


class Access(Struct, frozen=True):
    """The role and database of a connection, and whether the role suits the service."""

    role: str
    database: str
    version: str
    can_alter_events: bool
    missing_privileges: tuple[str, ...]
    distributed: bool


class Migrated(Struct, frozen=True):
    """What a migration has changed: migrations, and tables that Citus distributes from now on."""

    applied: tuple[str, ...]
    distributed: tuple[str, ...]


async def set_up_role(owner_url: str, role: str, password: str | None = None) -> Migrated:
    """Migrate as the owner, and grant the service's role exactly what it needs.

    Args:
        owner_url: the database's URL with a role that owns the schema, or may create it.
        role: the service's role; created if it does not exist.
        password: the password of a created role.

    Raises:
        UnsuitableRoleError: if the role can alter events whatever it is granted.
        RoleError: if the role still lacks a privilege, or the owner may not grant it.
        store.migrations.SchemaError: if an unreleased version created the schema.
    """
    async with await connect(owner_url) as conn:
        migrated = await migrate_as_owner(conn)
        try:
            async with conn.transaction():
                await lock(conn)
                await _allow(conn, role, password)
                if await can_alter_events(conn, role):
                    raise UnsuitableRoleError(
                        f"{role} cannot be the service's role: it is a superuser, may create"
                        " roles, owns the events, or is a member of their owner. Configure another"
                        " role in DAYBOOK_DATABASE_URL."
                    )
                await _hand_over(conn, role)
                if lacks := await missing_privileges(conn, role):
                    raise RoleError(f"{role} still lacks: {', '.join(lacks)}.")
        except InsufficientPrivilege as error:
            owner = (await access(conn)).role
            raise RoleError(
                f"{owner} may not set up {role}: {error.diag.message_primary}. Create {role}"
                f" first, or grant {owner} CREATEROLE; if {owner} has built read models, grant"
                f" {role} to {owner} too."
            ) from error
    return migrated


async def migrate_as_owner(conn: Connection) -> Migrated:
    """Migrate, and distribute the tables where there is Citus; if the role may not, say so.

    Raises:
        RoleError: if a migration is missing, and the role may not change the schema.
        store.migrations.SchemaError: if an unreleased version created the schema.
    """
    try:
        return Migrated(await migrate(conn), await distribute(conn))
    except InsufficientPrivilege as error:
        row = await (await conn.execute(statements.text("store/roles/connection"))).fetchone() or {}
        raise RoleError(
            f"{row['role']} may not migrate database {row['database']}:"
            f" {error.diag.message_primary}. If another role owns the schema, run `daybook migrate`"
            f" with --owner and its URL; otherwise grant CREATE on the database to {row['role']}."
        ) from error


async def can_alter_events(conn: Connection, role: str | None = None) -> bool:
    """Whether a role, by default that of ``conn``, could alter events if no trigger existed."""
    row = await (
        await conn.execute(statements.text("store/roles/alters"), {"role": role})
    ).fetchone()
    return bool(row and row["alters"])


async def missing_privileges(conn: Connection, role: str | None = None) -> tuple[str, ...]:
    """The service's privileges that a role, by default that of ``conn``, lacks."""
    cursor = await conn.execute(statements.text("store/roles/lacking"), {"role": role})
    return tuple([row["lacks"] for row in await cursor.fetchall()])


async def access(conn: Connection) -> Access:
    """The access of ``conn``; the schema must exist.

    Raises:
        psycopg.errors.UndefinedTable: if the schema does not exist.
    """
    row = await (await conn.execute(statements.text("store/roles/connection"))).fetchone() or {}
    return Access(
        **row,
        can_alter_events=await can_alter_events(conn),
        missing_privileges=await missing_privileges(conn),
        distributed=await citus_version(conn) is not None,
    )


async def _allow(conn: Connection, role: str, password: str | None) -> None:
    name = Identifier(role)
    if not await (
        await conn.execute(statements.text("store/roles/known"), {"role": role})
    ).fetchone():
        secret = Literal(password and _scram(conn, role, password))
        await conn.execute(statements.fill("store/roles/create", role=name, password=secret))
    await conn.execute(statements.fill("store/roles/allow", role=name))


async def _hand_over(conn: Connection, role: str) -> None:
    """Make the service's role the owner of read models that another role has built."""
    name = Identifier(role)
    cursor = await conn.execute(statements.text("store/roles/others_tables"), {"role": role})
    if not (rows := await cursor.fetchall()):
        return
    await conn.execute(statements.fill("store/roles/act_for", role=name))
    for row in rows:
        table = statements.relation(row["name"])
        await conn.execute(statements.fill("store/roles/hand_over", table=table, role=name))


def _scram(conn: Connection, role: str, password: str) -> str:
    # the server may log the statement, so it contains only the hash
    hashed = conn.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    return hashed.decode()
