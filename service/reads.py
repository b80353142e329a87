"""The questions about resources: one, a page of them, a customer's access."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder

from domain import events
from domain.access import Policy, paid_periods
from domain.access import access as decide
from domain.customer import State as Customer
from domain.fold import Fold, decode
from projections.catalog import BY_CATEGORY, PROJECTIONS
from projections.customers import CUSTOMERS, recall
from projections.disputes import DISPUTES
from projections.entitlement_grants import ENTITLEMENT_GRANTS
from projections.events import EVENTS
from projections.payments import PAYMENTS
from projections.projection import VERSION, Projection
from projections.refunds import REFUNDS
from projections.subscriptions import SUBSCRIPTIONS
from service import cursors, sql
from service.answers import AccessAnswer, Page, shown
from service.cursors import Cursor
from service.past import Past
from service.postgres import Connection
from service.problems import Problem
from service.projector import LIVE, Target, stream_entries

VIEWS = {projection.name: projection.view for projection in PROJECTIONS}

_GRANTING = (SUBSCRIPTIONS, ENTITLEMENT_GRANTS)


async def access(
    conn: Connection, book: str, customer_id: str, at: datetime, policy: Policy
) -> AccessAnswer:
    """Whether a customer is entitled at ``at``; one of whom nothing is recorded is not."""
    folds: dict[str, list[Fold[Any]]] = {}
    rows: list[dict[str, Any]] = []
    for projection in _GRANTING:
        statement = sql.fill("read/folds_of_customer", view=sql.relation(projection.view))
        found = await conn.execute(statement, of(book, customer_id=customer_id))
        rows = await found.fetchall()
        folds[projection.name] = _folds(projection, rows)
    paid: dict[str, datetime] = {}
    if any(folded.status == "cancelled" for folded in folds[SUBSCRIPTIONS.name]):
        statement = sql.fill("read/paid_folds", view=sql.relation(PAYMENTS.view))
        params = {"book": book, "customer_id": customer_id, "at": at}
        paid = paid_periods(
            _folds(PAYMENTS, await (await conn.execute(statement, params)).fetchall())
        )
    return _answer(customer_id, folds, paid, at, policy, checkpoint_of(rows))


async def access_past(  # noqa: PLR0913 - the question, and both clocks
    conn: Connection,
    target: Target,
    customer_id: str,
    asked: Past,
    *,
    now: datetime,
    policy: Policy,
) -> AccessAnswer:
    """The same as it was at a moment, as it was known at one: folded afresh from the events."""
    statement = sql.fill("read/streams_of_customer", view=sql.relation(EVENTS.view))
    wanted = {
        "subscription": SUBSCRIPTIONS,
        "payment": PAYMENTS,
        "entitlement_grant": ENTITLEMENT_GRANTS,
    }
    params = of(target.book, customer_id=customer_id, categories=list(wanted))
    rows = await (await conn.execute(statement, params)).fetchall()
    checkpoint = checkpoint_of(rows)
    folds: dict[str, list[Fold[Any]]] = {p.name: [] for p in wanted.values()}
    for stream in (row["stream"] for row in rows if row["stream"]):
        folded = asked.folded(await stream_entries(conn, target, stream, checkpoint))
        if folded is not None and folded.state.customer_id == customer_id:
            folds[wanted[stream.partition("-")[0]].name].append(folded)
    at, paid = asked.moment(now), paid_periods(folds[PAYMENTS.name])
    return _answer(customer_id, folds, paid, at, policy, checkpoint)


async def resource(
    conn: Connection, book: str, projection: Projection[Any], identity: str
) -> dict[str, Any]:
    """One resource: the provider's latest snapshot, and what we know beside it.

    Raises:
        Problem: ``not-found``.
    """
    view, key = sql.relation(projection.view), Identifier(projection.key)
    statement = sql.fill("read/get", view=view, key=key)
    found = await conn.execute(statement, of(book, id=identity))
    rows = await found.fetchall()
    checkpoint = checkpoint_of(rows)
    if rows[0]["memo"] is None:
        raise Problem("not-found", f"No event in this book tells of {identity!r}.")
    document = _document(projection, rows[0])
    document |= await _related(conn, book, projection, identity)
    return {**document, "position": str(checkpoint)}


async def resource_past(
    conn: Connection, target: Target, projection: Projection[Any], identity: str, asked: Past
) -> dict[str, Any]:
    """The same as it was at a moment, as it was known at one; without what is related to it.

    Raises:
        Problem: ``not-found``, also where nothing had happened or was known.
    """
    category = projection.aggregate.category if projection.aggregate else ""
    checkpoint = await position(conn, target.book)
    stream = f"{category}-{identity}"
    entries = asked.admitted(await stream_entries(conn, target, stream, checkpoint))
    folded = asked.folded(entries)
    if folded is None:
        raise Problem("not-found", f"Nothing was known of {identity!r} at that moment.")
    supplies = next(e for e in entries if e.event.position == folded.snapshot_position)
    return {**_snapshot(folded, supplies.event.body), "position": str(checkpoint)}


async def page(  # noqa: PLR0913 - a page is asked for by this much
    conn: Connection,
    book: str,
    projection: Projection[Any],
    *,
    filters: Mapping[str, str],
    limit: int,
    cursor: str | None,
) -> Page:
    """A page of resources, newest first, with the columns in ``filters`` equal to their values.

    Raises:
        Problem: ``invalid-parameter`` for a cursor that is not ours.
    """
    key = Identifier(projection.key)
    conditions: list[Composable] = [SQL("true"), *(_equals(projection, name) for name in filters)]
    params = of(book, limit=limit + 1, **filters)
    if cursor is not None:
        after = cursors.read(cursor, str)
        params |= {"cursor_at": after.at, "cursor_key": after.key}
        marks = (key, Placeholder("cursor_at"), Placeholder("cursor_key"))
        conditions.append(SQL("(created_at, {}) < ({}, {})").format(*marks))
    statement = sql.fill(
        "read/list",
        view=sql.relation(projection.view),
        key=key,
        conditions=SQL(" and ").join(conditions),
    )
    rows = await (await conn.execute(statement, params)).fetchall()
    checkpoint = checkpoint_of(rows)
    full = [row for row in rows if row["key"] is not None]
    more, full = len(full) > limit, full[:limit]
    last = Cursor(full[-1]["created_at"], full[-1]["key"]) if more else None
    return Page(
        data=[_document(projection, row) for row in full],
        next_cursor=cursors.write(last) if last else None,
        position=str(checkpoint),
    )


async def checkpoints(conn: Connection) -> list[dict[str, Any]]:
    """How far the read models have come in each book, and the book's end."""
    found = await conn.execute(sql.text("read/checkpoints"), {"version": VERSION})
    return await found.fetchall()


