"""A new version of the read models, while only an older one is built.

The rows of the older version are shown under the new one's names, as they are, until the new ones
are ready: columns that it lacks are null, and their checkpoints stand still. The older version's
tables stay, for its own processes in a rolling deployment, until a third version comes.
"""

from typing import Any

import structlog
from psycopg.errors import LockNotAvailable
from psycopg.sql import SQL, Composed, Identifier

from projections.catalog import PROJECTIONS
from projections.projection import VERSION, Projection
from service.database import statements
from service.database.binary import column_types
from service.database.connections import Connection
from service.readmodels.locks import LockBudget, drop, limit_locks
from service.readmodels.tables import missing

_ROWS_SECONDS = 5.0  # for a batch of the older version's projector

_log = structlog.get_logger(__name__)


async def shown(conn: Connection) -> bool:
    """Whether readers find rows, of this version or pool_connection from the one before.

    Several processes may ask at once; the first of them borrows. Where somebody is in the way for
    more than a moment, ask again.
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
    if not await missing(conn):
        return True
    params = {"version": VERSION, "older": older}
    await conn.execute(statements.text("readmodels/borrow_checkpoints"), params)
    budget = LockBudget()
    for projection in PROJECTIONS:
        await _borrow(conn, projection, older, budget)
    return True


async def drop_old(conn: Connection) -> None:
    """Drop the versions before the last one before this; what is in use stays for later."""
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
