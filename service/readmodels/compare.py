"""The differences between two builds of a read model, by row and by field."""

from collections import Counter
from typing import Any

from msgspec import Struct, field
from psycopg.sql import SQL, Identifier, Literal

from projections.projection import Projection
from service.database import statements
from service.database.connections import Connection
from service.store.events import books

_EXAMPLES = 5
_INTERNAL = {"memo", "snapshot_position", "position"}
"""Columns that differ whenever another one does, and tell a person nothing."""


class StatusChange(Struct, frozen=True):
    """How many rows go from one status to another."""

    before: str
    after: str
    rows: int


class ReadModelChange(Struct, frozen=True):
    """What a rebuild would change in one read model, without what the rows contain.

    ``only_before`` and ``only_after`` count the rows that it would remove and add. ``fields`` are
    those that would change, ``keys`` some of the rows.
    """

    name: str
    rows: int
    only_before: int
    only_after: int
    fields: tuple[str, ...]
    statuses: tuple[StatusChange, ...]
    keys: tuple[str, ...]


class Difference(Struct):
    """How two builds of one read model differ.

    Attributes:
        rows: the number of rows that differ, including those that only one build has.
        only_live, only_fresh: the number of rows that only one build has.
        fields: the number of rows in which each field differs.
        statuses: the number of rows that go from one status to another.
        examples: some of the rows by key, with the old and new values that differ.
    """

    projection: str
    rows: int = 0
    only_live: int = 0
    only_fresh: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[str, dict[str, tuple[Any, Any]]] = field(default_factory=dict)


def summary(found: Difference) -> ReadModelChange:
    """The difference without the values of rows."""
    return ReadModelChange(
        name=found.projection,
        rows=found.rows,
        only_before=found.only_live,
        only_after=found.only_fresh,
        fields=tuple(name for name, _ in found.fields.most_common()),
        statuses=tuple(
            StatusChange(before, after, rows)
            for (before, after), rows in found.statuses.most_common()
        ),
        keys=tuple(found.examples),
    )


async def compare(
    conn: Connection, projection: Projection[Any], live: str, fresh: str, book: str | None = None
) -> Difference:
    """Compare all rows of two tables, which must stand at the same positions; or those of a book.

    Memory is bounded: only a few of the rows that differ are kept.
    """
    difference = Difference(projection.name)
    for name in [book] if book else await books(conn):
        statement = statements.fill(
            "readmodels/differences",
            live=statements.relation(live),
            fresh=statements.relation(fresh),
            key=SQL(", ").join(map(Identifier, projection.identity)),
            book=Literal(name),
        )
        async with conn.cursor(name="differences") as cursor:
            await cursor.execute(statement)
            async for row in cursor:
                _count(difference, str(row["key"]), row["live"], row["fresh"])
    return difference


def _count(
    difference: Difference, key: str, live: dict[str, Any] | None, fresh: dict[str, Any] | None
) -> None:
    difference.rows += 1
    difference.only_live += fresh is None
    difference.only_fresh += live is None
    old, new = live or {}, fresh or {}
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    visible = [name for name in changed if name not in _INTERNAL] or changed
    if live is not None and fresh is not None:
        difference.fields.update(visible)
        if "status" in changed:
            difference.statuses[old["status"], new["status"]] += 1
    if len(difference.examples) < _EXAMPLES:
        difference.examples[key] = {name: (old.get(name), new.get(name)) for name in visible}
