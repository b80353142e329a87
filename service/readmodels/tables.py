"""The tables of the read models: creating, indexing, publishing and dropping them.

Readers use views. A view shows one table of its version or, until that is built, the view of the
version before.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from psycopg.errors import LockNotAvailable
from psycopg.sql import SQL, Composed, Identifier

from projections.catalog import PROJECTIONS
from projections.projection import VERSION, Projection
from service.database import citus, statements
from service.database.binary import column_types
from service.database.connections import Connection
from service.readmodels.checkpoints import live_tables
from service.readmodels.locks import LockBudget, drop, limit_locks
from service.store.distribution import EVENTS

_ROWS_SECONDS = 5.0  # for a batch of the older version's projector

_log = structlog.get_logger(__name__)

Generations = Mapping[Projection[Any], int]


async def missing(conn: Connection) -> list[Projection[Any]]:
    """The projections of this version that were never built."""
    live = await live_tables(conn)
    return [p for p in PROJECTIONS if p.name not in live]


async def fresh(conn: Connection, chosen: Sequence[Projection[Any]]) -> Generations:
    """Create an empty table, without indexes, for each projection; returns their numbers."""
    generations = {}
    clustered = await citus.citus_version(conn) is not None
    for projection in chosen:
        params = {"name": projection.name, "version": VERSION}
        row = await (await conn.execute(statements.text("readmodels/allocate"), params)).fetchone()
        assert row is not None  # noqa: S101 - the statement returns one
        generations[projection] = row["allocated"]
        table = statements.relation(projection.table(row["allocated"]))
        made = statements.fill(f"readmodels/{_folder(projection)}/table", table=table)
        async with conn.transaction():
            await conn.execute(made)
            if clustered:
                await citus.distribute(conn, table, "book", near=EVENTS)
    return generations


def index_statements(projection: Projection[Any], table: str) -> list[Composed]:
    """The statements that create the indexes of a filled table; they may run in parallel.

    The names are ours: PostgreSQL may choose the same name for two indexes that are created at
    once, and refuse the second.
    """
    name = statements.relation(table)
    key = SQL(", ").join(map(Identifier, projection.identity))
    folder = f"readmodels/{_folder(projection)}"
    return [
        statements.fill("readmodels/primary_key", table=name, key=key),
        *(
            statements.fill(f"{folder}/{i}", table=name, index=Identifier(f"{table}_{i}"))
            for i in statements.names(folder)
            if i.startswith("index_")
        ),
    ]


def _folder(projection: Projection[Any]) -> str:
    return "by_day" if projection.counted else projection.name


async def publish(conn: Connection, generations: Generations) -> None:
    """Show other tables to readers once this transaction ends.

    Call it last in the transaction: from here on, readers wait for its end.

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
    """Drop the tables that are neither live nor previous; a table in use is left for later."""
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


async def ensure_readable(conn: Connection) -> bool:
    """Whether readers find rows: of this version, or borrowed from the one before.

    While only an older version is built, its rows appear under the new version's names as they
    are: columns that it lacks are null, and its checkpoints stand still. The older tables stay, for
    the older version's processes in a rolling deployment, until a third version comes.

    Several processes may call it at once, also while a build is switched to; the first one borrows,
    and nobody once there is a build. If a lock is not free in time, it returns False; call it
    again.
    """
    if not await missing(conn):
        return True
    try:
        async with conn.transaction():
            return await _borrowed(conn)
    except LockNotAvailable:
        return False


async def _borrowed(conn: Connection) -> bool:
    older = await _older(conn)
    if older is None:
        return False
    await limit_locks(conn, _ROWS_SECONDS)
    await conn.execute(statements.text("readmodels/lock_builds"), {"version": older})
    # else the views of a build that was switched to meanwhile would show the older tables for good
    if not await missing(conn):
        return True
    params = {"version": VERSION, "older": older}
    await conn.execute(statements.text("readmodels/borrow_checkpoints"), params)
    budget = LockBudget()
    for projection in PROJECTIONS:
        await _borrow(conn, projection, older, budget)
    return True


async def drop_old(conn: Connection) -> None:
    """Drop all versions but this one and the one before; a table in use is left for later."""
    older = await _older(conn)
    if older is None:
        return
    found = await conn.execute(statements.text("readmodels/old_relations"), {"version": older})
    for row in await found.fetchall():
        name, statement = (
            row["name"],
            "readmodels/drop_view" if row["is_view"] else "readmodels/drop",
        )
        relation = statements.relation(name)
        if not await drop(conn, statements.fill(statement, view=relation, table=relation)):
            _log.warning("old table in use", table=name)
    await conn.execute(statements.text("readmodels/forget_versions"), {"version": older})


async def _older(conn: Connection) -> int | None:
    found = await conn.execute(statements.text("readmodels/older_version"), {"version": VERSION})
    row = await found.fetchone()
    return row["version"] if row else None


async def _borrow(
    conn: Connection, projection: Projection[Any], older: int, budget: LockBudget
) -> None:
    view = f"{projection.name}_v{older}"
    found = await conn.execute(statements.text("readmodels/columns"), {"name": view})
    has = {row["name"] for row in await found.fetchall()}
    if not has:
        # a projection that the older version did not have is not ready yet
        return
    kinds = zip(projection.column_names, column_types(projection.columns), strict=True)
    columns = [SQL("book"), *(_column(name, kind.sql, has) for name, kind in kinds)]
    statement = statements.fill(
        "readmodels/borrow",
        view=statements.relation(projection.view),
        columns=SQL(", ").join(columns),
        older=statements.relation(view),
    )
    await budget.apply(conn)
    await conn.execute(statement)


def _column(name: str, kind: Any, has: set[str]) -> Composed:  # noqa: ANN401 - literal SQL
    value = Identifier(name) if name in has else SQL("null")
    return SQL("{}::" + kind + " as {}").format(value, Identifier(name))
