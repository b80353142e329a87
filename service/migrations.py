"""The event store's schema, brought up to date. Read models are derived and not migrated."""

from psycopg.errors import UndefinedTable

from service.postgres import Connection
from service.sql import names, text

# any constant: two processes that start together migrate one after the other
_LOCK = 0x0DA1B00C


async def migrate(conn: Connection) -> tuple[str, ...]:
    """Apply what is missing, each file in a transaction of its own.

    Returns:
        The names of the migrations that were applied now.

    Raises:
        psycopg.errors.InsufficientPrivilege: if something is missing, and the role of ``conn`` may
            not change the schema.
    """
    if not await missing(conn):
        return ()
    applied: list[str] = []
    for name in names("migrations"):
        async with conn.transaction():
            await lock(conn)
            await conn.execute(text("store/migration_table"))
            if name not in await missing(conn):
                continue
            # without parameters, so that a file may hold several statements
            await conn.execute(text(f"migrations/{name}"))
            await conn.execute(text("store/migration_done"), {"name": name})
            applied.append(name)
    return tuple(applied)


async def lock(conn: Connection) -> None:
    """Let nobody else change the schema until the end of the transaction."""
    await conn.execute(text("store/migration_lock"), {"key": _LOCK})


async def missing(conn: Connection) -> set[str]:
    """The migrations that the database lacks, of those that this version knows."""
    try:
        found = await conn.execute(text("store/migrations_known"))
    except UndefinedTable:
        return set(names("migrations"))
    return set(names("migrations")) - {row["name"] for row in await found.fetchall()}
