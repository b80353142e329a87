"""What changed after a position, so that a follower misses nothing."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from msgspec import Struct, field
from psycopg.sql import Identifier

from domain.machine import START
from projections.catalog import BY_CATEGORY
from projections.events import EVENTS
from service import sql
from service.answers import shown
from service.payers import with_payers
from service.postgres import Connection
from service.problems import Problem
from service.reads import checkpoint_of, of

_STRETCH = 5_000
"""How many positions one page looks through at the most, however rare what it looks for is."""


class Change(Struct, frozen=True):
    """A change of a resource, told at the position of the event that caused it.

    ``from`` and ``to`` are the status before and after the event, at its place in the order of the
    world, null where there was none; ``status`` is the resource's as it is known now. They differ
    where the event is ``late``, or something has changed since.
    """

    event_position: str
    kind: str
    id: str
    customer_id: str | None
    type: str
    occurred_at: datetime
    status_from: str | None = field(name="from")
    status_to: str | None = field(name="to")
    status: str | None
    verdict: str
    late: bool
    link: str


class Changes(Struct, frozen=True):
    """Changes in the order of positions.

    ``next`` is the ``after`` of the next question, also where ``data`` is empty. Where it equals
    ``position`` there is nothing more for now.
    """

    data: list[Change]
    next: str
    position: str


async def changes(
    conn: Connection, book: str, after: int, *, kinds: Sequence[str], limit: int
) -> Changes:
    """The next changes after a position, of some kinds of resources, or of all.

    Raises:
        Problem: ``invalid-parameter`` for a position that lies beyond the end of the book.
    """
    params = of(book, after=after, until=after + _STRETCH, kinds=list(kinds) or None, limit=limit)
    statement = sql.fill("read/changes", view=sql.relation(EVENTS.view))
    rows = await (await conn.execute(statement, params)).fetchall()
    checkpoint = checkpoint_of(rows)
    if after > rows[0]["head"]:
        raise Problem("invalid-parameter", f"after: {after} is beyond the end of this book.")
    found = [row for row in rows if row["position"] is not None]
    reached = max(after, min(after + _STRETCH, checkpoint))
    following = found[-1]["position"] if len(found) == limit else reached
    statuses = await _statuses(conn, book, (row["stream"] for row in found))
    named = await with_payers(conn, book, found)
    told = [_change(row, statuses.get(row["stream"])) for row in named]
    return Changes(told, str(following), str(checkpoint))


async def _statuses(conn: Connection, book: str, streams: Iterable[str]) -> dict[str, str]:
    wanted: dict[str, set[str]] = {}
    for stream in streams:
        category, _, key = stream.partition("-")
        wanted.setdefault(category, set()).add(key)
    statuses: dict[str, str] = {}
    for category, keys in wanted.items():
        projection = BY_CATEGORY[category]
        view, key_column = sql.relation(projection.view), Identifier(projection.key)
        statement = sql.fill("read/statuses", view=view, key=key_column)
        found = await conn.execute(statement, {"book": book, "ids": list(keys)})
        for row in await found.fetchall():
            statuses[f"{category}-{row['id']}"] = row["status"]
    return statuses


def _change(row: dict[str, Any], status: str | None) -> Change:
    category, _, identity = row["stream"].partition("-")
    return Change(
        event_position=str(row["position"]),
        kind=category,
        id=identity,
        customer_id=row["customer_id"],
        type=row["type"],
        occurred_at=row["occurred_at"],
        status_from=shown(row["status_from"] or START),
        status_to=shown(row["status_to"] or START),
        status=shown(status or START),
        verdict=row["verdict"],
        late=row["late"],
        link=link(category, identity),
    )


def link(kind: str, identity: str) -> str:
    """Where a resource, a ``customer`` or an ``event`` is answered."""
    name = BY_CATEGORY[kind].name if kind in BY_CATEGORY else f"{kind}s"
    return f"/v1/{name}/{quote(identity, safe=':')}"
