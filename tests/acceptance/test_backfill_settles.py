"""What changed just before it was read, and may be older than a webhook: it is read again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.database.connections import Connection
from service.provider.backfill import Options
from service.provider.errors import ProviderError
from tests.acceptance.told_by_lists import Shop, answer, tell
from tests.service.provider.stand_in import Answer, Request

AT_ONCE = timedelta(0)


class _Moving(Shop):
    """Its clock moves on by two minutes when a path was asked for some times."""

    path = "/subscriptions/sub_1"
    times = 0
    fails = False

    def answer(self, request: Request) -> Answer:
        if self.date and request.path == self.path and request.query.get("page_number", "0") == "0":
            if self.fails:
                return Answer(401)
            self.times -= 1
            if self.times < 0:
                self.date += timedelta(minutes=2)
        return super().answer(request)


def _subscription(**fields: object) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "subscription_id": "sub_1", "status": "active", "customer": {"customer_id": "cus_1"},
        "created_at": "2026-01-01T00:00:00Z",
        "previous_billing_date": (now - timedelta(days=2)).isoformat(),
        "next_billing_date": (now + timedelta(days=28)).isoformat(), **fields,
    }  # fmt: skip


async def _held(conn: Connection, at: datetime) -> Shop:
    """A book that heard of a hold just now, and a provider that says otherwise."""
    past = (at - timedelta(days=1)).isoformat()
    held = _subscription(status="on_hold", next_billing_date=past)
    await tell(conn, ("subscription.on_hold", at - timedelta(seconds=30), held))
    assert not (await answer(conn)).entitled
    shop = _Moving({"/subscriptions": [_subscription()]})
    shop.date = at
    return shop


@pytest.mark.parametrize("lists_only", [False, True])
async def test_it_is_read_again_and_recorded(
    conn: Connection, database_url: str, *, lists_only: bool
) -> None:
    shop = await _held(conn, datetime.now(UTC))
    outcome = await shop.fill(database_url, Options(lists_only=lists_only, settle=AT_ONCE))
    assert (outcome.counts["subscription"].in_flight, outcome.unread_count) == (1, 0)
    assert (await answer(conn)).entitled


async def test_what_still_may_be_older_is_named(conn: Connection, database_url: str) -> None:
    shop = await _held(conn, datetime.now(UTC))
    assert isinstance(shop, _Moving)
    shop.path = "none"
    outcome = await shop.fill(database_url, Options(settle=AT_ONCE))
    assert outcome.unread_count == 1
    assert outcome.unread[0].startswith("subscription sub_1: it changed within the last minute")
    assert not (await answer(conn)).entitled
    # and the next run finds it
    shop.date = datetime.now(UTC) + timedelta(minutes=2)
    assert (await shop.fill(database_url, Options(settle=AT_ONCE))).unread_count == 0
    assert (await answer(conn)).entitled


async def test_a_run_that_goes_on_reads_it_again(conn: Connection, database_url: str) -> None:
    shop = await _held(conn, datetime.now(UTC))
    assert isinstance(shop, _Moving)
    shop.fails = True
    with pytest.raises(ProviderError):
        await shop.fill(database_url, Options(settle=AT_ONCE))
    shop.fails, shop.asked = False, []
    outcome = await shop.fill(database_url, Options(settle=AT_ONCE))
    assert outcome.resumed
    assert shop.asked.count("/subscriptions") == 0
    assert (await answer(conn)).entitled


async def test_a_kind_without_a_path_of_its_own_is_read_in_its_list(
    conn: Connection, database_url: str
) -> None:
    now = datetime.now(UTC)
    payout = {"payout_id": "po_1", "status": "in_progress", "amount": 100, "currency": "USD",
              "created_at": "2026-01-01T00:00:00Z"}  # fmt: skip
    await tell(conn, ("payout.in_progress", now - timedelta(seconds=30), payout))
    shop = _Moving({"/payouts": [{**payout, "status": "success"}]})
    shop.date, shop.path, shop.times = now, "/payouts", 1
    outcome = await shop.fill(database_url, Options(settle=AT_ONCE))
    assert (outcome.counts["payout"].in_flight, outcome.unread_count) == (1, 0)
    assert (await shop.fill(database_url, Options(settle=AT_ONCE))).counts["payout"].changed == 0
