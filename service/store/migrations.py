"""The event store's schema, brought up to date. Read models are derived and not migrated."""

from hashlib import sha256

from psycopg.errors import UndefinedTable

from service.database.connections import Connection
from service.database.statements import names, text

# any constant: two processes that start together migrate one after the other
_LOCK = 0x0DA1B00C


class SchemaError(Exception):
    """The database has a schema that this version cannot use; the text says what to do."""


async def migrate(conn: Connection) -> tuple[str, ...]:
    """Apply what is missing, each file in a transaction of its own.

    Returns:
        The names of the migrations that were applied now.

    Raises:
        SchemaError: if the schema is one of an unreleased version.
        psycopg.errors.InsufficientPrivilege: if something is missing, and the role of ``conn`` may
            not change the schema.
    """
    if not await missing(conn):
        return ()
    applied: list[str] = []
    for name in names("store/migrations"):
        async with conn.transaction():
            await lock(conn)
            # under the lock: two that make the same schema at once would collide
            await conn.execute(text("store/migration_schema"))
            await conn.execute(text("store/migration_table"))
            if name not in await missing(conn):
                continue
            # without parameters, so that a file may hold several statements
            await conn.execute(text(f"store/migrations/{name}"))
            done = {"name": name, "sha256": _checksum(name)}
            await conn.execute(text("store/migration_done"), done)
            applied.append(name)
    return tuple(applied)


async def lock(conn: Connection) -> None:
    """Let nobody else change the schema until the end of the transaction."""
    await conn.execute(text("store/migration_lock"), {"key": _LOCK})


async def missing(conn: Connection) -> set[str]:
    """The migrations that the database lacks, of those that this version knows.

    Raises:
        SchemaError: if one that was applied differs from this version's of the same name.
    """
    known = {name: _checksum(name) for name in names("store/migrations")}
    try:
        cursor = await conn.execute(text("store/migrations_known"))
    except UndefinedTable:
        await _refuse_unversioned(conn)
        return set(known)
    applied = {row["name"]: row["sha256"] for row in await cursor.fetchall()}
    if edited := [name for name in known if applied.get(name, known[name]) != known[name]]:
        raise _unusable(f"migration {edited[0]} has another checksum")
    return known.keys() - applied


async def _refuse_unversioned(conn: Connection) -> None:
    row = await (await conn.execute(text("store/unversioned"))).fetchone()
    if row and row["unversioned"]:
        raise _unusable("it has events, but no record of its migrations")


def _unusable(reason: str) -> SchemaError:
    return SchemaError(
        f"The schema of this database was made by an unreleased version of Daybook: {reason}."
        " Use an empty database or another data directory, or the version that made this one."
    )


def _checksum(name: str) -> bytes:
    return sha256(text(f"store/migrations/{name}").encode()).digest()
