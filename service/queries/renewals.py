"""Active subscriptions whose renewal is overdue: neither a renewal nor a hold was recorded."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from projections.customers import CUSTOMERS
from projections.subscriptions import SUBSCRIPTIONS
from service.database import statements
from service.database.connections import Connection
from service.queries.changes import link
from service.queries.disputes import Payer
from service.queries.paging import Order
from service.queries.products import product_names
from service.queries.resources import checkpoint_of, of


class OverdueRenewal(Struct, frozen=True):
    """An active subscription whose ``next_billing_date`` has passed, with its customer.

    It was not to end then. ``overdue_days`` counts whole days since. The amount is in minor units
    of ``currency``.
    """

    subscription_id: str
    status: str
    customer: Payer | None
    product_id: str | None
    product_name: str | None
    recurring_pre_tax_amount: int | None
    currency: str | None
    next_billing_date: datetime
    overdue_days: int
    event_position: str
    link: str


class OverdueRenewals(Struct, frozen=True):
    """A page of subscriptions, the longest overdue first; ``next_cursor`` is null on the last."""

    data: list[OverdueRenewal]
    next_cursor: str | None
    position: str


async def overdue(  # noqa: PLR0913 - the question, and when it is asked
    conn: Connection,
    book: str,
    *,
    product_id: str | None,
    patience: timedelta,
    now: datetime,
    limit: int,
    order: Order[str],
) -> OverdueRenewals:
    """A page of the active subscriptions whose renewal is overdue, the longest first.

    Args:
        conn: to the database.
        book: the book.
        product_id: only those of this product; None for all.
        patience: how long a renewal may take.
        now: decides which are overdue.
        limit: the size of the page.
        order: where the page begins.
    """
    views = {p.name: statements.relation(p.view) for p in (SUBSCRIPTIONS, CUSTOMERS)}
    params = of(
        book,
        product_id=product_id,
        until=now - patience,
        after=order.after.at if order.after else None,
        after_id=order.after.key if order.after else None,
        limit=limit + 1,
    )
    statement = statements.fill("queries/overdue_renewals", **views)
    rows = await (await conn.execute(statement, params)).fetchall()
    checkpoint = checkpoint_of(rows)
    found = [row for row in rows if row["subscription_id"] is not None]
    more, found = len(found) > limit, found[:limit]
    following = None
    if more:
        last = found[-1]
        following = order.following(last["next_billing_date"], last["subscription_id"], checkpoint)
    names = await product_names(conn, book, [row["product_id"] for row in found])
    data = [_overdue(row, names, now) for row in found]
    return OverdueRenewals(data, following, str(checkpoint))


def _overdue(row: Mapping[str, Any], names: Mapping[str, str], now: datetime) -> OverdueRenewal:
    payer = row["customer_id"] and Payer(row["customer_id"], row["email"], row["name"])
    return OverdueRenewal(
        subscription_id=row["subscription_id"],
        status=row["status"],
        customer=payer or None,
        product_id=row["product_id"],
        product_name=names.get(row["product_id"]),
        recurring_pre_tax_amount=row["recurring_pre_tax_amount"],
        currency=row["currency"],
        next_billing_date=row["next_billing_date"],
        overdue_days=(now - row["next_billing_date"]).days,
        event_position=str(row["event"]),
        link=link("subscription", row["subscription_id"]),
    )
