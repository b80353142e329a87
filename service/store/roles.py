"""Two roles: the owner of the schema, who migrates it, and the service's, which only appends.

The owner's is used to migrate and for nothing else, so no defect of the service and no statement
that is smuggled into it can alter an event: its role lacks the privilege, and cannot get it. The
trigger on the table is the second fence, and the only one where the service is given the owner.
"""

from msgspec import Struct
from psycopg.errors import InsufficientPrivilege
from psycopg.sql import Identifier, Literal

from service.database import statements
from service.database.connections import Connection, connect
from service.store.migrations import lock, migrate

SERVICE = "daybook_service"
"""The service's role in the private PostgreSQL."""


class RoleError(Exception):
    """The role may not do what it must, or more than it should; the text says what to do."""


class UnsuitableRoleError(RoleError):
    """The role could alter events, whatever it is given; another must be configured."""


class Access(Struct, frozen=True):
    """Who is connected to what, and whether its rights are those that the service should have."""

    role: str
    database: str
    version: str
    alters: bool
    lacking: tuple[str, ...]


async def set_up(owner_url: str, role: str, password: str | None = None) -> tuple[str, ...]:
    """Migrate as the owner, and give the service's role what it needs and no more.

    Args:
        owner_url: of the database, as a role that owns the schema or may make it.
        role: the service's; it is made if it is absent.
        password: the role's, if it is made.

    Returns:
        The names of the migrations that were applied now.

    Raises:
        UnsuitableRoleError: if the role could alter events whatever it is given here.
        RoleError: if it still lacks a right, or the owner may not do what must be done.
        service.migrations.SchemaError: if the schema is one of an unreleased version.
    """
    async with await connect(owner_url) as conn:
        applied = await migrate_as_owner(conn)
        try:
            async with conn.transaction():
                await lock(conn)
                await _allow(conn, role, password)
                if await alters(conn, role):
                    raise UnsuitableRoleError(
                        f"{role} may not be the service's role: it is a superuser, may create"
                        " roles, owns the events, or acts for who does. Name another in"
                        " DAYBOOK_DATABASE_URL."
                    )
                await _hand_over(conn, role)
                if lacks := await lacking(conn, role):
                    raise RoleError(f"{role} still lacks: {', '.join(lacks)}.")
        except InsufficientPrivilege as error:
            owner = (await access(conn)).role
            raise RoleError(
                f"{owner} may not set up {role}: {error.diag.message_primary}. Let {role} be made"
                f" beforehand, or give {owner} CREATEROLE; where {owner} has built read models,"
                f" grant {role} to {owner} too."
            ) from error
    return applied


async def migrate_as_owner(conn: Connection) -> tuple[str, ...]:
    """Migrate; where the role may not, say which role that is and what it needs.

    Raises:
        RoleError: if something is missing, and the role may not change the schema.
        service.migrations.SchemaError: if the schema is one of an unreleased version.
    """
    try:
        return await migrate(conn)
    except InsufficientPrivilege as error:
        row = await (await conn.execute(statements.text("store/roles/connection"))).fetchone() or {}
        raise RoleError(
            f"{row['role']} may not migrate database {row['database']}:"
            f" {error.diag.message_primary}. If another role owns the schema, run `daybook migrate`"
            f" with --owner and its URL; otherwise grant CREATE on the database to {row['role']}."
        ) from error


async def alters(conn: Connection, role: str | None = None) -> bool:
    """Whether a role, or else that of ``conn``, could alter events if no trigger were there."""
    row = await (
        await conn.execute(statements.text("store/roles/alters"), {"role": role})
    ).fetchone()
    return bool(row and row["alters"])


async def lacking(conn: Connection, role: str | None = None) -> tuple[str, ...]:
    """The rights that the service needs and a role, or else that of ``conn``, does not have."""
    cursor = await conn.execute(statements.text("store/roles/lacking"), {"role": role})
    return tuple([row["lacks"] for row in await cursor.fetchall()])


async def access(conn: Connection) -> Access:
    """Who ``conn`` is connected as; the schema must be there.

    Raises:
        psycopg.errors.UndefinedTable: if it is not.
    """
    row = await (await conn.execute(statements.text("store/roles/connection"))).fetchone() or {}
    return Access(**row, alters=await alters(conn), lacking=await lacking(conn))


async def _allow(conn: Connection, role: str, password: str | None) -> None:
    name = Identifier(role)
    if not await (
        await conn.execute(statements.text("store/roles/known"), {"role": role})
    ).fetchone():
        secret = Literal(password and _scram(conn, role, password))
        await conn.execute(statements.fill("store/roles/create", role=name, password=secret))
    await conn.execute(statements.fill("store/roles/allow", role=name))


async def _hand_over(conn: Connection, role: str) -> None:
    """Give the service's role the read models that another role has built."""
    name = Identifier(role)
    cursor = await conn.execute(statements.text("store/roles/others_tables"), {"role": role})
    if not (rows := await cursor.fetchall()):
        return
    await conn.execute(statements.fill("store/roles/act_for", role=name))
    for row in rows:
        table = statements.relation(row["name"])
        await conn.execute(statements.fill("store/roles/hand_over", table=table, role=name))


def _scram(conn: Connection, role: str, password: str) -> str:
    # the server's log may show the statement, so it holds the hash only
    hashed = conn.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    return hashed.decode()
