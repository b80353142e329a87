"""A provider that answers oddly: what cannot be read is named, and costs nothing else."""

from collections.abc import Iterator

import pytest

from service.database.connections import Connection
from service.provider.client import Provider
from service.provider.kinds import SUBSCRIPTION
from service.provider.readings import Reading
from service.provider.recording import compare, record
from service.readmodels.streams import Target, park
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
    said,
    small_account,
    why,
)
from tests.service.provider.merchant import event_count, project
from tests.service.provider.stand_in import Answer, answering

pytestmark = pytest.mark.scenario


@pytest.fixture
def shop() -> Iterator[Account]:
    with small_account() as made:
        yield made


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


EVERY_DAY = {"of another resource", "forbidden"}
"""One of each way; the others with ``-m slow``."""


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(answer, id=name, marks=() if name in EVERY_DAY else pytest.mark.slow)
        for name, answer in BROKEN.items()
    ],
)
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


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/subscriptions", 500), ("/entitlements", 403),
        *(
            pytest.param(path, status, marks=pytest.mark.slow)
            for path, status in (
                ("/subscriptions", 422), ("/subscriptions", 403), ("/license_keys", 500),
                ("/license_keys", 422),
                ("/license_keys", 403), ("/entitlements", 500), ("/entitlements", 422),
            )
        ),
    ],
)  # fmt: skip
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


async def test_the_head_says_what_is_left_of_the_rate(
    conn: Connection, database_url: str, shop: Account
) -> None:
    answer = shop.answer
    await fill(conn, database_url, shop)
    headers = {"x-ratelimit-remaining": "37", "x-ratelimit-limit": "240", "x-ratelimit-reset": "1"}
    with answering(lambda request: answer(request)._replace(headers=headers)) as shop.url:
        run = await shop.reconcile(database_url)
    assert run.rate_limit_remaining == 37
