"""The event store's schema, brought up to date. Read models are derived and not migrated."""

from service.postgres import Connection
from service.sql import names, text

# any constant: two processes that start together migrate one after the other
_LOCK = 0x0DA1B00C


async def migrate(conn: Connection) -> tuple[str, ...]:
    """Apply what is missing, each file in a transaction of its own.

    Returns:
        The names of the migrations that were applied now.
    """
    applied: list[str] = []
    for name in names("migrations"):
        async with conn.transaction():
            await conn.execute(text("store/migration_lock"), {"key": _LOCK})
            await conn.execute(text("store/migration_table"))
            found = await conn.execute(text("store/migration_known"), {"name": name})
            if await found.fetchone():
                continue
            # without parameters, so that a file may hold several statements
            await conn.execute(text(f"migrations/{name}"))
            await conn.execute(text("store/migration_done"), {"name": name})
            applied.append(name)
    return tuple(applied)
