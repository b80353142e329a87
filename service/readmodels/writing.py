"""Writing rows, and with them the counts by day of what metrics add up.

One statement writes the rows and adds to the counts what the rows replaced and became. So the
counts add up to the rows after every write, whatever is written, and however often.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from psycopg.adapt import PyFormat
from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder

from projections.catalog import COUNTS, PROJECTIONS
from projections.projection import Projection
from service.database import statements
from service.database.binary import Column, column_types
from service.database.connections import Connection
from service.readmodels.streams import Target

_SEVERAL = tuple(p for p in PROJECTIONS if p.several)


async def write_rows(
    conn: Connection, target: Target, projection: Projection[Any], encoded: Mapping[str, Column]
) -> None:
    """Write rows of a read model; columns as ``binary.columns`` encodes them."""
    statement = _statement(projection, target.tables[projection.name], _counts(target, projection))
    await conn.execute(statement, {"book": target.book, **encoded})


async def clear_rows(conn: Connection, target: Target, positions: Sequence[int]) -> None:
    """Delete the rows of events that may have several, before they are written again."""
    for projection in _SEVERAL:
        if positions and projection.name in target.tables:
            table, counts = target.tables[projection.name], _counts(target, projection)
            assert counts is not None  # noqa: S101 - there is one
            statement = _clearing(projection, table, counts)
            await conn.execute(statement, {"book": target.book, "keys": positions})


def count_statement(projection: Projection[Any], tables: Mapping[str, str]) -> Composed | None:
    """The statement that fills the counts of a filled table; None where nothing is counted."""
    counts = COUNTS.get(projection.name)
    if counts is None or counts.name not in tables:
        return None
    table = statements.relation(tables[projection.name])
    rows = SQL("(select * from {} where book = b.book)").format(table)
    return statements.fill(
        "readmodels/fill_counts",
        counts=statements.relation(tables[counts.name]),
        table=table,
        by_day=_by_day(projection, rows),
    )


def counted(projection: Projection[Any], rows: Composable) -> Composed:
    """What counts of some rows of a read model: its dates, currency, kind, amount and fee."""
    return statements.fill(f"readmodels/by_day/{projection.name}", rows=rows)


def _by_day(projection: Projection[Any], rows: Composable) -> Composed:
    return statements.fill("readmodels/count_by_day", counted=counted(projection, rows))


def _counts(target: Target, projection: Projection[Any]) -> str | None:
    counts = COUNTS.get(projection.name)
    # what is counted and its counts are built together
    return target.tables[counts.name] if counts else None


@cache
def _statement(projection: Projection[Any], table: str, counts: str | None) -> Composed:
    upsert = statements.upsert(projection, table)
    if counts is None:
        return upsert
    (kind,) = (
        kind.sql
        for name, kind in zip(
            projection.column_names, column_types(projection.columns), strict=True
        )
        if name == projection.key
    )
    sent = Placeholder(projection.key, PyFormat.BINARY)
    return statements.fill(
        "readmodels/write_counted",
        table=statements.relation(table),
        key=Identifier(projection.key),
        keys=SQL("{}::" + kind + "[]").format(sent),
        upsert=upsert,
        by_day_before=_by_day(projection, Identifier("before")),
        by_day_after=_by_day(projection, Identifier("written")),
        add_counts=_add_counts(counts),
    )


@cache
def _clearing(projection: Projection[Any], table: str, counts: str) -> Composed:
    return statements.fill(
        "readmodels/clear_counted",
        table=statements.relation(table),
        key=Identifier(projection.key),
        by_day=_by_day(projection, Identifier("before")),
        add_counts=_add_counts(counts),
    )


def _add_counts(counts: str) -> Composed:
    return statements.fill("readmodels/add_counts", counts=statements.relation(counts))
