"""Disputes as work: what awaits an answer, until when, from whom and for what."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Raw, Struct

from domain.events import snapshot
from projections.customers import CUSTOMERS
from projections.disputes import DISPUTES
from projections.payments import PAYMENTS
from projections.subscriptions import SUBSCRIPTIONS
from service.database import statements
from service.database.connections import Connection
from service.queries.changes import link
from service.queries.paging import Order
from service.queries.relations import refund_status, refund_statuses
from service.queries.resources import checkpoint_of, of


class Payer(Struct, frozen=True):
    """Who made the payment."""

    customer_id: str
    email: str | None
    name: str | None


class Subscribed(Struct, frozen=True):
    """A subscription that the payment was for; of one not told of yet, only the id."""

    subscription_id: str
    product_id: str | None
    status: str | None


class Disputed(Struct, frozen=True):
    """The payment in dispute, and what was bought with it.

    ``total_amount`` is in minor units of ``currency``; ``product_cart`` is the provider's, null
    where it names none.
    """

    payment_id: str
    status: str
    total_amount: int | None
    currency: str | None
    created_at: datetime
    refund_status: str | None
    product_cart: Raw | None
    subscriptions: list[Subscribed]


class DueDispute(Struct, frozen=True):
    """A dispute; ``amount`` in minor units of ``currency``.

    ``respond_by`` is when it was opened last and the days that the book's configuration gives: the
    provider tells no deadline. ``payment`` and ``customer`` are null where nothing told of them.
    """

    dispute_id: str
    status: str
    dispute_stage: str | None
    amount: int | None
    currency: str | None
    created_at: datetime
    respond_by: datetime
    overdue: bool
    customer: Payer | None
    payment: Disputed | None
    event_position: str
    link: str


class DueDisputes(Struct, frozen=True):
    """A page of disputes, the most urgent first; ``next_cursor`` is null at the end."""

    data: list[DueDispute]
    next_cursor: str | None
    position: str


async def due(  # noqa: PLR0913 - the question, and when it is asked
    conn: Connection,
    book: str,
    filters: Mapping[str, Any],
    *,
    response_days: int,
    now: datetime,
    limit: int,
    order: Order[str],
) -> DueDisputes:
    """A page of the disputes of one status, the longest open first.

    Args:
        conn: to the database.
        book: theirs.
        filters: ``status``, and each of the others that the statement names, or None.
        response_days: how long after its opening a dispute may be answered.
        now: tells what is overdue.
        limit: how many.
        order: after which of them the page begins.
    """
    views = {p.name: statements.relation(p.view) for p in (DISPUTES, PAYMENTS, CUSTOMERS)}
    after = order.after.key if order.after else None
    params = of(book) | dict(filters) | {"after": after, "limit": limit + 1}
    rows = await (
        await conn.execute(statements.fill("queries/due_disputes", **views), params)
    ).fetchall()
    checkpoint = checkpoint_of(rows)
    found = [row for row in rows if row["dispute_id"] is not None]
    more, found = len(found) > limit, found[:limit]
    subscribed = await _subscribed(conn, book, found)
    refunded = await refund_statuses(
        conn, book, [o["payment_id"] for o in found if o["payment_id"]]
    )
    for row in found:
        row["refund_status"] = refund_status(row["refund_status"], refunded.get(row["payment_id"]))
    allowed = timedelta(days=response_days)
    last = found[-1] if more else None
    following = None
    if last:
        following = order.following(last["opened_at"], last["dispute_id"], checkpoint)
    return DueDisputes(
        data=[_dispute(row, subscribed, row["opened_at"] + allowed, now) for row in found],
        next_cursor=following,
        position=str(checkpoint),
    )


async def _subscribed(
    conn: Connection, book: str, rows: Iterable[Mapping[str, Any]]
) -> dict[str, Subscribed]:
    ids = [one for row in rows for one in row["subscription_ids"] or ()]
    if not ids:
        return {}
    statement = statements.fill(
        "queries/products_of", subscriptions=statements.relation(SUBSCRIPTIONS.view)
    )
    found = await conn.execute(statement, {"book": book, "ids": ids})
    return {row["subscription_id"]: Subscribed(**row) for row in await found.fetchall()}


def _dispute(
    row: Mapping[str, Any],
    subscribed: Mapping[str, Subscribed],
    respond_by: datetime,
    now: datetime,
) -> DueDispute:
    payer = row["customer_id"] and Payer(row["customer_id"], row["email"], row["name"])
    return DueDispute(
        dispute_id=row["dispute_id"],
        status=row["status"],
        dispute_stage=row["dispute_stage"],
        amount=row["amount"],
        currency=row["currency"],
        created_at=row["created_at"],
        respond_by=respond_by,
        overdue=respond_by <= now,
        customer=payer,
        payment=_payment(row, subscribed) if row["payment_id"] else None,
        event_position=str(row["position"]),
        link=link("dispute", row["dispute_id"]),
    )


def _payment(row: Mapping[str, Any], subscribed: Mapping[str, Subscribed]) -> Disputed:
    ids = row["subscription_ids"]
    return Disputed(
        payment_id=row["payment_id"],
        status=row["payment_status"],
        total_amount=row["total_amount"],
        currency=row["payment_currency"],
        created_at=row["paid_at"],
        refund_status=row["refund_status"],
        product_cart=snapshot(row["body"]).get("product_cart"),
        subscriptions=[subscribed.get(one, Subscribed(one, None, None)) for one in ids],
    )
