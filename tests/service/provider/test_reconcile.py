"""A book next to the provider: what differs, why, and what is done about it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from service.database.connections import Connection
from tests.receiver import Received
from tests.service.provider.merchant import Merchant, deliver, found, merchant, project

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def shop() -> Iterator[Merchant]:
    """A merchant who is only read."""
    with merchant(customers=20) as made:
        yield made


@pytest.fixture
def live() -> Iterator[Merchant]:
    """A merchant to whom things happen."""
    with merchant(customers=6) as made:
        yield made


async def fill(conn: Connection, url: str, shop: Merchant) -> None:
    """Fill the book with what the provider has."""
    shop.sent()
    await shop.reconcile(url, apply=True)
    await project(conn)


async def events(conn: Connection) -> int:
    row = await (await conn.execute("select count(*) as n from store.event")).fetchone()
    return int(row["n"]) if row else 0


def active(shop: Merchant, count: int = 1) -> list[str]:
    held = shop.control.resources("subscription")
    return [name for name, one in sorted(held.items()) if one["status"] == "active"][:count]


def without(sent: list[Received], *types: str) -> list[Received]:
    return [one for one in sent if one.event["type"] not in types]


async def test_an_empty_book_differs_and_nothing_is_written(
    conn: Connection, database_url: str, shop: Merchant
) -> None:
    run = await shop.reconcile(database_url)
    differences = await found(conn, run)
    assert (run.state, run.in_sync) == ("drift", 0)
    assert len(differences) == run.differing == run.looked_at
    assert {"subscription", "payment", "customer", "credit"} <= {d.kind for d in differences}
    assert run.gaining == len(run.gains) > run.losing == 0
    assert await events(conn) == 0


async def test_what_was_applied_differs_no_more(
    conn: Connection, database_url: str, shop: Merchant
) -> None:
    first = await shop.reconcile(database_url, apply=True)
    assert first.applied == first.differing > 0
    await project(conn)
    second = await shop.reconcile(database_url, apply=True)
    assert await found(conn, second) == []
    assert (second.state, second.looked_at) == ("in_sync", second.in_sync)
    held = [shop.control.resources(kind) for kind in ("subscription", "payment", "customer")]
    assert second.looked_at > sum(map(len, held))


async def test_a_lost_hold_is_found_with_its_cause_and_effect(
    conn: Connection, database_url: str, live: Merchant
) -> None:
    await fill(conn, database_url, live)
    (name,) = active(live)
    live.control.act("fail-next-renewal", name)
    live.control.move(40 * DAY)
    sent = live.sent()
    lost = [one for one in sent if one.event["data"].get("subscription_id") == name]
    assert "subscription.on_hold" in {one.event["type"] for one in lost}
    await deliver(conn, [one for one in sent if one not in lost])
    before = await events(conn)
    run = await live.reconcile(database_url)
    (difference,) = [d for d in await found(conn, run) if d.id == name]
    customer = live.control.resources("subscription")[name]["customer"]["customer_id"]
    assert (difference.ours, difference.theirs) == ("active", "on_hold")
    assert difference.cause == "never_arrived"
    assert difference.missing_types == ("subscription.on_hold",)
    assert (difference.customer_id, difference.effect) == (customer, "loses")
    assert customer in run.losses
    assert await events(conn) == before
    await live.reconcile(database_url, apply=True)
    await project(conn)
    again = await live.reconcile(database_url)
    assert (again.state, await found(conn, again)) == ("in_sync", [])
