"""The questions about events: one, a page of them, counts, a history, a customer's timeline."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from psycopg.sql import SQL, Composable, Identifier, Placeholder

from domain.late import changes
from projections.disputes import DISPUTES
from projections.events import EVENTS
from projections.payments import PAYMENTS
from service import cursors, sql
from service.answers import (
    Count,
    Counts,
    EventAnswer,
    EventPage,
    History,
    history_entry,
    indexed_event,
)
from service.cursors import Cursor
from service.past import Past
from service.postgres import Connection
from service.problems import Problem
from service.projector import Target, stream_entries
from service.reads import checkpoint_of, of, position
from service.sql import text


async def history(
    conn: Connection, target: Target, stream: str, asked: Past | None = None
) -> History:
    """All events of a stream in the order of the world, folded afresh.

    Raises:
        Problem: ``not-found``, also where nothing had happened or was known.
    """
    checkpoint = await position(conn, target.book)
    entries = await stream_entries(conn, target, stream, checkpoint)
    steps = (asked or Past()).steps(entries)
    if not steps:
        raise Problem("not-found", f"No event in this book belongs to {stream!r}, as you ask.")
    told = [history_entry(s, changes(entries, s) if s.late else ()) for s in steps]
    return History(stream, told, str(checkpoint))


async def page(
    conn: Connection, book: str, filters: Mapping[str, Any], after: int, limit: int
) -> EventPage:
    """A page of events in the order in which they were recorded, after a position."""
    conditions: list[Composable] = [SQL("i.position > %(after)s")]
    conditions += [_chosen(name, value) for name, value in filters.items()]
    rows, checkpoint = await _page(
        conn, conditions, SQL("i.position"),
        of(book, after=after, limit=limit + 1, **filters),
    )  # fmt: skip
    more, rows = len(rows) > limit, rows[:limit]
    following = str(rows[-1]["position"]) if more else None
    return EventPage([indexed_event(row) for row in rows], following, str(checkpoint))


async def timeline(  # noqa: PLR0913 - a page is asked for by this much
    conn: Connection,
    book: str,
    customer_id: str,
    *,
    kinds: Sequence[str],
    limit: int,
    cursor: str | None,
) -> EventPage:
    """A page of everything that concerns a customer, latest in the world first.

    A dispute may name no customer; it concerns the one who made the payment.
    """
    streams = await _disputes_of_payer(conn, book, customer_id)
    other = " or i.stream = any(%(streams)s)" if streams else ""
    conditions: list[Composable] = [SQL("(i.customer_id = %(customer_id)s" + other + ")")]
    params = of(book, customer_id=customer_id, limit=limit + 1, streams=streams)
    if kinds:
        conditions.append(SQL("split_part(i.type, '.', 1) = any(%(kinds)s)"))
        params["kinds"] = list(kinds)
    if cursor is not None:
        after = cursors.read(cursor, int)
        conditions.append(SQL("(i.occurred_at, i.position) < (%(at)s, %(last)s)"))
        params |= {"at": after.at, "last": after.key}
    order = SQL("i.occurred_at desc, i.position desc")
    rows, checkpoint = await _page(conn, conditions, order, params)
    more, rows = len(rows) > limit, rows[:limit]
    last = Cursor(rows[-1]["occurred_at"], rows[-1]["position"]) if more else None
    following = cursors.write(last) if last else None
    return EventPage([indexed_event(row) for row in rows], following, str(checkpoint))


async def counts(conn: Connection, book: str) -> Counts:
    """How many events of each type got which verdict."""
    statement = sql.fill("read/event_counts", view=sql.relation(EVENTS.view))
    rows = await (await conn.execute(statement, of(book))).fetchall()
    checkpoint = checkpoint_of(rows)
    found = [
        Count(row["verdict"], row["type"], row["count"], str(row["latest"]))
        for row in rows
        if row["verdict"] is not None
    ]
    return Counts(found, str(checkpoint))


async def event(conn: Connection, book: str, place: int) -> EventAnswer:
    """One event.

    Raises:
        Problem: ``not-found``.
    """
    params = {"book": book, "position": place}
    stored = await (await conn.execute(text("store/event"), params)).fetchone()
    if stored is None:
        raise _no_event(place)
    statement = sql.fill("read/index_entry", view=sql.relation(EVENTS.view))
    rows = await (await conn.execute(statement, of(book, position=place))).fetchall()
    known = rows[0] if rows and rows[0]["position"] is not None else {}
    return EventAnswer(
        event_position=str(place),
        source=stored["source"],
        webhook_id=stored["webhook_id"],
        sent_at=stored["sent_at"],
        recorded_at=stored["recorded_at"],
        headers=msgspec.json.decode(stored["headers"]),
        verified_by=stored["verified_by"],
        body_sha256=stored["body_sha256"].hex(),
        body_length=stored["body_length"],
        link=stored["link"].hex(),
        body=f"/v1/events/{place}/body",
        type=known.get("type"),
        stream=known.get("stream"),
        customer_id=known.get("customer_id"),
        occurred_at=known.get("occurred_at"),
        verdict=known.get("verdict"),
        newer=known.get("newer", False),
        late=known.get("late", False),
        revision=known.get("revision", False),
        position=str(checkpoint_of(rows)),
    )


async def body(conn: Connection, book: str, place: int) -> bytes:
    """The exact bytes of an event.

    Raises:
        Problem: ``not-found``.
    """
    params = {"book": book, "position": place}
    row = await (await conn.execute(text("store/body"), params)).fetchone()
    if row is None:
        raise _no_event(place)
    return bytes(row["body"])


async def _disputes_of_payer(conn: Connection, book: str, customer_id: str) -> list[str]:
    statement = sql.fill(
        "read/disputes_of_payer",
        disputes=sql.relation(DISPUTES.view),
        payments=sql.relation(PAYMENTS.view),
    )
    params = {"book": book, "customer_id": customer_id}
    rows = await (await conn.execute(statement, params)).fetchall()
    return [f"dispute-{row['dispute_id']}" for row in rows]


def _no_event(place: int) -> Problem:
    return Problem("not-found", f"This book has no event at position {place}.")


def _chosen(name: str, value: object) -> Composable:
    if isinstance(value, list):
        return SQL("i.{} = any({})").format(Identifier(name), Placeholder(name))
    return SQL("i.{} = {}").format(Identifier(name), Placeholder(name))


async def _page(
    conn: Connection, conditions: Sequence[Composable], order: Composable, params: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], int]:
    statement = sql.fill(
        "read/events_page",
        view=sql.relation(EVENTS.view),
        conditions=SQL(" and ").join(conditions),
        order=order,
    )
    rows = await (await conn.execute(statement, params)).fetchall()
    return [row for row in rows if row["position"] is not None], checkpoint_of(rows)
