"""What differs between two builds of a read model, row by row and field by field."""

from collections import Counter
from typing import Any

from msgspec import Struct, field
from psycopg.sql import SQL, Identifier

from projections.projection import Projection
from service.database import statements
from service.database.connections import Connection

_EXAMPLES = 5
_INTERNAL = {"memo", "snapshot_position", "position"}
"""Differ with every other difference, and say nothing to a person by themselves."""


class Difference(Struct):
    """How two builds of one read model differ.

    Attributes:
        rows: how many rows differ, those that only one of them has included.
        only_live, only_fresh: how many rows only one of them has.
        fields: in how many rows each field differs.
        statuses: how many rows go from which status to which.
        examples: the keys of some of the rows, each with what differs, old and new.
    """

    projection: str
    rows: int = 0
    only_live: int = 0
    only_fresh: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[str, dict[str, tuple[Any, Any]]] = field(default_factory=dict)


async def compare(
    conn: Connection, projection: Projection[Any], live: str, fresh: str
) -> Difference:
    """Compare all rows of two tables, which must stand at the same positions.

    Memory is bounded: rows that differ are counted as they come, and some are kept.
    """
    statement = statements.fill(
        "readmodels/differences",
        live=statements.relation(live),
        fresh=statements.relation(fresh),
        key=SQL(", ").join(map(Identifier, projection.identity)),
    )
    found = Difference(projection.name)
    async with conn.cursor(name="differences") as cursor:
        await cursor.execute(statement)
        async for row in cursor:
            _count(found, str(row["key"]), row["live"], row["fresh"])
    return found


def _count(
    found: Difference, key: str, live: dict[str, Any] | None, fresh: dict[str, Any] | None
) -> None:
    found.rows += 1
    found.only_live += fresh is None
    found.only_fresh += live is None
    old, new = live or {}, fresh or {}
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    shown = [name for name in changed if name not in _INTERNAL] or changed
    if live is not None and fresh is not None:
        found.fields.update(shown)
        if "status" in changed:
            found.statuses[old["status"], new["status"]] += 1
    if len(found.examples) < _EXAMPLES:
        found.examples[key] = {name: (old.get(name), new.get(name)) for name in shown}
