"""What other streams say of a resource, whichever of them came first."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.fold import Fold, decode
from domain.paid import payments_by_subscription, void_payments
from projections.disputes import DISPUTES
from projections.payments import PAYMENTS
from projections.projection import Projection
from projections.refunds import REFUNDS
from projections.subscriptions import SUBSCRIPTIONS
from service.database import statements
from service.database.reader import Queryable
from service.queries.answers import RelatedDispute, RelatedPayment, RelatedRefund

_VIEWS = {projection.name: projection.view for projection in (PAYMENTS, REFUNDS, DISPUTES)}


async def related(
    conn: Queryable, book: str, projection: Projection[Any], identity: str
) -> dict[str, Any]:
    """A payment's refunds and disputes; a subscription's payments and paid periods."""
    if projection is PAYMENTS:
        return {"related": await _of_payment(conn, book, identity)}
    if projection is SUBSCRIPTIONS:
        return await _of_subscription(conn, book, identity)
    return {}


async def _of_subscription(conn: Queryable, book: str, identity: str) -> dict[str, Any]:
    statement = statements.bind_views("queries/payments_of_subscription", **_VIEWS)
    params = {"book": book, "subscription_id": identity}
    folds: dict[str, list[Fold[Any]]] = {"payment": [], "refund": [], "dispute": []}
    for row in await (await conn.execute(statement, params)).fetchall():
        folds[row["category"]].append(decode(row["category"], row["memo"]))
    payments = folds["payment"]
    void = void_payments(payments, folds["refund"], folds["dispute"])
    paid = payments_by_subscription(payments, void).get(identity)
    return {
        "paid_until": paid.paid_until if paid else None,
        "related": {PAYMENTS.name: [_payment(folded, identity) for folded in payments]},
    }


async def refund_statuses(conn: Queryable, book: str, ids: Sequence[str]) -> dict[str, str]:
    """What the refunds in the book say of some payments: ``partial`` or ``full``, by payment.

    No event tells that a payment was refunded, so its own snapshot may be older.
    """
    if not ids:
        return {}
    statement = statements.bind_views(
        "queries/refund_statuses", payments=PAYMENTS.view, refunds=REFUNDS.view
    )
    found = await conn.execute(statement, {"book": book, "ids": list(ids)})
    return {row["payment_id"]: row["refund_status"] for row in await found.fetchall()}


def refund_status(seen: str | None, refunded: str | None) -> str | None:
    """The status that says more: that of a payment's snapshot, or that of its refunds."""
    return refunded if refunded and seen in {None, "partial"} else seen


async def _of_payment(conn: Queryable, book: str, identity: str) -> dict[str, Any]:
    params = {"book": book, "payment_id": identity}
    return {
        other.name: [
            kind(folded.state.id, folded.status, folded.state.amount, folded.state.currency)
            for folded in await _folds(conn, "queries/of_payment", other, params)
        ]
        for other, kind in ((REFUNDS, RelatedRefund), (DISPUTES, RelatedDispute))
    }


def _payment(folded: Fold[Any], subscription_id: str) -> RelatedPayment:
    state = folded.state
    periods = [p for p in state.periods if p.subscription_id == subscription_id]
    return RelatedPayment(state.id, folded.status, state.total_amount, state.currency, periods)


async def _folds(
    conn: Queryable, name: str, projection: Projection[Any], params: Mapping[str, Any]
) -> list[Fold[Any]]:
    statement = statements.bind_views(name, view=projection.view, key=projection.key)
    found = await conn.execute(statement, params)
    category = projection.aggregate.category if projection.aggregate else ""
    return [decode(category, row["memo"]) for row in await found.fetchall()]
