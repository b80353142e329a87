"""Fields that webhooks left out and that decide access, as a backfill finds them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from service.database.connections import Connection
from service.provider.backfill import Options
from tests.acceptance.told_by_lists import Shop, answer, tell

_CREATED = datetime(2026, 4, 1, tzinfo=UTC)
_LATER = datetime(2026, 5, 1, tzinfo=UTC)
_ASKED = datetime(2026, 5, 20, tzinfo=UTC)
_SUBSCRIPTION: dict[str, Any] = {
    "subscription_id": "sub_1", "status": "on_hold", "customer": {"customer_id": "cus_1"},
    "created_at": "2025-04-01T00:00:00Z", "previous_billing_date": "2026-03-01T00:00:00Z",
    "next_billing_date": "2026-04-01T00:00:00Z", "cancel_at_next_billing_date": False,
    "trial_period_days": 0, "payment_frequency_interval": "Month", "payment_frequency_count": 1,
}  # fmt: skip
_PAYMENT: dict[str, Any] = {
    "payment_id": "pay_1", "status": "succeeded", "customer": {"customer_id": "cus_1"},
    "created_at": "2026-04-01T00:00:00Z", "total_amount": 1000, "currency": "USD",
}  # fmt: skip
_PAID = {"subscription_id": "sub_1", "starts_at": "2026-04-01T00:00:00Z",
         "ends_at": "2027-04-01T00:00:00Z"}  # fmt: skip


@pytest.mark.parametrize("lists_only", [True, False])
async def test_a_period_that_no_webhook_told_lets_her_in(
    conn: Connection, database_url: str, *, lists_only: bool
) -> None:
    await tell(
        conn,
        ("subscription.on_hold", _CREATED, _SUBSCRIPTION),
        ("payment.succeeded", _CREATED, _PAYMENT),
    )
    assert not (await answer(conn, _ASKED)).entitled
    shop = Shop(
        {
            "/subscriptions": [_SUBSCRIPTION],
            "/payments": [{**_PAYMENT, "subscription_id": "sub_1", "service_periods": [_PAID]}],
        }
    )
    outcome = await shop.fill(database_url, Options(lists_only=lists_only))
    assert outcome.counts["payment"].changed == 1
    assert (await answer(conn, _ASKED)).entitled
    again = await shop.fill(database_url, Options(lists_only=lists_only))
    assert again.counts["payment"].changed == 0


async def test_a_refund_that_no_webhook_told_takes_the_period_back(
    conn: Connection, database_url: str
) -> None:
    ended = {**_SUBSCRIPTION, "status": "cancelled", "cancelled_at": "2026-05-01T00:00:00Z",
             "previous_billing_date": "2026-04-01T00:00:00Z",
             "next_billing_date": "2027-04-01T00:00:00Z"}  # fmt: skip
    payment = {**_PAYMENT, "subscription_id": "sub_1", "service_periods": [_PAID]}
    await tell(
        conn,
        ("payment.succeeded", _CREATED, payment),
        ("subscription.active", _CREATED, {**ended, "status": "active", "cancelled_at": None}),
        ("subscription.cancelled", _LATER, ended),
    )
    assert (await answer(conn, _ASKED)).entitled
    rows = {"/subscriptions": [ended], "/payments": [{**payment, "refund_status": "full"}]}
    await Shop(rows).fill(database_url)
    assert not (await answer(conn, _ASKED)).entitled
