"""Changes of resources after a position, so that a follower misses none."""

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
from service.queries.answers import status_or_null
from service.queries.documents import with_payers
from service.queries.resources import checkpoint_of, of
from service.queries.restores import check
from service.store.positions import BEGINNING, Position, position_of

_STRETCH = 5_000
"""The most positions that one page scans, however few of them match."""


class Change(Struct, frozen=True):
    """A change of a resource, at the position of the event that caused it.

    ``from`` and ``to`` are the status before and after the event in the order things happened, or
    null if there was none; ``type`` is null if the resource was read at the provider. ``status`` is
    the current one; it differs from ``to`` if the event is
    ``late`` or a later one changed it.
    """

    event_position: str
    kind: str
    id: str
    customer_id: str | None
    type: str | None
    occurred_at: datetime
    status_from: str | None = field(name="from")
    status_to: str | None = field(name="to")
    status: str | None
    verdict: str
    late: bool
    link: str


class Changes(Struct, frozen=True):
    """Changes in the order of positions.

    Pass ``next`` as ``after`` to go on, even if ``data`` is empty. If it equals ``position``, there
    is nothing more for now.
    """

    data: list[Change]
    next: str
    position: str


async def changes(
    conn: Connection, book: str, after: Position, *, kinds: Sequence[str], limit: int
) -> tuple[Changes, list[Position]]:
    """The next changes after a position, of these kinds of resources or of all.

    Returns:
        The page, and the position of each change on it.

    Raises:
        Problem: ``invalid-parameter`` for a number beyond the end of the book;
            ``book-was-restored`` for a position of another history; ``not-ready`` while the read
            models show such a history.
    """
    number, until = after.number, after.number + _STRETCH
    params = of(book, after=number, until=until, kinds=list(kinds) or None, limit=limit)
    statement = statements.fill("queries/changes", view=statements.relation(EVENTS.view))
    rows = await (await conn.execute(statement, params)).fetchall()
    checkpoint = checkpoint_of(rows)
    # by the statement that selects the rows, so that no restore comes between
    check(after, rows[0]["after_link"], rows[0])
    if not rows[0]["known"]:
        raise Problem(
            "not-ready",
            "A restore ended the history of the read models. Run `daybook rebuild`.",
        )
    if number > rows[0]["head"]:
        raise Problem(
            "invalid-parameter", f"after: position {after} is beyond the end of this book."
        )
    events = [row for row in rows if row["position"] is not None]
    places = [position_of(row["position"], row["link"]) for row in events]
    following = places[-1] if len(events) == limit else _reached(after, rows[0], checkpoint)
    statuses = await _statuses(conn, book, (row["stream"] for row in events))
    with_customers = await with_payers(conn, book, events)
    data = [_change(row, statuses.get(row["stream"])) for row in with_customers]
    return Changes(data, str(following), str(checkpoint)), places


def _reached(after: Position, row: DictRow, checkpoint: Position) -> Position:
    """The end of a page that is not full: the last position that it scanned."""
    if checkpoint.number <= after.number:
        # ahead of the read models; a bare number gets its link
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
        cursor = await conn.execute(statement, {"book": book, "ids": list(keys)})
        for row in await cursor.fetchall():
            statuses[f"{category}-{row['id']}"] = row["status"]
    return statuses


def _change(row: dict[str, Any], status: str | None) -> Change:
    category, _, identity = row["stream"].partition("-")
    return Change(
        event_position=str(row["position"]),
        kind=category,
        id=identity,
        customer_id=row["customer_id"],
        type=row["type"] or None,
        occurred_at=row["occurred_at"],
        status_from=status_or_null(row["status_from"] or START),
        status_to=status_or_null(row["status_to"] or START),
        status=status_or_null(status or START),
        verdict=row["verdict"],
        late=row["late"],
        link=link(category, identity),
    )


def link(kind: str, identity: str) -> str:
    """The path of a resource, a ``customer`` or an ``event``."""
    name = BY_CATEGORY[kind].name if kind in BY_CATEGORY else f"{kind}s"
    return f"/v1/{name}/{quote(identity, safe=':')}"
