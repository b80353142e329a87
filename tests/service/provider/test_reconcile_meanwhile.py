"""What happens while a book is compared with the provider, and who gains or loses by it."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest

from service.database.connections import Connection
from service.provider.reconciliation.outcome import Outcome
from service.store.audit import Act
from service.store.events import append
from tests.builders import body
from tests.deliveries import delivery
from tests.service.provider.account import (
    BRIEF,
    DAY,
    NOW,
    Account,
    differing,
    fill,
    is_entitled,
    small_account,
)
from tests.service.provider.merchant import project
from tests.service.provider.stand_in import Answer, Request, answering

pytestmark = pytest.mark.scenario


@pytest.fixture
def shop() -> Iterator[Account]:
    with small_account() as made:
        yield made


async def test_what_had_just_changed_is_kept_where_it_cannot_be_read_again(
    conn: Connection, database_url: str, shop: Account
) -> None:
    await fill(conn, database_url, shop)
    now = msgspec.to_builtins(datetime.now(UTC))
    for one in shop.held["subscriptions"]:
        one |= {"status": "cancelled", "cancelled_at": now}
    asked: list[str] = []
    answer = shop.answer

    def at_first(request: Request) -> Answer:
        asked.append(request.path)
        again = "/payments" in asked and request.path.startswith("/subscriptions/")
        return Answer(500) if again else answer(request)

    with answering(at_first) as shop.url:
        kinds = ("subscription", "payment")
        run = await shop.reconcile(database_url, patience=BRIEF, kinds=kinds)
    assert run.state == "incomplete"
    differences = await differing(conn, run)
    assert {one.cause for one in differences.values()} == {"in_flight"}
    assert len(differences) == 3 == run.looked_at - run.in_sync


async def test_a_row_that_is_newer_than_the_resource_is_looked_at_again(
    conn: Connection, database_url: str, shop: Account
) -> None:
    await fill(conn, database_url, shop)
    sub = shop.held["subscriptions"][0]
    first = msgspec.json.encode(sub)
    sub["status"] = "on_hold"
    answer = shop.answer

    def behind(request: Request) -> Answer:
        # a copy that lags behind by one answer
        if request.path == "/subscriptions/sub_a" and request.path not in shop.asked:
            shop.asked.append(request.path)
            return Answer(200, first)
        return answer(request)

    shop.asked.clear()
    with answering(behind) as shop.url:
        run = await shop.reconcile(database_url)
    assert (await differing(conn, run))["sub_a"].theirs == "on_hold"


async def test_a_webhook_that_comes_before_it_is_applied_is_not_overruled(
    conn: Connection, database_url: str, shop: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(conn, database_url, shop)
    shop.held["subscriptions"][0]["status"] = "on_hold"
    apply = Outcome.apply

    async def later(self: Outcome, key_fingerprint: str, act: Act) -> str | None:
        told = body("subscription.active", "active", datetime.now(UTC), "sub_a", "cus_sub_a")
        await append(conn, "test", [delivery(told)])
        await project(conn)
        return await apply(self, key_fingerprint, act)

    monkeypatch.setattr(Outcome, "apply", later)
    run = await shop.reconcile(database_url, apply=True)
    assert (run.state, run.applied) == ("drift", 0)
    assert await is_entitled(conn, "cus_sub_a")


async def test_one_who_is_paid_for_by_another_gains_and_loses(
    conn: Connection, database_url: str, shop: Account
) -> None:
    sub = shop.held["subscriptions"][1]
    sub |= {
        "previous_billing_date": NOW - 70 * DAY, "next_billing_date": NOW - 40 * DAY,
        "cancel_at_next_billing_date": True, "created_at": NOW - 100 * DAY,
    }  # fmt: skip
    await fill(conn, database_url, shop)
    assert not await is_entitled(conn, "cus_sub_b")
    payment = {
        "status": "succeeded", "subscription_id": "sub_b", "total_amount": 900, "currency": "EUR",
        "customer": {"customer_id": "cus_payer"}, "created_at": NOW - DAY,
    }  # fmt: skip
    shop.add("payments", "pay_other", **payment)
    run = await shop.reconcile(database_url, apply=True)
    assert (run.gains, run.losses) == (("cus_sub_b",), ())
    assert (await differing(conn, run))["pay_other"].effect == "gains"
    await project(conn)
    assert await is_entitled(conn, "cus_sub_b")
    assert not await is_entitled(conn, "cus_payer")
    refund = {
        "status": "succeeded", "payment_id": "pay_other", "amount": 900, "currency": "EUR",
        "customer": {"customer_id": "cus_payer"}, "is_partial": False,
    }  # fmt: skip
    shop.add("refunds", "ref_other", **refund)
    run = await shop.reconcile(database_url, apply=True)
    assert (run.gains, run.losses) == ((), ("cus_sub_b",))
    await project(conn)
    assert not await is_entitled(conn, "cus_sub_b")


async def test_one_who_is_paid_for_by_another_gains_in_an_empty_book(
    conn: Connection, database_url: str, shop: Account
) -> None:
    sub = shop.held["subscriptions"][1]
    sub |= {
        "previous_billing_date": NOW - 70 * DAY, "next_billing_date": NOW - 40 * DAY,
        "cancel_at_next_billing_date": True, "created_at": NOW - 100 * DAY,
    }  # fmt: skip
    shop.add(
        "payments", "pay_other", status="succeeded", subscription_id="sub_b", total_amount=900,
        currency="EUR", customer={"customer_id": "cus_payer"},
    )  # fmt: skip
    shop.held["payments"][1]["created_at"] = NOW - DAY
    run = await shop.reconcile(database_url, apply=True)
    await project(conn)
    named = {"cus_sub_a", "cus_sub_b", "cus_sub_c", "cus_payer"}
    assert {*run.gains} == {one for one in named if await is_entitled(conn, one)}
    assert "cus_payer" not in run.gains


async def test_a_run_that_is_cancelled_says_so(
    conn: Connection, database_url: str, shop: Account
) -> None:
    await fill(conn, database_url, shop)
    task = asyncio.create_task(shop.reconcile(database_url))
    for _ in range(500):
        if await states(conn, "running"):
            break
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await states(conn, "interrupted") == 1


async def states(conn: Connection, state: str) -> int:
    statement = "select count(*) as n from store.reconcile_run where state = %s"
    row = await (await conn.execute(statement, [state])).fetchone()
    return int(row["n"]) if row else 0
