"""What belongs to a resource is bounded: the latest, and whether there is more."""

from datetime import UTC, datetime
from typing import Any

from projections.payments import PAYMENTS
from projections.subscriptions import SUBSCRIPTIONS
from service.database.connections import Connection
from service.queries.documents import MOST_RELATED, related
from service.readmodels.projector import advance
from service.store.events import append
from tests.builders import at, body
from tests.deliveries import delivery

LAST = MOST_RELATED + 2
FAR = "2030-01-01T00:00:00Z"


def payment(n: int, **more: Any) -> bytes:  # noqa: ANN401 - as the provider sends
    return body(
        "payment.succeeded", "succeeded", at(n), f"pay_{n:03}", created_at=at(n),
        subscription_id="sub_1", total_amount=1900, currency="EUR", **more,
    )  # fmt: skip


async def recorded(conn: Connection, *bodies: bytes) -> None:
    await append(conn, "test", [delivery(one, f"msg_{n}") for n, one in enumerate(bodies)])
    while await advance(conn, "test"):
        pass


async def test_a_subscription_has_its_latest_payments_and_the_furthest_that_was_paid(
    conn: Connection,
) -> None:
    # the oldest pays for the longest time
    far = [{"subscription_id": "sub_1", "starts_at": at(0), "ends_at": FAR}]
    first = payment(0, service_periods=far)
    await recorded(conn, first, *(payment(n) for n in range(1, LAST)))
    found = await related(conn, "test", SUBSCRIPTIONS, "sub_1")
    assert found["paid_until"] == datetime(2030, 1, 1, tzinfo=UTC)
    ids = [one.payment_id for one in found["related"]["payments"]]
    assert ids == [f"pay_{n:03}" for n in range(2, LAST)]
    assert found["related"]["more"] is True


async def test_a_payment_has_its_latest_refunds(conn: Connection) -> None:
    refunds = [
        body("refund.succeeded", "succeeded", at(n), f"ref_{n:03}", created_at=at(n),
             payment_id="pay_000", amount=1, currency="EUR")
        for n in range(1, LAST)
    ]  # fmt: skip
    await recorded(conn, payment(0), *refunds)
    found = (await related(conn, "test", PAYMENTS, "pay_000"))["related"]
    assert [one.refund_id for one in found["refunds"]] == [f"ref_{n:03}" for n in range(2, LAST)]
    assert (found["disputes"], found["more"]) == ([], True)
