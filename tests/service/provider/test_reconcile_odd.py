"""A provider that answers oddly: what cannot be read is named, and costs nothing else."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest

from domain.policy import Policy
from service.database.connections import Connection
from service.provider.client import Patience, Provider
from service.provider.kinds import SUBSCRIPTION
from service.provider.readings import Reading
from service.provider.reconciliation.outcome import Outcome
from service.provider.recording import compare, record
from service.queries.access import access_of
from service.queries.reconcile import Difference, Run
from service.readmodels.streams import Target, park
from service.store.audit import Act
from service.store.events import append
from tests.builders import body
from tests.deliveries import delivery
from tests.service.provider.account import DAY, NOW, Account, account, said
from tests.service.provider.merchant import event_count, found, project
from tests.service.provider.stand_in import Answer, Request, answering

BRIEF = Patience(30.0, failing=0.2)


@pytest.fixture
def shop() -> Iterator[Account]:
    """An account with three subscriptions, one payment and a licence key."""
    with account() as made:
        for name in ("sub_a", "sub_b", "sub_c"):
            made.subscribe(name, "active")
        made.add("payments", "pay_1", status="succeeded", customer={"customer_id": "cus_sub_a"})
        made.add("license_keys", "lic_1", status="active", customer_id="cus_sub_a")
        yield made


async def fill(conn: Connection, url: str, shop: Account) -> None:
    run = await shop.reconcile(url, apply=True)
    assert run.state == "in_sync"
    await project(conn)


async def differing(conn: Connection, run: Run) -> dict[str, Difference]:
    return {one.id: one for one in await found(conn, run)}


def why(run: Run, what: str) -> str:
    """Why something was not looked at."""
    return next(one.why for one in run.skipped if one.what == what)


async def is_entitled(conn: Connection, customer_id: str) -> bool:
    answer = await access_of(conn, "test", customer_id, datetime.now(UTC), Policy())
    return answer.entitled


CUSTOMER = {"customer": {"customer_id": "cus_sub_a"}}
BROKEN = {
    "empty": Answer(200, b"{}"),
    "a list": Answer(200, b"[]"),
    "without an id": said({"subscription_id": None, "status": "cancelled", **CUSTOMER}),
    "of another resource": said({"subscription_id": "sub_b", "status": "cancelled"}),
    "wrapped": said({"data": {"subscription_id": "sub_a", "status": "cancelled"}}),
    "cut": Answer(200, b'{"subscription_id": "sub_a", "status": "canc'),
    "no content": Answer(204, b""),
    "a page of a proxy": Answer(200, b"<html>"),
    "refused": Answer(422),
    "forbidden": Answer(403),
    "an error of the server": Answer(500),
    "too long": Answer(200, b'{"x":"' + b"x" * (16 << 20) + b'"}'),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_one_that_cannot_be_read_costs_no_other(
    conn: Connection, database_url: str, shop: Account, broken: Answer
) -> None:
    await fill(conn, database_url, shop)
    for one in shop.held["subscriptions"]:
        one["status"] = "cancelled"
    shop.held["license_keys"][0]["status"] = "disabled"
    shop.said["/subscriptions/sub_a"] = broken
    run = await shop.reconcile(database_url, apply=True, patience=BRIEF)
    assert (run.state, run.looked_at, run.in_sync) == ("incomplete", 4, 1)
    assert why(run, "subscription sub_a")
    differences = await differing(conn, run)
    assert {name: one.applied for name, one in differences.items()} == {
        "sub_b": True, "sub_c": True, "lic_1": True,
    }  # fmt: skip


async def test_one_that_no_list_shows_and_cannot_be_read_is_named(
    conn: Connection, database_url: str, shop: Account
) -> None:
    await fill(conn, database_url, shop)
    shop.unlisted = {"sub_a", "sub_b"}
    shop.held["subscriptions"][1]["status"] = "cancelled"
    shop.said["/subscriptions/sub_a"] = BROKEN["empty"]
    run = await shop.reconcile(database_url)
    assert (run.state, run.looked_at) == ("incomplete", 4)
    assert "not as documented" in why(run, "subscription sub_a")
    assert [*await differing(conn, run)] == ["sub_b"]


@pytest.mark.parametrize("path", ["/subscriptions", "/license_keys", "/entitlements"])
@pytest.mark.parametrize("status", [500, 422, 403])
async def test_a_list_that_cannot_be_read_costs_no_other_kind(
    conn: Connection, database_url: str, shop: Account, path: str, status: int
) -> None:
    await fill(conn, database_url, shop)
    shop.add("payouts", "pout_1", status="success", amount=100, currency="EUR")
    shop.said[path] = Answer(status)
    run = await shop.reconcile(database_url, patience=BRIEF)
    assert run.state == "incomplete"
    assert [*await differing(conn, run)] == ["pout_1"]


async def test_where_a_list_is_broken_what_is_open_is_read_by_id(
    conn: Connection, database_url: str, shop: Account
) -> None:
    await fill(conn, database_url, shop)
    shop.held["subscriptions"][1]["status"] = "on_hold"
    shop.said["/subscriptions"] = Answer(200, b'{"items": 7}')
    run = await shop.reconcile(database_url)
    assert run.state == "incomplete"
    assert [*await differing(conn, run)] == ["sub_b"]


async def test_one_broken_list_of_grants_costs_no_other(
    conn: Connection, database_url: str, shop: Account
) -> None:
    shop.add("entitlements", "ent_1")
    shop.add("entitlements", "ent_2")
    grant = {
        "id": "grant_1",
        "status": "Delivered",
        "customer_id": "cus_a",
        "updated_at": "2026-01-01T00:00:00Z",
    }
    shop.said["/entitlements/ent_1/grants"] = Answer(404)
    shop.pages["/entitlements/ent_2/grants"] = [grant]
    run = await shop.reconcile(database_url, kinds=("entitlement_grant",))
    assert run.state == "incomplete"
    assert [*await differing(conn, run)] == ["grant_1"]


async def test_a_canary_that_cannot_be_read_is_one_resource(
    conn: Connection, database_url: str, shop: Account
) -> None:
    await fill(conn, database_url, shop)
    latest = delivery(body("subscription.active", "active", NOW - DAY, "sub_a", "cus_sub_a"))
    await append(conn, "test", [latest])
    await project(conn)
    shop.said["/subscriptions/sub_a"] = Answer(500)
    shop.held["subscriptions"][1]["status"] = "cancelled"
    run = await shop.reconcile(database_url, patience=BRIEF)
    assert run.reason is None
    assert "sub_b" in await differing(conn, run)


async def test_two_kinds_in_a_row_that_do_not_answer_are_an_outage(
    conn: Connection, database_url: str, shop: Account
) -> None:
    await fill(conn, database_url, shop)
    for path in ("/payments", "/refunds", "/disputes"):
        shop.said[path] = Answer(500)
    shop.asked.clear()
    run = await shop.reconcile(database_url, patience=BRIEF)
    assert run.state == "incomplete"
    assert "/disputes" not in shop.asked
    assert {"payment", "refund", "dispute", "payout"} <= {one.what for one in run.skipped}


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


async def test_a_reading_that_had_no_effect_on_a_parked_stream_still_differs(
    conn: Connection, database_url: str, shop: Account
) -> None:
    await fill(conn, database_url, shop)
    await park(conn, Target("test", None, {}), "subscription-sub_a", 1, "ValueError: x")
    shop.held["subscriptions"][0]["status"] = "cancelled"
    async with Provider("test", shop.book()) as provider:
        reply = await provider.get("/subscriptions/sub_a")
        reading = Reading(SUBSCRIPTION, "sub_a", reply.body, reply)
        await record(conn, "test", await compare(conn, "test", None, [reading]), "key")
    await project(conn)
    events = await event_count(conn)
    run = await shop.reconcile(database_url, apply=True)
    assert (await differing(conn, run))["sub_a"].cause == "parked"
    assert (run.state, await event_count(conn)) == ("drift", events)


async def test_a_404_is_forgotten_once_a_list_shows_the_resource(
    conn: Connection, database_url: str, shop: Account
) -> None:
    await fill(conn, database_url, shop)
    shop.unlisted = {"sub_a"}
    shop.said["/subscriptions/sub_a"] = Answer(404)
    await shop.reconcile(database_url)
    assert await absences(conn) == 1
    shop.unlisted = set()
    await shop.reconcile(database_url)
    assert await absences(conn) == 0


async def absences(conn: Connection) -> int:
    statement = "select count(*) as n from store.reconcile_absence"
    row = await (await conn.execute(statement)).fetchone()
    return int(row["n"]) if row else 0


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


async def test_the_head_says_what_is_left_of_the_rate(
    conn: Connection, database_url: str, shop: Account
) -> None:
    answer = shop.answer
    await fill(conn, database_url, shop)
    headers = {"x-ratelimit-remaining": "37", "x-ratelimit-limit": "240", "x-ratelimit-reset": "1"}
    with answering(lambda request: answer(request)._replace(headers=headers)) as shop.url:
        run = await shop.reconcile(database_url)
    assert run.rate_limit_remaining == 37
