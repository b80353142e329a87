"""Generated webhooks of a merchant, for demos, load and tests.

The same seed generates the same bytes. The generator imitates the provider: bursts at one instant,
snapshots rendered at any time between event and delivery, both styles of cancelling at the end of a
period. With chaos it adds the faults: deliveries out of order, duplicated, re-rendered or lost.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_MONTH = timedelta(days=30)
_BUSINESS = "bus_simulated"
_PRODUCTS = {"pdt_basic": 900, "pdt_pro": 1900, "pdt_team": 4900}


# with chaos: the shares that are lost, lost or late, and duplicated; the provider's retry delays
_LOST, _LATE, _TWICE = 0.01, 0.10, 0.05
_RETRIES = (5, 305, 2_105, 9_305)


class Simulated(Struct, frozen=True):
    """One delivery: its webhook-id, when it was sent, and its exact bytes."""

    webhook_id: str
    sent_at: datetime
    body: bytes


def line(delivery: Simulated) -> bytes:
    """One delivery as a line of JSON."""
    return msgspec.json.encode(
        {
            "webhook_id": delivery.webhook_id,
            "sent_at": delivery.sent_at,
            "body": delivery.body.decode(),
        }
    )


class _Fact(Struct, frozen=True):
    kind: str
    at: datetime
    resource: str
    data: dict[str, Any]


class _Life:
    """One customer's history: a list of facts, each with the resource as it was then."""

    def __init__(self, rng: random.Random, number: int) -> None:
        self._rng = rng
        self._id = f"{number:06d}"
        self.now = _BEGINNING + timedelta(seconds=rng.randrange(120 * 86_400), microseconds=number)
        self.facts: list[_Fact] = []
        self._product = rng.choice(list(_PRODUCTS))
        self._amount = _PRODUCTS[self._product]
        self._customer: dict[str, Any] = {
            "customer_id": f"cus_{self._id}",
            "email": f"customer{self._id}@example.com",
            "metadata": {},
            "name": f"Customer {self._id}",
            "phone_number": None,
        }
        self._payments = 0
        self._subscription: dict[str, Any] = {}

    def live(self) -> None:
        """Live from the purchase until the year ends or the customer cancels."""
        self._buy()
        for _ in range(self._rng.randrange(1, 10)):
            self.now += _MONTH
            chance = self._rng.random()
            if chance < 0.70:  # noqa: PLR2004 - the habits of a customer
                self._renew()
            elif chance < 0.85:  # noqa: PLR2004
                self._fail_and_recover()
            elif chance < 0.90:  # noqa: PLR2004
                self._pause()
            else:
                self._cancel()
                return

    def _buy(self) -> None:
        ends = self.now + _MONTH
        self._subscription = {
            "addons": [], "billing": _BILLING, "brand_id": "brd_simulated",
            "cancel_at_next_billing_date": False, "cancelled_at": None, "created_at": self.now,
            "credit_entitlement_cart": [], "currency": "EUR", "customer": self._customer,
            "discount_id": None, "expires_at": None, "has_payment_method": True, "metadata": {},
            "meter_credit_entitlement_cart": [], "meters": [], "next_billing_date": ends,
            "on_demand": False, "past_due_ends_at": None, "paused_at": None,
            "payload_type": "Subscription", "payment_frequency_count": 1,
            "payment_frequency_interval": "Month", "previous_billing_date": self.now,
            "product_id": self._product, "quantity": 1, "recurring_pre_tax_amount": self._amount,
            "scheduled_change": None, "status": "active", "subscription_id": f"sub_{self._id}",
            "subscription_period_count": 10, "subscription_period_interval": "Year",
            "tax_inclusive": False, "trial_period_days": 0,
        }  # fmt: skip
        kinds = ["subscription.active", "subscription.renewed", "subscription.updated"]
        payment = self._pay("succeeded")
        for kind in kinds:
            self._record(kind, payment_id=payment if kind == "subscription.renewed" else None)
        if self._rng.random() < 0.3:  # noqa: PLR2004
            self._record_of("license_key.created", f"lic_{self._id}", {
                "id": f"lic_{self._id}", "customer_id": self._customer["customer_id"],
                "product_id": self._product, "status": "active", "created_at": self.now,
                "key": f"KEY-{self._id}", "source": "auto", "instances_count": 0,
                "subscription_id": f"sub_{self._id}", "payment_id": payment, "expires_at": None,
            })  # fmt: skip

    def _renew(self) -> None:
        payment = self._pay("succeeded")
        self._change(previous_billing_date=self.now, next_billing_date=self.now + _MONTH)
        self._record("subscription.renewed", payment_id=payment)
        if self._rng.random() < 0.05:  # noqa: PLR2004
            self._refund(payment)

    def _fail_and_recover(self) -> None:
        self._pay("failed")
        status = self._rng.choice(["on_hold", "past_due"])
        grace = self.now + timedelta(days=3) if status == "past_due" else None
        self._change(status=status, past_due_ends_at=grace)
        self._record(f"subscription.{status}")
        self.now += timedelta(hours=self._rng.randrange(1, 70))
        self._pay("succeeded")
        self._change(status="active", past_due_ends_at=None, next_billing_date=self.now + _MONTH)
        self._record("subscription.active")

    def _pause(self) -> None:
        self._change(status="paused", paused_at=self.now)
        self._record("subscription.paused")
        self.now += timedelta(days=self._rng.randrange(1, 20))
        self._change(status="active", paused_at=None, next_billing_date=self.now + _MONTH)
        self._record("subscription.unpaused")

    def _cancel(self) -> None:
        self._change(cancel_at_next_billing_date=True)
        if self._rng.random() < 0.5:  # noqa: PLR2004 - both styles are seen
            self._change(status="cancelled", cancelled_at=self.now)
            self._record("subscription.cancelled")
            self.now += _MONTH
            self._change(status="expired")
            self._record("subscription.expired")
        else:
            self._record("subscription.updated")
            self.now += _MONTH
            self._change(status="cancelled", cancelled_at=self.now)
            self._record("subscription.cancelled")

    def _pay(self, status: str) -> str:
        self._payments += 1
        identity = f"pay_{self._id}_{self._payments}"
        period = {
            "subscription_id": f"sub_{self._id}", "starts_at": self.now,
            "ends_at": self.now + _MONTH, "proration_factor": 1.0,
        }  # fmt: skip
        self._record_of(f"payment.{status}", identity, {
            "billing": _BILLING, "brand_id": "brd_simulated", "business_id": _BUSINESS,
            "created_at": self.now, "currency": "EUR", "customer": self._customer,
            "disputes": [], "error_code": None, "invoice_id": f"inv_{identity}", "metadata": {},
            "payload_type": "Payment", "payment_id": identity, "payment_method": "card",
            "refund_status": None, "refunds": [], "retry_attempt": 0,
            "service_periods": [period] if status == "succeeded" else [],
            "settlement_amount": self._amount, "settlement_currency": "EUR", "status": status,
            "subscription_id": f"sub_{self._id}", "subscription_ids": [f"sub_{self._id}"],
            "tax": 0, "total_amount": self._amount, "updated_at": None,
        })  # fmt: skip
        return identity

    def _refund(self, payment: str) -> None:
        self.now += timedelta(hours=5)
        self._record_of("refund.succeeded", f"ref_{payment}", {
            "amount": self._amount, "business_id": _BUSINESS, "created_at": self.now,
            "currency": "EUR", "customer": self._customer, "is_partial": False, "metadata": {},
            "payload_type": "Refund", "payment_id": payment, "refund_id": f"ref_{payment}",
            "status": "succeeded",
        })  # fmt: skip

    def _change(self, **fields: Any) -> None:  # noqa: ANN401 - of the payload
        self._subscription = {**self._subscription, **fields}

    def _record(self, kind: str, payment_id: str | None = None) -> None:
        self._record_of(kind, f"sub_{self._id}", {**self._subscription, "payment_id": payment_id})

    def _record_of(self, kind: str, resource: str, data: dict[str, Any]) -> None:
        self.facts.append(_Fact(kind, self.now, resource, data))


