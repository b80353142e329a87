"""Queries about events: one, a page, counts, a customer's timeline."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg.sql import SQL, Composable, Identifier, Placeholder

from projections.events import EVENTS
from service.database import statements
from service.database.reader import Queryable
from service.database.statements import text
from service.problems import Problem
from service.queries.answers import (
    Count,
    Counts,
    EventAnswer,
    EventPage,
    indexed_event,
)
from service.queries.documents import streams_of_payer, with_payers
from service.queries.paging import Order
from service.queries.resources import checkpoint_of, of
from service.store.events import last_recorded_position

_NAMES = ("type", "stream", "customer_id")
_OF_STREAMS = SQL(
    "(store.key(i.book, i.stream) ="
    " any(array(select store.key(%(book)s, s) from unnest(%(streams)s::text[]) s))"
    " and i.stream = any(%(streams)s))"
)


async def page(  # noqa: PLR0913 - the parameters of a page
    conn: Queryable,
    book: str,
    filters: Mapping[str, Any],
    after: int,
    *,
    since: datetime | None,
    until: datetime | None,
    order: Order[int],
    limit: int,
) -> EventPage:
    """A page of events in the order of recording; None and an empty tuple do not filter."""
    active = {name: value for name, value in filters.items() if value not in (None, ())}
    conditions = [SQL("i.position > %(after)s"), order.condition(SQL("i.position"))]
    conditions += [_condition(n, value) for n, value in active.items() if n != "customer_id"]
    if customer_id := active.get("customer_id"):
        active["streams"] = await streams_of_payer(conn, book, customer_id)
        conditions.append(_concerns(active["streams"]))
    bounds = {"after": after}
    if since:
        bounds["after"] = max(
            after, await last_recorded_position(conn, book, since, inclusive=False)
        )
    if until:
        bounds["until"] = await last_recorded_position(conn, book, until, inclusive=True)
        conditions.append(SQL("i.position <= %(until)s"))
    return await _page(conn, conditions, order, of(book, limit=limit + 1, **bounds, **active))


async def timeline(  # noqa: PLR0913 - the parameters of a page
    conn: Queryable,
    book: str,
    customer_id: str,
    *,
    kinds: Sequence[str],
    since: datetime | None,
    until: datetime | None,
    order: Order[int],
    limit: int,
) -> EventPage:
    """A page of all events that concern a customer, in the order they happened."""
    streams = await streams_of_payer(conn, book, customer_id)
    conditions: list[Composable] = [_concerns(streams)]
    if kinds:
        # an observation has no type, and an unknown type no stream
        named = "array[split_part(i.type, '.', 1), split_part(i.stream, '-', 1)]"
        conditions.append(SQL(f"{named} && %(kinds)s::text[]"))
    if since:
        conditions.append(SQL("i.occurred_at >= %(since)s"))
    if until:
        conditions.append(SQL("i.occurred_at <= %(until)s"))
    conditions.append(order.condition(SQL("i.occurred_at"), SQL("i.position")))
    params = of(
        book, customer_id=customer_id, streams=streams, kinds=list(kinds),
        since=since, until=until, limit=limit + 1,
    )  # fmt: skip
    return await _page(conn, conditions, order, params)


async def counts(conn: Queryable, book: str) -> Counts:
    """The number of events by verdict that needs attention, and type."""
    statement = statements.fill("queries/event_counts", view=statements.relation(EVENTS.view))
    rows = await (await conn.execute(statement, of(book))).fetchall()
    checkpoint = checkpoint_of(rows)
    data = [
        Count(row["verdict"], row["type"], row["count"], str(row["latest"]))
        for row in rows
        if row["verdict"] is not None
    ]
    return Counts(data, str(checkpoint))


async def event(conn: Queryable, book: str, place: int) -> EventAnswer:
    """One event: what is stored, and our verdict on it.

    Raises:
        Problem: ``not-found``.
    """
    params = {"book": book, "position": place}
    stored = await (await conn.execute(text("queries/event"), params)).fetchone()
    if stored is None:
        raise _no_event(place)
    statement = statements.fill("queries/index_entry", view=statements.relation(EVENTS.view))
    rows = await (await conn.execute(statement, of(book, position=place))).fetchall()
    indexed = [row for row in rows if row["position"] is not None]
    entry = next(iter(await with_payers(conn, book, indexed)), {})
    delivered = stored["source"] == "webhook"
    return EventAnswer(
        event_position=str(place),
        source=stored["source"],
        webhook_id=stored["webhook_id"] if delivered else None,
        sent_at=stored["sent_at"],
        recorded_at=stored["recorded_at"],
        headers=msgspec.json.decode(stored["headers"]),
        verified_by=stored["verified_by"],
        body_sha256=stored["body_sha256"].hex(),
        body_length=stored["body_length"],
        link=stored["link"].hex(),
        body=f"/v1/events/{place}/body",
        type=entry.get("type") if delivered else None,
        stream=entry.get("stream"),
        customer_id=entry.get("customer_id"),
        occurred_at=entry.get("occurred_at"),
        verdict=entry.get("verdict"),
        newer=entry.get("newer", False),
        late=entry.get("late", False),
        revision=delivered and stored["revision"] > 0,
        undecided=entry.get("undecided", False),
        shown_at=entry.get("shown_at"),
        unread=entry.get("unread") or [],
        position=str(checkpoint_of(rows)),
    )


async def body(conn: Queryable, book: str, place: int) -> bytes:
    """The body of an event, byte for byte.

    Raises:
        Problem: ``not-found``.
    """
    params = {"book": book, "position": place}
    row = await (await conn.execute(text("queries/body"), params)).fetchone()
    if row is None:
        raise _no_event(place)
    return bytes(row["body"])


def _no_event(place: int) -> Problem:
    return Problem("not-found", f"This book has no event at position {place}.")


def _condition(name: str, value: object) -> Composable:
    if name in _NAMES:
        return _named(name)
    if name == "unread":
        return SQL("i.unread is not null" if value else "i.unread is null")
    form = SQL("i.{} = any({})" if isinstance(value, list) else "i.{} = {}")
    condition = form.format(Identifier(name), Placeholder(name))
    # literal, so that the partial index on verdicts that need attention applies
    indexed = SQL(" and i.verdict not in ('applied', 'confirmed')" if name == "verdict" else "")
    return condition + indexed


def _named(name: str) -> Composable:
    """The condition on a name, found by its hashed key in the index and then compared."""
    parts = {"column": Identifier(name), "value": Placeholder(name)}
    return SQL(
        "(store.key(i.book, i.{column}) = store.key(%(book)s, {value}) and i.{column} = {value})"
    ).format(**parts)


def _concerns(streams: Sequence[str]) -> Composable:
    """The condition that an event concerns ``customer_id`` or one of ``streams``."""
    return SQL("({} or {})" if streams else "{}").format(_named("customer_id"), _OF_STREAMS)


async def _page(
    conn: Queryable,
    conditions: Sequence[Composable],
    order: Order[int],
    params: Mapping[str, Any],
) -> EventPage:
    statement = statements.fill(
        "queries/events_page",
        view=statements.relation(EVENTS.view),
        conditions=SQL(" and ").join(conditions),
        sort=Identifier(order.column),
        direction=order.direction,
    )
    cursor = await conn.execute(statement, {**params, **order.params})
    rows = await cursor.fetchall()
    checkpoint = checkpoint_of(rows)
    listed = [row for row in rows if row["position"] is not None]
    more, listed = len(listed) >= params["limit"], listed[: params["limit"] - 1]
    last = listed[-1] if more else None
    following = None
    if last:
        following = order.following(last["occurred_at"], last["position"], checkpoint)
    with_customers = await with_payers(conn, params["book"], listed)
    return EventPage([indexed_event(row) for row in with_customers], following, str(checkpoint))
