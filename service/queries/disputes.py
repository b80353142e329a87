"""Disputes that need a response: the deadline, the payment and the customer."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Raw, Struct

from domain.dispute import AWAITING
from domain.reading import snapshot
from projections.customers import CUSTOMERS
from projections.disputes import DISPUTES
from projections.payments import PAYMENTS
from projections.subscriptions import SUBSCRIPTIONS
from service.database import statements
from service.database.reader import Queryable
from service.queries.changes import link
from service.queries.documents import refund_status, refund_statuses
from service.queries.paging import Order
from service.queries.products import product_names
from service.queries.resources import checkpoint_of, of

_VIEWS = {p.name: p.view for p in (DISPUTES, PAYMENTS, CUSTOMERS)}


class Payer(Struct, frozen=True):
    """The customer who made the payment."""

    customer_id: str
    email: str | None
    name: str | None


class Subscribed(Struct, frozen=True):
    """A subscription that was paid for; only the id if no event of it is recorded."""

    subscription_id: str
    product_id: str | None
    product_name: str | None
    status: str | None


class Disputed(Struct, frozen=True):
    """The disputed payment, and what it was for.

    ``total_amount`` is in minor units of ``currency``; ``product_cart`` is as the provider sent it,
    or null.
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

    ``respond_by`` is when it was last opened plus the book's ``dispute_response_days``, since the
    provider sends no deadline. ``payment`` and ``customer`` are null if no event of them is
    recorded.
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
    """A page of disputes, most urgent first; ``next_cursor`` is null on the last page."""

    data: list[DueDispute]
    next_cursor: str | None
    position: str


class Waiting(Struct, frozen=True):
    """How many disputes await an answer: in all, overdue, and due soon but not overdue."""

    count: int
    overdue: int
    soon: int


async def waiting(  # noqa: PLR0913 - the question, and when it is asked
    conn: Queryable, book: str, response_days: int, now: datetime, *, soon: timedelta, most: int
) -> Waiting:
    """How many disputes await an answer, the longest open counted first; no more than ``most``."""
    statement = statements.bind_views("queries/disputes_waiting", disputes=DISPUTES.view)
    late = now - timedelta(days=response_days)
    params = {"book": book, "status": AWAITING, "late": late, "close": late + soon, "most": most}
    row = await (await conn.execute(statement, params)).fetchone()
    assert row is not None  # noqa: S101 - a count is one row
    return Waiting(row["count"], row["late"], row["close"] - row["late"])


class FirstDue(Struct, frozen=True):
    """A dispute that awaits an answer, and until when; ``amount`` in minor units of ``currency``.

    ``respond_by`` is that of ``DueDispute``.
    """

    dispute_id: str
    amount: int | None
    currency: str | None
    respond_by: datetime
    customer: Payer | None


async def first_due(conn: Queryable, book: str, response_days: int, limit: int) -> list[FirstDue]:
    """The disputes that await an answer, the most urgent first."""
    statement = statements.bind_views("queries/first_due_disputes", **_VIEWS)
    params = {"book": book, "status": AWAITING, "limit": limit}
    rows = await (await conn.execute(statement, params)).fetchall()
    allowed = timedelta(days=response_days)
    return [
        FirstDue(
            row["dispute_id"], row["amount"], row["currency"], row["opened_at"] + allowed,
            _payer(row),
        )
        for row in rows
    ]  # fmt: skip


class ReachedDispute(Struct, frozen=True):
    """A dispute, and since when it has its status; ``amount`` in minor units of ``currency``."""

    dispute_id: str
    status: str
    status_since: datetime
    dispute_stage: str | None
    amount: int | None
    currency: str | None
    customer: Payer | None


async def reached(
    conn: Queryable, book: str, statuses: Sequence[str], limit: int
) -> list[ReachedDispute]:
    """The disputes that last reached one of these statuses, the latest first."""
    statement = statements.bind_views("queries/reached_disputes", **_VIEWS)
    params = {"book": book, "statuses": list(statuses), "limit": limit}
    rows = await (await conn.execute(statement, params)).fetchall()
    return [
        ReachedDispute(
            row["dispute_id"], row["status"], row["status_since"], row["dispute_stage"],
            row["amount"], row["currency"],
            _payer(row),
        )
        for row in rows
    ]  # fmt: skip


async def due(  # noqa: PLR0913 - the question, and when it is asked
    conn: Queryable,
    book: str,
    filters: Mapping[str, Any],
    *,
    response_days: int,
    now: datetime,
    limit: int,
    order: Order[str],
) -> DueDisputes:
    """A page of the disputes in one status, longest open first.

    Args:
        conn: to the database.
        book: the book.
        filters: ``status`` and the statement's other filters, each None if not set.
        response_days: days from opening to the deadline.
        now: decides which are overdue.
        limit: the size of the page.
        order: where the page begins.
    """
    after = order.after.key if order.after else None
    params = of(book) | dict(filters) | {"after": after, "limit": limit + 1}
    rows = await (
        await conn.execute(statements.bind_views("queries/due_disputes", **_VIEWS), params)
    ).fetchall()
    checkpoint = checkpoint_of(rows)
    due_rows = [row for row in rows if row["dispute_id"] is not None]
    more, due_rows = len(due_rows) > limit, due_rows[:limit]
    subscribed = await _subscribed(conn, book, due_rows)
    refunded = await refund_statuses(
        conn, book, [row["payment_id"] for row in due_rows if row["payment_id"]]
    )
    for row in due_rows:
        row["refund_status"] = refund_status(row["refund_status"], refunded.get(row["payment_id"]))
    allowed = timedelta(days=response_days)
    last = due_rows[-1] if more else None
    following = None
    if last:
        following = order.following(last["opened_at"], last["dispute_id"], checkpoint)
    return DueDisputes(
        data=[_dispute(row, subscribed, row["opened_at"] + allowed, now) for row in due_rows],
        next_cursor=following,
        position=str(checkpoint),
    )


async def _subscribed(
    conn: Queryable, book: str, rows: Iterable[Mapping[str, Any]]
) -> dict[str, Subscribed]:
    ids = [key for row in rows for key in row["subscription_ids"] or ()]
    if not ids:
        return {}
    statement = statements.fill(
        "queries/products_of", subscriptions=statements.relation(SUBSCRIPTIONS.view)
    )
    cursor = await conn.execute(statement, {"book": book, "ids": ids})
    subscribed = await cursor.fetchall()
    names = await product_names(conn, book, [row["product_id"] for row in subscribed])
    return {
        row["subscription_id"]: Subscribed(**row, product_name=names.get(row["product_id"]))
        for row in subscribed
    }


def _dispute(
    row: Mapping[str, Any],
    subscribed: Mapping[str, Subscribed],
    respond_by: datetime,
    now: datetime,
) -> DueDispute:
    return DueDispute(
        dispute_id=row["dispute_id"],
        status=row["status"],
        dispute_stage=row["dispute_stage"],
        amount=row["amount"],
        currency=row["currency"],
        created_at=row["created_at"],
        respond_by=respond_by,
        overdue=respond_by <= now,
        customer=_payer(row),
        payment=_payment(row, subscribed) if row["payment_id"] else None,
        event_position=str(row["position"]),
        link=link("dispute", row["dispute_id"]),
    )


def _payer(row: Mapping[str, Any]) -> Payer | None:
    named = row["customer_id"] is not None
    return Payer(row["customer_id"], row["email"], row["name"]) if named else None


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
        subscriptions=[subscribed.get(key, Subscribed(key, None, None, None)) for key in ids],
    )
