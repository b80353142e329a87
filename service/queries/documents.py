"""Resources as documents: the provider's snapshot, and what we computed.

What other streams say of a resource is looked up on request: which of them came first is open.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, get_type_hints

import msgspec
from msgspec import Raw

from domain.catalog import Aggregate
from domain.customer import State as Customer
from domain.dispute import AWAITING
from domain.dispute import State as Dispute
from domain.fold import Fold, decode
from domain.paid import as_paid, payments_by_subscription, void_payments
from domain.reading import snapshot as snapshot_of
from projections.customers import CUSTOMERS, recall
from projections.disputes import DISPUTES, opened_at
from projections.payments import PAYMENTS
from projections.projection import Projection
from projections.refunds import REFUNDS
from projections.subscriptions import SUBSCRIPTIONS
from service.database import statements
from service.database.reader import Queryable
from service.queries.answers import RelatedDispute, RelatedPayment, RelatedRefund, status_or_null

_VIEWS = {projection.name: projection.view for projection in (PAYMENTS, REFUNDS, DISPUTES)}
MOST_RELATED = 100
"""The latest related resources of each kind that a document has; lists have all, page by page."""

COMPUTED = ("subscription_ids", "balance", "overage", "gaps")
"""State fields that we compute; the provider's snapshot does not contain them."""


def document(
    projection: Projection[Any], row: Mapping[str, Any], response_days: int
) -> dict[str, Any]:
    """The document of a read model's row, which has the body that supplies its snapshot."""
    if projection is CUSTOMERS:
        return _customer(recall(row["memo"]), row["body"])
    category = projection.aggregate.category if projection.aggregate else ""
    resolved = resource(projection, decode(category, row["memo"]), row["body"], response_days)
    # its stream is parked: later events are missing
    return {**resolved, "stale": True} if row["stale"] else resolved


def resource(
    projection: Projection[Any], folded: Fold[Any], body: bytes, response_days: int
) -> dict[str, Any]:
    """The document of a fold, with the body of the event that supplies its snapshot.

    Fields that the snapshot omits and an earlier one had come from the fold. ``status`` is ours;
    ``provider_status`` is the word in the snapshot, known or not; ``other_status`` is set if
    nothing decides between two readings. A dispute may be answered until ``response_days`` after
    it was opened.
    """
    snapshot = snapshot_of(body)
    computed = {
        name: getattr(folded.state, name) for name in COMPUTED if hasattr(folded.state, name)
    }
    if projection is DISPUTES:
        computed["respond_by"] = _respond_by(folded, response_days)
    return {
        **snapshot,
        **_kept(folded, snapshot, projection.aggregate),
        **computed,
        projection.key: folded.state.id,
        "status": status_or_null(folded.status),
        "status_since": folded.since,
        "other_status": folded.other and status_or_null(folded.other.status),
        "provider_status": snapshot.get("dispute_status", snapshot.get("status")),
        "verdicts": folded.verdicts,
        "event_position": str(folded.position),
    }


def _kept(
    folded: Fold[Any], snapshot: Mapping[str, Raw], aggregate: Aggregate | None
) -> dict[str, Any]:
    """The state's values, by the provider's names, for fields that a snapshot omits or has null.

    Also for fields that a row of a list told later.
    """
    if aggregate is None:
        return {}
    state, kept = folded.state, dict[str, Any]()
    for name in shared_fields(aggregate):
        value, shown = getattr(state, name), snapshot.get(name)
        # a false flag may never have been in a payload
        told = value is not None and value is not False
        if (told and _is_null(shown)) or (folded.supplies.overlaid and shown is not None):
            kept[name] = value
    customer_id = getattr(state, "customer_id", None)
    names_customer = "customer" in aggregate.payload.__struct_fields__  # type: ignore[attr-defined]
    if names_customer and customer_id and _is_null(snapshot.get("customer")):
        kept["customer"] = {"customer_id": customer_id}
    return kept


@cache
def shared_fields(aggregate: Aggregate) -> tuple[str, ...]:
    """The fields that state and payload share, with the same name and type."""
    fields, hints = msgspec.structs.fields(aggregate.payload), get_type_hints(aggregate.payload)  # type: ignore[arg-type]
    provided = {f.encode_name: hints[f.name] for f in fields}
    return tuple(
        name
        for name, kind in get_type_hints(aggregate.state).items()
        # a state's flag is false where the payload's may be absent
        if name in provided and kind in {provided[name], bool}
    )


def _is_null(value: Raw | None) -> bool:
    return value is None or bytes(value) == b"null"


def _respond_by(folded: Fold[Dispute], response_days: int) -> datetime | None:
    if folded.status != AWAITING:
        return None
    return opened_at(folded) + timedelta(days=response_days)


def _customer(state: Customer, body: bytes | None) -> dict[str, Any]:
    # the customer as another resource shows it, or its own resource
    shown = snapshot_of(body) if body else {}
    details = shown.get("customer")
    known = msgspec.json.decode(details, type=dict[str, Raw]) if details else shown
    newest = {"email": state.email, "name": state.name}
    return {
        **known,
        "customer_id": state.id,
        **{name: value for name, value in newest.items() if value is not None},
        "created_at": state.occurred_at,
        "event_position": str(state.position),
    }


async def related(
    conn: Queryable,
    book: str,
    projection: Projection[Any],
    identity: str,
    most: int = MOST_RELATED,
) -> dict[str, Any]:
    """The refunds and disputes of a payment, or the payments and paid periods of a subscription.

    The latest of each kind, ``most`` of them, in the order in which they were created; ``more``
    says that there were others before. ``paid_until`` considers the thousand payments that reach
    furthest, as access does.
    """
    if projection is PAYMENTS:
        return {"related": await _of_payment(conn, book, identity, most)}
    if projection is SUBSCRIPTIONS:
        return await _of_subscription(conn, book, identity, most)
    return {}


