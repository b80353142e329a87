"""What changed after a position, so that a follower misses nothing."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from msgspec import Struct, field
from psycopg.rows import DictRow
from psycopg.sql import Identifier

from domain.machine import START
from projections.catalog import BY_CATEGORY
from projections.events import EVENTS
from service.database import statements
from service.database.connections import Connection
from service.problems import Problem
from service.queries.answers import shown
from service.queries.payers import with_payers
from service.queries.resources import checkpoint_of, of
from service.queries.restores import check
from service.store.positions import BEGINNING, Position, position_of

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
    conn: Connection, book: str, after: Position, *, kinds: Sequence[str], limit: int
) -> tuple[Changes, list[Position]]:
    """The next changes after a position, of some kinds of resources, or of all.

    Returns:
        The page, and the position of each change on it.

    Raises:
        Problem: ``invalid-parameter`` for a number that lies beyond the end of the book;
            ``book-was-restored`` for a position of another history; ``not-ready`` while the read
            models show one.
    """
    number, until = after.number, after.number + _STRETCH
    params = of(book, after=number, until=until, kinds=list(kinds) or None, limit=limit)
    statement = statements.fill("queries/changes", view=statements.relation(EVENTS.view))
    rows = await (await conn.execute(statement, params)).fetchall()
    checkpoint = checkpoint_of(rows)
    # as the rows, so that a restore between two statements is no gap
    check(after, rows[0]["after_link"], rows[0])
    if not rows[0]["known"]:
        raise Problem("not-ready", "The read models show a history that a restore has ended.")
    if number > rows[0]["head"]:
        raise Problem("invalid-parameter", f"after: {after} is beyond the end of this book.")
    found = [row for row in rows if row["position"] is not None]
    places = [position_of(row["position"], row["link"]) for row in found]
    following = places[-1] if len(found) == limit else _reached(after, rows[0], checkpoint)
    statuses = await _statuses(conn, book, (row["stream"] for row in found))
    named = await with_payers(conn, book, found)
    told = [_change(row, statuses.get(row["stream"])) for row in named]
    return Changes(told, str(following), str(checkpoint)), places


def _reached(after: Position, row: DictRow, checkpoint: Position) -> Position:
    """Where a page ends that is not full: all up to there was looked through."""
    if checkpoint.number <= after.number:
        # ahead of the read models; the number that a person typed gets its link
        beyond = row["after_link"]
        return position_of(after.number, beyond) if beyond is not None else BEGINNING
    until = after.number + _STRETCH
    return position_of(until, row["until_link"]) if until < checkpoint.number else checkpoint


async def _statuses(conn: Connection, book: str, streams: Iterable[str]) -> dict[str, str]:
    wanted: dict[str, set[str]] = {}
    for stream in streams:
        category, _, key = stream.partition("-")
        wanted.setdefault(category, set()).add(key)
    statuses: dict[str, str] = {}
    for category, keys in wanted.items():
        projection = BY_CATEGORY[category]
        view, key_column = statements.relation(projection.view), Identifier(projection.key)
        statement = statements.fill("queries/statuses", view=view, key=key_column)
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
