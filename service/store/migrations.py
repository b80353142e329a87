"""Migrates the event store's schema. Read models are derived and never migrated."""

from hashlib import sha256

from psycopg.errors import DuplicateObject, DuplicateTable, UndefinedTable, UniqueViolation

from service.database.connections import Connection
from service.database.statements import names, text


class SchemaError(Exception):
    """This version cannot use the database's schema; the text says what to do."""


async def migrate(conn: Connection) -> tuple[str, ...]:
    """Apply the missing migrations, each in its own transaction.

    Returns:
        The names of the applied migrations.

    Raises:
        SchemaError: if an unreleased version created the schema.
        psycopg.errors.InsufficientPrivilege: if a migration is missing, and the role of ``conn``
            may not change the schema.
    """
    if not await missing_migrations(conn):
        return ()
    await _open_record(conn)
    applied: list[str] = []
    for name in names("store/migrations"):
        async with conn.transaction():
            await lock(conn)
            if name not in await missing_migrations(conn):
                continue
            # without parameters, so that a file may contain several statements
            await conn.execute(text(f"store/migrations/{name}"))
            done = {"name": name, "sha256": _checksum(name)}
            await conn.execute(text("store/migration_done"), done)
            applied.append(name)
    return tuple(applied)


async def _open_record(conn: Connection) -> None:
    """Create the table of applied migrations; of processes that do so at once, one is first."""
    while True:
        try:
            async with conn.transaction():
                await conn.execute(text("store/migration_schema"))
                await conn.execute(text("store/migration_table"))
        except (DuplicateObject, DuplicateTable, UniqueViolation):
            # another process has just committed it
            continue
        return


async def lock(conn: Connection) -> None:
    """Lock the schema against other migrations until the end of the transaction."""
    await conn.execute(text("store/lock_migrations"))


async def missing_migrations(conn: Connection) -> set[str]:
    """The names of this version's migrations that the database lacks.

    Raises:
        SchemaError: if an applied migration differs from this version's of the same name.
    """
    known = {name: _checksum(name) for name in names("store/migrations")}
    try:
        cursor = await conn.execute(text("store/migrations_known"))
    except UndefinedTable:
        await _refuse_unversioned(conn)
        return set(known)
    applied = {row["name"]: row["sha256"] for row in await cursor.fetchall()}
    if edited := [name for name in known if applied.get(name, known[name]) != known[name]]:
        raise _edited(edited[0], applied[edited[0]], known[edited[0]])
    return known.keys() - applied


async def _refuse_unversioned(conn: Connection) -> None:
    row = await (await conn.execute(text("store/unversioned"))).fetchone()
    if row and row["unversioned"]:
        raise SchemaError(
            "An unreleased version of Daybook created the schema of this database: it has events,"
            " but no record of migrations. Use an empty database, another data directory, or the"
            " version that created the schema."
        )


def _edited(name: str, applied: bytes, ours: bytes) -> SchemaError:
    return SchemaError(
        f"Migration {name} was edited: this database was migrated with another text of it (checksum"
        f" {applied.hex()[:12] or 'none'}, here {ours.hex()[:12]}). Nothing was changed. Use a"
        f" version that has the old text, or put it back into sql/store/migrations/{name}.sql; what"
        " is to change in the schema belongs into a new migration."
    )


def _checksum(name: str) -> bytes:
    return sha256(text(f"store/migrations/{name}").encode()).digest()
