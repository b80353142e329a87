"""Whose access a difference concerns: who has the resource, pays for it, or is paid for by it.

A payment may be of another customer than the subscription that it is for. Then it decides the
access of that one, and so do its refunds and its disputes.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from domain.carried import evolved
from domain.fold import fold
from projections.payments import PAYMENTS
from projections.subscriptions import SUBSCRIPTIONS
from service.database import statements
from service.database.connections import Connection
from service.provider.kinds import DISPUTE, PAYMENT, REFUND, SUBSCRIPTION
from service.provider.recording import Compared
from service.queries.resources import of

_MOST = 50_000
"""So many subscriptions and payments of a run are remembered, before the book has them."""


class Concern(Struct, frozen=True):
    """Whom a difference concerns.

    Attributes:
        customers: first of all the one that the resource names, then the others.
        elsewhere: the subscriptions that a payment is for, and that others have.
    """

    customers: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()


T = TypeVar("T")


class _Payment(Struct, frozen=True):
    customers: tuple[str, ...]
    subscriptions: tuple[str, ...]


class Concerns:
    """Finds whom differences concern; what the book does not know, a run finds in this order."""

    def __init__(self, conn: Connection, book: str) -> None:
        self._conn = conn
        self._book = book
        self._owners: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._payments: OrderedDict[str, _Payment] = OrderedDict()

    async def of(self, found: Sequence[Compared]) -> list[Concern]:
        """Whom each difference concerns."""
        for one in found:
            if one.reading.kind is SUBSCRIPTION and (names := _named(one)):
                _remember(self._owners, one.reading.id, names)
        payments = await self._payments_of(found)
        paid = {s for payment in payments.values() for s in payment.subscriptions}
        owners = await self._owners_of(paid)
        own = {one.reading.id for one in found if one.reading.kind is SUBSCRIPTION}
        payers = await self._pairs("provider/reconcile/paid_by", own)
        return [
            _concern(one, payments.get(_payment_of(one) or ""), owners, payers) for one in found
        ]

    async def _payments_of(self, found: Sequence[Compared]) -> dict[str, _Payment]:
        """The payments that differ, or that are refunded or disputed, by id."""
        for one in found:
            if one.reading.kind is PAYMENT:
                _remember(self._payments, one.reading.id, _paying(one))
        wanted = {name for one in found if (name := _payment_of(one))}
        known = {name: self._payments[name] for name in wanted & self._payments.keys()}
        rows = await self._rows("provider/reconcile/payments", wanted - known.keys())
        stored = {
            row["id"]: _Payment(
                (row["customer_id"],) if row["customer_id"] else (), tuple(row["subscription_ids"])
            )
            for row in rows
        }
        return known | stored

    async def _owners_of(self, subscriptions: Collection[str]) -> dict[str, tuple[str, ...]]:
        stored = await self._pairs("provider/reconcile/owners", subscriptions)
        return {
            name: tuple(dict.fromkeys((*self._owners.get(name, ()), *stored.get(name, ()))))
            for name in subscriptions
        }

    async def _pairs(self, name: str, ids: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Customers by the id of their subscription."""
        found: dict[str, tuple[str, ...]] = {}
        for row in await self._rows(name, ids):
            found[row["id"]] = (*found.get(row["id"], ()), row["customer_id"])
        return found

    async def _rows(self, name: str, ids: Collection[str]) -> Iterable[Mapping[str, Any]]:
        if not ids:
            return ()
        views = {"subscriptions": SUBSCRIPTIONS.view, "payments": PAYMENTS.view}
        statement = statements.bind_views(name, **views)
        cursor = await self._conn.execute(statement, of(self._book, ids=sorted(ids)))
        return await cursor.fetchall()


def _concern(
    one: Compared,
    payment: _Payment | None,
    owners: Mapping[str, Sequence[str]],
    payers: Mapping[str, Sequence[str]],
) -> Concern:
    named = _named(one)
    if one.reading.kind is SUBSCRIPTION:
        return Concern(tuple(dict.fromkeys((*named, *payers.get(one.reading.id, ())))))
    if payment is None:
        return Concern(named)
    others = (name for s in payment.subscriptions for name in owners.get(s, ()))
    elsewhere = (
        s for s in payment.subscriptions
        if (own := owners.get(s)) and not {*own} & {*payment.customers}
    )  # fmt: skip
    customers = tuple(dict.fromkeys((*named, *payment.customers, *others)))
    return Concern(customers, tuple(elsewhere))


def _named(one: Compared) -> tuple[str, ...]:
    """The customer whom a resource names, and the one by whom the book knows it."""
    named = one.entry.customer.customer_id if one.entry.customer else None
    folded = one.known.folded if one.known else None
    known = getattr(folded.state, "customer_id", None) if folded else None
    return tuple(dict.fromkeys(name for name in (named, known) if name))


def _payment_of(one: Compared) -> str | None:
    """The payment that a difference is of."""
    if one.reading.kind is PAYMENT:
        return one.reading.id
    return _state(one).payment_id if one.reading.kind in {REFUND, DISPUTE} else None


def _paying(one: Compared) -> _Payment:
    return _Payment(_named(one), tuple(_state(one).subscription_ids))


def _state(one: Compared) -> Any:  # noqa: ANN401 - of any aggregate
    """What a resource is once the reading is recorded."""
    aggregate, folded = one.entry.aggregate, one.known.folded if one.known else None
    if aggregate is None or folded is None:
        return fold([one.entry])[0].state
    return evolved(aggregate, folded.state, one.entry)


def _remember(kept: OrderedDict[str, T], name: str, value: T) -> None:
    kept[name] = value
    if len(kept) > _MOST:
        kept.popitem(last=False)
