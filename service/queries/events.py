"""The questions about events: one, a page of them, counts, a history, a customer's timeline."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from psycopg.sql import SQL, Composable, Identifier, Placeholder

from domain.late import all_changes
from domain.past import Past
from domain.steps import Step
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
    History,
    history_entry,
    indexed_event,
)
from service.queries.paging import Order
from service.queries.payers import streams_of_payer, with_payers
from service.queries.resources import checkpoint_of, of, position
from service.readmodels.folding import fold_aside
from service.readmodels.streams import Target, question_entries
from service.store.events import last_recorded_position

_NAMES = ("type", "stream", "customer_id")
_OF_STREAMS = SQL(
    "(store.key(i.book, i.stream) ="
    " any(array(select store.key(%(book)s, s) from unnest(%(streams)s::text[]) s))"
    " and i.stream = any(%(streams)s))"
)


async def history(  # noqa: PLR0913 - a page is asked for by this much
    conn: Queryable,
    target: Target,
    stream: str,
    asked: Past | None = None,
    *,
    order: Order[int] | None = None,
    limit: int | None = None,
) -> History:
    """The events of a stream in the order of the world, folded afresh; all of them by default.

    Raises:
        Problem: ``not-found``, also where nothing had happened or was known.
    """
    checkpoint = await position(conn, target.book)
    known = await question_entries(conn, target, [stream], checkpoint.number)
    entries = known.get(stream, [])
    steps = await fold_aside(len(entries), partial((asked or Past()).steps, entries))
    if not steps:
        moment = " as of that moment" if asked else ""
        raise Problem("not-found", f"No events for {stream!r} in this book{moment}.")
    rest = _rest(steps, order) if order else steps
    page = rest[:limit]
    late = {step.entry.event.position for step in page if step.late}
    walk = partial(all_changes, entries, late)
    found = await fold_aside(len(entries) if late else 0, walk, 2 * len(late))
    told = [history_entry(step, found.get(step.entry.event.position, ())) for step in page]
    following = None
    if order and len(page) < len(rest):
        last = page[-1].entry
        following = order.following(last.occurred_at, last.event.position, checkpoint)
    return History(stream, told, following, str(checkpoint))


async def page(  # noqa: PLR0913 - a page is asked for by this much
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
    """A page of events as they were recorded, after a position; None and nothing are no filter."""
    chosen = {name: value for name, value in filters.items() if value not in (None, ())}
    conditions = [SQL("i.position > %(after)s"), order.condition(SQL("i.position"))]
    conditions += [_chosen(n, value) for n, value in chosen.items() if n != "customer_id"]
    if customer_id := chosen.get("customer_id"):
        chosen["streams"] = await streams_of_payer(conn, book, customer_id)
        conditions.append(_concerns(chosen["streams"]))
    places = {"after": after}
    if since:
        places["after"] = max(
            after, await last_recorded_position(conn, book, since, inclusive=False)
        )
    if until:
        places["until"] = await last_recorded_position(conn, book, until, inclusive=True)
        conditions.append(SQL("i.position <= %(until)s"))
    return await _page(conn, conditions, order, of(book, limit=limit + 1, **places, **chosen))


async def timeline(  # noqa: PLR0913 - a page is asked for by this much
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
    """A page of everything that concerns a customer, in the order of the world."""
    streams = await streams_of_payer(conn, book, customer_id)
    conditions: list[Composable] = [_concerns(streams)]
    if kinds:
        conditions.append(SQL("split_part(i.type, '.', 1) = any(%(kinds)s)"))
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
    """How many events of each type got a verdict that needs attention."""
    statement = statements.fill("queries/event_counts", view=statements.relation(EVENTS.view))
    rows = await (await conn.execute(statement, of(book))).fetchall()
    checkpoint = checkpoint_of(rows)
    found = [
        Count(row["verdict"], row["type"], row["count"], str(row["latest"]))
        for row in rows
        if row["verdict"] is not None
    ]
    return Counts(found, str(checkpoint))


async def event(conn: Queryable, book: str, place: int) -> EventAnswer:
    """One event.

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
    known = next(iter(await with_payers(conn, book, indexed)), {})
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
        revision=stored["revision"] > 0,
        undecided=known.get("undecided", False),
        shown_at=known.get("shown_at"),
        unread=known.get("unread") or [],
        position=str(checkpoint_of(rows)),
    )


async def body(conn: Queryable, book: str, place: int) -> bytes:
    """The exact bytes of an event.

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


def _chosen(name: str, value: object) -> Composable:
    if name in _NAMES:
        return _named(name)
    if name == "unread":
        return SQL("i.unread is not null" if value else "i.unread is null")
    one = SQL("i.{} = any({})" if isinstance(value, list) else "i.{} = {}")
    condition = one.format(Identifier(name), Placeholder(name))
    # said in so many words, since the index of verdicts is one of those that need attention
    odd = SQL(" and i.verdict not in ('applied', 'confirmed')" if name == "verdict" else "")
    return condition + odd


def _named(name: str) -> Composable:
    """That an event belongs to a name, which is looked up by its number and then compared."""
    parts = {"column": Identifier(name), "value": Placeholder(name)}
    return SQL(
        "(store.key(i.book, i.{column}) = store.key(%(book)s, {value}) and i.{column} = {value})"
    ).format(**parts)


def _concerns(streams: Sequence[str]) -> Composable:
    """That an event is of ``customer_id``, or of one of ``streams``."""
    return SQL("({} or {})" if streams else "{}").format(_named("customer_id"), _OF_STREAMS)


def _rest(steps: list[Step], order: Order[int]) -> list[Step]:
    steps = steps[::-1] if order.descending else steps
    if order.after is None:
        return steps
    last = order.after.key
    ended = [n for n, step in enumerate(steps, 1) if step.entry.event.position == last]
    return steps[ended[0] :] if ended else []


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
    found = await conn.execute(statement, {**params, **order.params})
    rows = await found.fetchall()
    checkpoint = checkpoint_of(rows)
    full = [row for row in rows if row["position"] is not None]
    more, full = len(full) >= params["limit"], full[: params["limit"] - 1]
    last = full[-1] if more else None
    following = None
    if last:
        following = order.following(last["occurred_at"], last["position"], checkpoint)
    told = await with_payers(conn, params["book"], full)
    return EventPage([indexed_event(row) for row in told], following, str(checkpoint))
