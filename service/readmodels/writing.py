"""Writing rows, and with them the counts by day of what metrics add up.

What the rows replace is taken out of the counts before they are written, and what they become is
added afterwards. So the counts add up to the rows after every write, whatever is written, and
however often; one process at a time writes the rows of a book.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, LiteralString

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from projections.catalog import COUNTS, PROJECTIONS
from projections.projection import Projection
from service.database import statements
from service.database.binary import Column
from service.database.connections import Connection
from service.readmodels.streams import Target

_SEVERAL = tuple(p for p in PROJECTIONS if p.several)
_ADDED, _TAKEN_OUT = "+", "-"


async def write_rows(
    conn: Connection, target: Target, projection: Projection[Any], encoded: Mapping[str, Column]
) -> None:
    """Write rows of a read model; columns as ``binary.columns`` encodes them."""
    keys = encoded[projection.key]
    await _count(conn, target, projection, keys, _TAKEN_OUT)
    statement = statements.upsert(projection, target.tables[projection.name])
    await conn.execute(statement, {"book": target.book, **encoded})
    await _count(conn, target, projection, keys, _ADDED)


async def clear_rows(conn: Connection, target: Target, positions: Sequence[int]) -> None:
    """Delete the rows of events that may have several, before they are written again."""
    for projection in _SEVERAL:
        if positions and projection.name in target.tables:
            await _count(conn, target, projection, positions, _TAKEN_OUT)
            table = statements.relation(target.tables[projection.name])
            key = Identifier(projection.key)
            statement = statements.fill("readmodels/clear", table=table, key=key)
            await conn.execute(statement, {"book": target.book, "keys": positions})


async def _count(
    conn: Connection, target: Target, projection: Projection[Any], keys: object, sign: str
) -> None:
    """Add the rows of some keys to their counts, if they are counted, or take them out."""
    if projection.name not in COUNTS:
        return
    # what is counted and its counts are built together
    counts = target.tables[COUNTS[projection.name].name]
    statement = _adding(projection, target.tables[projection.name], counts, sign)
    await conn.execute(statement, {"book": target.book, "keys": keys})
    if sign == _ADDED:
        dropping = statements.bind_views("readmodels/drop_counts", counts=counts)
        await conn.execute(dropping, {"book": target.book})


def count_statement(
    projection: Projection[Any], tables: Mapping[str, str], book: str
) -> Composed | None:
    """The statement that fills the counts of a filled table; None where nothing is counted."""
    counts = COUNTS.get(projection.name)
    if counts is None:
        return None
    table = statements.relation(tables[projection.name])
    rows = SQL("(select * from {} where book = {})").format(table, Literal(book))
    return statements.fill(
        "readmodels/fill_counts",
        counts=statements.relation(tables[counts.name]),
        book=Literal(book),
        by_day=_by_day(projection, rows),
    )


def counted(projection: Projection[Any], rows: Composable) -> Composed:
    """What counts of some rows of a read model: its dates, currency, kind, amount and fee."""
    return statements.fill(f"readmodels/by_day/{projection.name}", rows=rows)


def _by_day(projection: Projection[Any], rows: Composable) -> Composed:
    return statements.fill("readmodels/count_by_day", counted=counted(projection, rows))


@cache
def _adding(projection: Projection[Any], table: str, counts: str, sign: str) -> LiteralString:
    written = statements.fill(
        "readmodels/written", table=statements.relation(table), key=Identifier(projection.key)
    )
    filled = statements.fill(
        "readmodels/add_counts",
        counts=statements.relation(counts),
        sign=SQL("+" if sign == _ADDED else "-"),
        by_day=_by_day(projection, written),
    )
    # safe as a literal: the files and the quoted names are part of the code
    literal: LiteralString = filled.as_string()
    return literal
