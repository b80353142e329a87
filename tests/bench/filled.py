"""A store with many events, as a merchant's would be: five a stream, one in twenty out of order."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count, islice
from random import Random
from typing import Any

import msgspec

from service.database.connections import connect
from service.readmodels.rebuild import open_checkpoints, rebuild
from service.store.chain import Delivery
from service.store.events import append, open_books
from service.store.migrations import migrate
from tests.builders import NOON
from tests.deliveries import delivery

_PADDING = "x" * 520
_CUSTOMER = {"email": "ada@example.com", "name": "Ada Lovelace", "phone_number": None}


async def fill(url: str, events: int) -> None:
    """Prepare the database, and append so many events to the book ``test``."""
    async with await connect(url) as conn:
        await migrate(conn)
        await open_books(conn, {"test": None})
        await rebuild(conn)
        await open_checkpoints(conn)
        await more(conn, events)


async def rebuilt(url: str) -> None:
    """Bring the read models up to date, the quick way."""
    async with await connect(url) as conn:
        await rebuild(conn)


async def more(conn: Any, events: int, first: int = 0) -> None:  # noqa: ANN401
    """Append so many events, of streams from the ``first`` on."""
    made = _late(deliveries(first))
    for start in range(0, events, 500):
        await append(conn, "test", list(islice(made, min(500, events - start))))


async def long(url: str, streams: int, length: int) -> None:
    """Append subscriptions of so many events each: ``sub_long_0`` and so on."""
    async with await connect(url) as conn:
        for number in range(streams):
            told = [
                delivery(_renewal(f"sub_long_{number}", n), f"msg_long_{number}_{n}")
                for n in range(length)
            ]
            await append(conn, "test", told)


def deliveries(first: int = 0) -> Iterator[Delivery]:
    """Webhooks without end, five a stream, of subscriptions and payments in turn."""
    for block in count(first // 1000):
        for step in range(5):
            for n in range(1000):
                number = block * 1000 + n
                make = _subscription if number % 2 else _payment
                yield delivery(make(number, step), f"msg_{number}_{step}")


def _subscription(number: int, step: int) -> bytes:
    at = NOON + timedelta(days=30 * step, seconds=number % 86_400)
    kind = ("active", "renewed", "renewed", "on_hold", "active")[step]
    customer = {"customer_id": f"cus_{number // 3:012d}", **_CUSTOMER}
    return _of_subscription(f"sub_{number:012d}", kind, at, customer, f"pdt_{number % 40}")


def _renewal(subscription_id: str, step: int) -> bytes:
    at = NOON + timedelta(days=30 * step)
    customer = {"customer_id": f"cus_of_{subscription_id}", **_CUSTOMER}
    return _of_subscription(subscription_id, "renewed", at, customer, "pdt_1")


def _of_subscription(
    subscription_id: str, kind: str, at: datetime, customer: dict[str, Any], product_id: str
) -> bytes:
    data = {
        "payload_type": "Subscription", "subscription_id": subscription_id,
        "status": "on_hold" if kind == "on_hold" else "active",
        "customer": customer, "product_id": product_id, "created_at": NOON,
        "previous_billing_date": at, "next_billing_date": at + timedelta(days=30),
        "recurring_pre_tax_amount": 1900, "currency": "EUR", "quantity": 1,
        "payment_frequency_interval": "Month", "payment_frequency_count": 1,
        "trial_period_days": 0, "cancel_at_next_billing_date": False,
        "metadata": {"note": _PADDING},
    }  # fmt: skip
    return _body(f"subscription.{kind}", at, data)


def _payment(number: int, step: int) -> bytes:
    at = NOON + timedelta(seconds=number % 86_400 + 60 * step)
    kind = ("processing", "processing", "failed", "processing", "succeeded")[step]
    data = {
        "payload_type": "Payment", "payment_id": f"pay_{number:012d}", "status": kind,
        "customer": {"customer_id": f"cus_{number // 3:012d}", **_CUSTOMER},
        "subscription_id": f"sub_{number + 1:012d}", "total_amount": 1900, "currency": "EUR",
        "created_at": at, "tax": 300, "settlement_amount": 1900, "settlement_currency": "EUR",
        "billing": {"city": "London", "country": "GB", "street": "St James's Square 12"},
        "metadata": {"note": _PADDING},
    }  # fmt: skip
    return _body(f"payment.{kind}", at, data)


def _body(kind: str, at: Any, data: dict[str, Any]) -> bytes:  # noqa: ANN401
    document = {"business_id": "bus_1", "type": kind, "timestamp": at, "data": data}
    return msgspec.json.encode(document)


def _late(made: Iterator[Delivery]) -> Iterator[Delivery]:
    """The same, one in twenty held back until the stream's next event or so has passed."""
    chance = Random(1)  # noqa: S311 - the same each time
    held: list[tuple[int, Delivery]] = []
    for number, one in enumerate(made):
        if chance.random() < 0.05:
            held.append((number + 1500, one))
        else:
            yield one
        while held and held[0][0] <= number:
            yield held.pop(0)[1]
