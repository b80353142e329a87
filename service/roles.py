"""Two roles: the owner of the schema, who migrates it, and the service's, which only appends.

The owner's is used to migrate and for nothing else, so no defect of the service and no statement
that is smuggled into it can alter an event: its role lacks the privilege, and cannot get it. The
trigger on the table is the second fence, and the only one where the service is given the owner.
"""

from psycopg.sql import Identifier, Literal

from service import sql
from service.migrations import lock, migrate
from service.postgres import Connection, connect

SERVICE = "daybook_service"
"""The service's role in the private PostgreSQL."""


class RoleError(Exception):
    """The role cannot be the service's; the text says why."""


async def set_up(owner_url: str, role: str, password: str | None = None) -> tuple[str, ...]:
    """Migrate as the owner, and give the service's role what it needs and no more.

    Args:
        owner_url: of the database, as a role that owns the schema or may make it.
        role: the service's; it is made if it is absent.
        password: the role's, if it is made.

    Returns:
        The names of the migrations that were applied now.

    Raises:
        RoleError: if the role could alter events whatever it is given here.
        psycopg.errors.InsufficientPrivilege: if the owner may not do what must be done.
    """
    async with await connect(owner_url) as conn:
        applied = await migrate(conn)
        async with conn.transaction():
            await lock(conn)
            await _allow(conn, role, password)
            if await alters(conn, role):
                raise RoleError(
                    f"{role} may not be the service's role: it is a superuser, owns the events,"
                    " or acts for who does. Name another in DAYBOOK_DATABASE_URL."
                )
            await _hand_over(conn, role)
    return applied


async def alters(conn: Connection, role: str | None = None) -> bool:
    """Whether a role, or else that of ``conn``, could alter events if no trigger were there."""
    row = await (await conn.execute(sql.text("roles/alters"), {"role": role})).fetchone()
    return bool(row and row["alters"])


async def _allow(conn: Connection, role: str, password: str | None) -> None:
    name = Identifier(role)
    if not await (await conn.execute(sql.text("roles/known"), {"role": role})).fetchone():
        secret = Literal(password and _scram(conn, role, password))
        await conn.execute(sql.fill("roles/create", role=name, password=secret))
    await conn.execute(sql.fill("roles/allow", role=name))


async def _hand_over(conn: Connection, role: str) -> None:
    name = Identifier(role)
    await conn.execute(sql.fill("roles/act_for", role=name))
    found = await conn.execute(sql.text("roles/others_tables"), {"role": role})
    for row in await found.fetchall():
        table = sql.relation(row["name"])
        await conn.execute(sql.fill("roles/hand_over", table=table, role=name))


def _scram(conn: Connection, role: str, password: str) -> str:
    # the server's log may show the statement, so it holds the hash only
    hashed = conn.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    return hashed.decode()
