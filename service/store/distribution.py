"""Distributes the schema over a cluster, where the database has the extension Citus.

Every table with a book is distributed by it, all of them colocated: what a statement reads or
writes of one book is on one node. The few small tables without a book are kept whole on every node.
"""

from msgspec import Struct
from psycopg.sql import Identifier

from service.database import citus
from service.database.citus import Table, citus_version
from service.database.connections import Connection

EVENTS = Identifier("store", "event")
"""The table whose shards the others follow."""

REPLICATED = frozenset({"read.projection", "read.lease", "store.job"})
"""Small tables that are whole on every node, since what they keep apart is not one book's alone."""

LOCAL = frozenset({"store.migration"})
"""Tables that stay where migrations run, on the coordinator."""

_SCHEMAS = ("store", "read")
_COLUMN = "book"
_FUNCTION = "store.key(text, text)"


class Placement(Struct, frozen=True):
    """How the tables are kept: the version of Citus, and which tables it has not distributed."""

    version: str
    missing: tuple[str, ...]


async def placement(conn: Connection) -> Placement | None:
    """How the tables are kept; None where the database does not have Citus."""
    version = await citus_version(conn)
    if version is None:
        return None
    return Placement(version, tuple([str(table) for table in await _missing(conn)]))


async def distribute(conn: Connection) -> tuple[str, ...]:
    """Distribute what is not distributed yet, each table in its own transaction.

    Interrupted, it goes on where it was when it is called again. The triggers go: Citus distributes
    no table that has one. Then it is the rights of the service's role that keep events unaltered.

    Args:
        conn: with a role that owns the tables, outside any transaction.

    Returns:
        The names of the tables that were distributed; none where the database does not have Citus.

    Raises:
        citus.UnsupportedCitusError: if the extension is too old.
        psycopg.errors.InsufficientPrivilege: if another role owns a table.
    """
    if await citus_version(conn) is None:
        return ()
    # builds of the read models are distributed by the role that made them, when it starts
    missing = [t for t in await _missing(conn) if t.owned or t.schema == "store"]
    if EVENTS in [table.identifier for table in missing]:
        await citus.distribute_function(conn, _FUNCTION)
    for table in missing:
        await _distribute(conn, table)
    return tuple(map(str, missing))


async def _distribute(conn: Connection, table: Table) -> None:
    name = table.identifier
    async with conn.transaction():
        await citus.drop_triggers(conn, name)
        if str(table) not in REPLICATED:
            near = None if name == EVENTS else EVENTS
            await citus.distribute(conn, name, _COLUMN, near)
        else:
            await citus.replicate(conn, name)
    await citus.free_local(conn, name)


async def _missing(conn: Connection) -> list[Table]:
    """What is not distributed yet; the events first, since the others follow them."""
    found = await citus.undistributed(conn, _SCHEMAS)
    missing = [table for table in found if str(table) not in LOCAL]
    return sorted(missing, key=lambda table: (table.identifier != EVENTS, str(table)))