async def _of_subscription(conn: Queryable, book: str, identity: str, most: int) -> dict[str, Any]:
    statement = statements.bind_views("queries/payments_of_subscription", **_VIEWS)
    params = {"book": book, "subscription_id": identity, "limit": most + 1}
    memos: dict[str, list[bytes]] = {"latest": [], "payment": [], "refund": [], "dispute": []}
    for row in await (await conn.execute(statement, params)).fetchall():
        memos[row["category"]].append(row["memo"])
    latest = [decode("payment", memo) for memo in memos.pop("latest")]
    folds = {category: [decode(category, m) for m in found] for category, found in memos.items()}
    payments = as_paid(folds["payment"])
    void = void_payments(payments, folds["refund"], folds["dispute"])
    paid = payments_by_subscription(payments, void).get(identity)
    return {
        "paid_until": paid.paid_until if paid else None,
        "related": {
            PAYMENTS.name: [_payment(folded, identity) for folded in latest[-most:]],
            "more": len(latest) > most,
        },
    }


async def refund_statuses(conn: Queryable, book: str, ids: Sequence[str]) -> dict[str, str]:
    """The refund status of payments by their refunds in the book: ``partial`` or ``full``.

    The provider sends no event when a payment is refunded, so its own snapshot may be outdated.
    """
    if not ids:
        return {}
    statement = statements.bind_views(
        "queries/refund_statuses", payments=PAYMENTS.view, refunds=REFUNDS.view
    )
    cursor = await conn.execute(statement, {"book": book, "ids": list(ids)})
    return {row["payment_id"]: row["refund_status"] for row in await cursor.fetchall()}


def refund_status(shown_status: str | None, refunded: str | None) -> str | None:
    """The further of two refund statuses: of a payment's snapshot, and of its refunds."""
    return refunded if refunded and shown_status in {None, "partial"} else shown_status


async def _of_payment(conn: Queryable, book: str, identity: str, most: int) -> dict[str, Any]:
    params = {"book": book, "payment_id": identity, "limit": most + 1}
    found = {
        other.name: [
            kind(folded.state.id, folded.status, folded.state.amount, folded.state.currency)
            for folded in await _folds(conn, "queries/of_payment", other, params)
        ][::-1]
        for other, kind in ((REFUNDS, RelatedRefund), (DISPUTES, RelatedDispute))
    }
    more = any(len(each) > most for each in found.values())
    return {**{name: each[-most:] for name, each in found.items()}, "more": more}


def _payment(folded: Fold[Any], subscription_id: str) -> RelatedPayment:
    state = folded.state
    periods = [p for p in state.periods if p.subscription_id == subscription_id]
    return RelatedPayment(state.id, folded.status, state.total_amount, state.currency, periods)


async def _folds(
    conn: Queryable, name: str, projection: Projection[Any], params: Mapping[str, Any]
) -> list[Fold[Any]]:
    statement = statements.bind_views(name, view=projection.view, key=projection.key)
    cursor = await conn.execute(statement, params)
    category = projection.aggregate.category if projection.aggregate else ""
    return [decode(category, row["memo"]) for row in await cursor.fetchall()]


_OF_PAYMENTS = ("refund", "dispute")


async def streams_of_payer(conn: Queryable, book: str, customer_id: str) -> list[str]:
    """The streams of refunds and disputes that name no customer, of this customer's payments."""
    params = {"book": book, "customer_id": customer_id}
    cursor = await conn.execute(statements.bind_views("queries/streams_of_payer", **_VIEWS), params)
    return [row["stream"] for row in await cursor.fetchall()]


async def add_payers(conn: Queryable, book: str, documents: Sequence[dict[str, Any]]) -> None:
    """Give refunds and disputes whose provider names no customer the customer of their payment."""
    lacking = [one for one in documents if _is_null_field(one.get("customer"))]
    ids = [payment for one in lacking if (payment := text_of(one.get("payment_id")))]
    if not ids:
        return
    statement = statements.bind_views(
        "queries/customers_of_payments", payments=PAYMENTS.view, customers=CUSTOMERS.view
    )
    cursor = await conn.execute(statement, {"book": book, "ids": ids})
    payers = {row.pop("payment_id"): row for row in await cursor.fetchall()}
    for one in lacking:
        if payer := payers.get(text_of(one.get("payment_id")) or ""):
            one["customer"] = payer


def _is_null_field(value: object) -> bool:
    return value is None or (isinstance(value, Raw) and _is_null(value))


def text_of(value: object) -> str | None:
    """A field of a document as text; None where it is none."""
    found = msgspec.json.decode(value) if isinstance(value, Raw) else value
    return found if isinstance(found, str) else None


async def with_payers(
    conn: Queryable, book: str, rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Rows of the event index; a refund or dispute without a customer gets the payer.

    The payer is looked up on request: the payment may be recorded later than its refund.
    """
    ids: dict[str, set[str]] = {category: set() for category in _OF_PAYMENTS}
    for row in rows:
        category, _, identity = (row["stream"] or "").partition("-")
        if row["customer_id"] is None and category in ids:
            ids[category].add(identity)
    if not any(ids.values()):
        return rows
    params = {f"{category}_ids": list(keys) for category, keys in ids.items()}
    cursor = await conn.execute(
        statements.bind_views("queries/payers", **_VIEWS), {"book": book, **params}
    )
    payers = {row["stream"]: row["customer_id"] for row in await cursor.fetchall()}
    return [{**row, "customer_id": row["customer_id"] or payers.get(row["stream"])} for row in rows]
