"""The tables of the read models: made, indexed, dropped, and which of them readers see."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from psycopg.sql import SQL, Composed, Identifier

from projections.catalog import PROJECTIONS
from projections.projection import VERSION, Projection
from service.database import statements
from service.database.connections import Connection
from service.readmodels.checkpoints import live_tables
from service.readmodels.locks import LockBudget, drop

_log = structlog.get_logger(__name__)

Generations = Mapping[Projection[Any], int]


async def missing(conn: Connection) -> list[Projection[Any]]:
    """The projections of this version that were never built."""
    live = await live_tables(conn)
    return [p for p in PROJECTIONS if p.name not in live]


async def fresh(conn: Connection, chosen: Sequence[Projection[Any]]) -> Generations:
    """Make an empty table, without indexes, for each projection; returns their numbers."""
    generations = {}
    for projection in chosen:
        params = {"name": projection.name, "version": VERSION}
        row = await (await conn.execute(statements.text("readmodels/allocate"), params)).fetchone()
        assert row is not None  # noqa: S101 - the statement returns one
        generations[projection] = row["allocated"]
        table = statements.relation(projection.table(row["allocated"]))
        await conn.execute(statements.fill(f"readmodels/{projection.name}/table", table=table))
    return generations


def index_statements(projection: Projection[Any], table: str) -> list[Composed]:
    """What makes the indexes of a filled table: each may run beside the others.

    Each has a name from here: of two that are made at once PostgreSQL may choose the same, and
    refuse the second.
    """
    name = statements.relation(table)
    key = SQL(", ").join(map(Identifier, projection.identity))
    folder = f"readmodels/{projection.name}"
    return [
        statements.fill("readmodels/primary_key", table=name, key=key),
        *(
            statements.fill(f"{folder}/{i}", table=name, index=Identifier(f"{table}_{i}"))
            for i in statements.names(folder)
            if i != "table"
        ),
    ]


async def show(conn: Connection, generations: Generations) -> None:
    """Let readers see other tables from the end of this transaction on.

    The last thing in it, since readers wait for its end from here on.

    Raises:
        psycopg.errors.LockNotAvailable: if a reader's transaction is in the way.
    """
    for p, generation in generations.items():
        params = {"name": p.name, "version": VERSION, "generation": generation}
        await conn.execute(statements.text("readmodels/switch"), params)
    budget = LockBudget()
    for p, generation in generations.items():
        view, table = statements.relation(p.view), statements.relation(p.table(generation))
        await budget.apply(conn)
        await conn.execute(statements.fill("readmodels/view", view=view, table=table))


async def drop_leftovers(conn: Connection) -> None:
    """Drop the tables that are neither live nor the ones before; one in use stays for later."""
    for p in PROJECTIONS:
        params = {"name": p.name, "version": VERSION}
        row = await (
            await conn.execute(statements.text("readmodels/kept_builds"), params)
        ).fetchone()
        kept = {p.table(g) for g in (row or {}).values() if g is not None}
        found = await conn.execute(statements.text("readmodels/builds"), {"prefix": f"{p.view}_g"})
        for table in {r["name"] for r in await found.fetchall()} - kept:
            if not await drop(
                conn, statements.fill("readmodels/drop", table=statements.relation(table))
            ):
                _log.warning("old table in use", table=table)
