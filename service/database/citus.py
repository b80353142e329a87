"""Citus: tables whose rows are distributed over the nodes of a cluster.

Only what the extension itself knows: whether the database has it, and how a table is distributed.
Nothing here runs where it is not.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from msgspec import Struct
from psycopg.sql import Identifier

from service.database.connections import Connection
from service.database.statements import fill, text

OLDEST = 12
"""The oldest major version that is accepted: the first one for PostgreSQL 16."""

_FIRST = "none"
"""Colocated with no other table: its shards are placed where there is room."""


class UnsupportedCitusError(Exception):
    """The extension is too old; the text says what to do."""


class Table(Struct, frozen=True):
    """A table that is not distributed yet.

    Attributes:
        schema, name: its name.
        owned: whether the connected role may distribute it.
    """

    schema: str
    name: str
    owned: bool

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> Identifier:
        """The quoted name."""
        return Identifier(self.schema, self.name)


async def citus_version(conn: Connection) -> str | None:
    """The version of the extension in this database, such as ``13.0-1``; None without it.

    Raises:
        UnsupportedCitusError: if it is older than ``OLDEST``.
    """
    row = await (await conn.execute(text("database/citus"))).fetchone()
    if row is None:
        return None
    version = str(row["version"])
    if int(version.partition(".")[0]) < OLDEST:
        raise UnsupportedCitusError(
            f"Citus {version} is too old: Daybook distributes its tables with Citus {OLDEST} or"
            " later. Upgrade the extension, or use a database without it."
        )
    return version


def is_clustered(conn: psycopg.Connection[Any]) -> bool:
    """Whether the database has the extension, of whatever version."""
    return conn.execute(text("database/citus")).fetchone() is not None


async def undistributed(conn: Connection, schemas: Sequence[str]) -> list[Table]:
    """The tables of some schemas that are not distributed yet; the database must have Citus."""
    cursor = await conn.execute(text("database/undistributed"), {"schemas": list(schemas)})
    return [Table(**row) for row in await cursor.fetchall()]


async def distribute(
    conn: Connection, table: Identifier, column: str, near: Identifier | None = None
) -> None:
    """Distribute a table by a column, with the rows that it has.

    Args:
        conn: with a role that owns the table.
        table: its name.
        column: in every unique key of the table.
        near: rows with the same value are kept where those of this table are.
    """
    params = {
        "table": table.as_string(), "column": column,
        "near": near.as_string() if near else _FIRST,
    }  # fmt: skip
    await conn.execute(text("database/distribute"), params)


async def replicate(conn: Connection, table: Identifier) -> None:
    """Keep a whole table, with the rows that it has, on every node."""
    await conn.execute(text("database/replicate"), {"table": table.as_string()})


async def free_local(conn: Connection, table: Identifier) -> None:
    """Free the space of what a table held before it was distributed."""
    await conn.execute(text("database/free_local"), {"table": table.as_string()})


async def distribute_function(conn: Connection, signature: str) -> None:
    """Create a function, such as ``store.key(text, text)``, on every node."""
    await conn.execute(text("database/distribute_function"), {"function": signature})


async def drop_triggers(conn: Connection, table: Identifier) -> None:
    """Drop the triggers of a table: Citus distributes none that has some."""
    cursor = await conn.execute(text("database/triggers"), {"table": table.as_string()})
    for row in await cursor.fetchall():
        trigger = Identifier(row["name"])
        await conn.execute(fill("database/drop_trigger", trigger=trigger, table=table))