async def parked(conn: Connection, book: str | None = None) -> list[dict[str, Any]]:
    """The streams that are set aside, of one book or of all, with the error of each."""
    found = await conn.execute(sql.text("read/parked"), {"build": LIVE, "book": book})
    return await found.fetchall()


async def position(conn: Connection, book: str) -> int:
    """How far the read models have come in a book."""
    return checkpoint_of(
        await (await conn.execute(sql.text("read/checkpoint"), of(book))).fetchall()
    )


def of(book: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401
    """The parameters of a statement about the read models of a book."""
    return {"book": book, "version": VERSION, **params}


def checkpoint_of(rows: list[dict[str, Any]]) -> int:
    """The position that the rows of an answer reflect.

    Raises:
        Problem: ``not-ready`` while the read models are being built for the first time.
    """
    if not rows:
        raise Problem("not-ready", "The read models of this book are being built.")
    return int(rows[0]["checkpoint"])


def _equals(projection: Projection[Any], name: str) -> Composed:
    if name in projection.column_names:
        return SQL("{} = {}").format(Identifier(name), Placeholder(name))
    return SQL("{} @> array[{}]").format(Identifier(f"{name}s"), Placeholder(name))


def _folds(projection: Projection[Any], rows: list[dict[str, Any]]) -> list[Fold[Any]]:
    category = projection.aggregate.category if projection.aggregate else ""
    return [decode(category, row["memo"]) for row in rows if row["memo"] is not None]


def _answer(  # noqa: PLR0913, PLR0917 - everything that decides
    customer_id: str,
    folds: Mapping[str, list[Fold[Any]]],
    paid: Mapping[str, datetime],
    at: datetime,
    policy: Policy,
    checkpoint: int,
) -> AccessAnswer:
    grants = folds[ENTITLEMENT_GRANTS.name]
    decided = decide(folds[SUBSCRIPTIONS.name], at, grants=grants, paid_until=paid, policy=policy)
    return AccessAnswer(
        customer_id=customer_id,
        entitled=decided.entitled,
        until=decided.until,
        because=decided.because,
        at=at,
        position=str(checkpoint),
    )


def _document(projection: Projection[Any], row: Mapping[str, Any]) -> dict[str, Any]:
    if projection is CUSTOMERS:
        return _customer(recall(row["memo"]), row["body"])
    category = projection.aggregate.category if projection.aggregate else ""
    return _snapshot(decode(category, row["memo"]), row["body"])


def _snapshot(folded: Fold[Any], body: bytes) -> dict[str, Any]:
    return {
        **events.snapshot(body),
        "status": shown(folded.status),
        "status_since": folded.since,
        "verdicts": folded.verdicts,
        "event_position": str(folded.position),
    } | _beside(folded)


def _beside(folded: Fold[Any]) -> dict[str, Any]:
    """What the fold knows and a single snapshot may not show."""
    shows = ("subscription_ids", "balance", "overage", "gaps")
    return {name: getattr(folded.state, name) for name in shows if hasattr(folded.state, name)}


def _customer(state: Customer, body: bytes | None) -> dict[str, Any]:
    details = events.snapshot(body).get("customer") if body else None
    known = msgspec.json.decode(details, type=dict[str, Any]) if details else {}
    return {
        **known,
        "customer_id": state.id,
        "created_at": state.occurred_at,
        "event_position": str(state.position),
    }


async def _related(
    conn: Connection, book: str, projection: Projection[Any], identity: str
) -> dict[str, Any]:
    """What other streams say of this one, whichever of them came first."""
    if projection is PAYMENTS:
        params = {"book": book, "payment_id": identity}
        return {
            "related": {
                other.name: [
                    {other.key: f.state.id, "status": f.status, "amount": f.state.amount,
                     "currency": f.state.currency}
                    for f in await _others(conn, "read/of_payment", other, params)
                ]
                for other in (REFUNDS, DISPUTES)
            }
        }  # fmt: skip
    if projection is SUBSCRIPTIONS:
        params = {"book": book, "subscription_id": identity}
        payments = await _others(conn, "read/payments_of_subscription", PAYMENTS, params)
        return {
            "paid_until": paid_periods(payments).get(identity),
            "related": {
                "payments": [
                    {"payment_id": f.state.id, "status": f.status, "since": f.since,
                     "total_amount": f.state.total_amount, "currency": f.state.currency,
                     "periods": [p for p in f.state.periods if p.subscription_id == identity]}
                    for f in payments
                ]
            },
        }  # fmt: skip
    return {}


async def _others(
    conn: Connection, name: str, projection: Projection[Any], params: Mapping[str, Any]
) -> list[Fold[Any]]:
    view, key = sql.relation(projection.view), Identifier(projection.key)
    found = await conn.execute(sql.fill(name, view=view, key=key), params)
    return _folds(projection, await found.fetchall())


def category_of(stream: str) -> str:
    """The category of a stream's name.

    Raises:
        Problem: ``invalid-parameter``, naming what is allowed.
    """
    category = stream.partition("-")[0]
    if category not in BY_CATEGORY:
        raise Problem(
            "invalid-parameter",
            f"{stream!r} is no stream: one is called category-id, as subscription-sub_…;"
            f" the categories are {', '.join(BY_CATEGORY)}.",
        )
    return category