_BILLING = {
    "city": "Berlin", "country": "DE", "state": "Berlin", "street": "Unter den Linden 1",
    "zipcode": "10117",
}  # fmt: skip


def simulate(customers: int, seed: int, *, chaos: bool = False) -> Iterator[Simulated]:
    """The deliveries of this many customers, in the order of arrival."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    deliveries: list[Simulated] = []
    for number in range(1, customers + 1):
        life = _Life(rng, number)
        life.live()
        deliveries += _deliver(rng, life.facts, chaos=chaos)
    yield from sorted(deliveries, key=lambda d: d.sent_at)


def _deliver(rng: random.Random, facts: list[_Fact], *, chaos: bool) -> Iterator[Simulated]:
    for number, fact in enumerate(facts):
        identity = sha256(f"{fact.resource}{number}{fact.at}".encode()).hexdigest()[:27]
        sent_at = fact.at + timedelta(seconds=rng.choice((0, 1, 1, 2)))
        fate, delay = rng.random(), timedelta(seconds=rng.choice(_RETRIES))
        if chaos and fate < _LOST:
            continue
        if chaos and fate < _LATE:
            sent_at += delay
        yield _render(facts, number, fact, f"msg_{identity}", rng.uniform(0, 1), sent_at)
        if chaos and fate > 1 - _TWICE:
            again = sent_at + delay
            yield _render(facts, number, fact, f"msg_{identity}", rng.uniform(0, 1), again)


def _render(  # noqa: PLR0913, PLR0917 - all that a delivery depends on
    facts: list[_Fact],
    number: int,
    fact: _Fact,
    webhook_id: str,
    share: float,
    sent_at: datetime,
) -> Simulated:
    """A delivery whose body shows the resource at a time between the fact and the sending."""
    rendered_at = fact.at + (sent_at - fact.at) * share
    data = fact.data
    for other in facts[number + 1 :]:
        if other.resource == fact.resource and other.at <= rendered_at:
            data = other.data
    document = {"business_id": _BUSINESS, "type": fact.kind, "timestamp": fact.at, "data": data}
    return Simulated(webhook_id, sent_at, msgspec.json.encode(document))
