"""What stops a comparison, or keeps it from taking access away."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from service.database.connections import Connection
from service.provider.reconciliation import run as run_module
from service.provider.reconciliation.guards import Breaker, StoppedError, check_losses
from service.queries.reconcile import Run
from service.sandbox.messages import AnswerFaultRequest
from service.store.events import append
from tests.builders import body
from tests.deliveries import delivery
from tests.service.provider.merchant import (
    Merchant,
    active,
    customer_of,
    event_count,
    fill,
    filled,
    found,
    merchant,
    project,
)

pytestmark = pytest.mark.scenario

DAY = timedelta(days=1)
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def shop() -> Iterator[Merchant]:
    with merchant(customers=16, behind="60d") as made:
        yield made


@pytest.fixture(scope="module")
def start(postgres: str, template: str, shop: Merchant) -> str:
    """What ``shop`` has in the beginning, as a database."""
    return filled(postgres, template, shop)


FILLED = pytest.mark.usefixtures("start")
"""Of a test that fills the book: it has to read only what is new."""


async def tell(conn: Connection, *names: str) -> None:
    """Webhooks of active subscriptions that the provider does not have."""
    told = [
        body("subscription.active", "active", NOW - DAY, name, customer=f"cus_of_{name}")
        for name in names
    ]
    await append(conn, "test", [delivery(one) for one in told])
    await project(conn)


async def assert_stopped(conn: Connection, run: Run, events: int) -> str:
    """The reason; nothing was written."""
    assert run.state == "stopped"
    assert run.reason is not None
    assert await found(conn, run) == []
    assert (run.applied, await event_count(conn)) == (0, events)
    return run.reason


async def test_a_wrong_key_stops_it(conn: Connection, database_url: str, shop: Merchant) -> None:
    await tell(conn, "sub_lost")
    book = shop.book(provider={"api_key": "sandbox_of_somebody_else"})
    run = await shop.reconcile(database_url, apply=True, book=book)
    assert "API key" in await assert_stopped(conn, run, 1)


async def test_a_wrong_key_stops_an_empty_book_too(
    conn: Connection, database_url: str, shop: Merchant
) -> None:
    book = shop.book(provider={"api_key": "sandbox_of_somebody_else"})
    run = await shop.reconcile(database_url, apply=True, book=book)
    assert "API key" in await assert_stopped(conn, run, 0)


async def test_another_mode_stops_it(conn: Connection, database_url: str, shop: Merchant) -> None:
    await tell(conn, "sub_lost", "sub_lost_too")
    run = await shop.reconcile(database_url, apply=True)
    assert "another business or mode" in await assert_stopped(conn, run, 2)
    assert run.calls < 10


@pytest.mark.parametrize("filled", [pytest.param(False, marks=pytest.mark.slow), True])
@FILLED
async def test_another_business_stops_it(
    conn: Connection, database_url: str, shop: Merchant, *, filled: bool
) -> None:
    if filled:
        await fill(conn, database_url, shop)
    events = await event_count(conn)
    book = shop.book(business_id="bus_of_somebody_else")
    run = await shop.reconcile(database_url, apply=True, book=book)
    assert "business" in await assert_stopped(conn, run, events)


@FILLED
async def test_a_storm_of_404s_stops_it(
    conn: Connection, database_url: str, shop: Merchant
) -> None:
    await fill(conn, database_url, shop)
    await tell(conn, *(f"sub_lost_{n}" for n in range(8)))
    events = await event_count(conn)
    run = await shop.reconcile(database_url, apply=True)
    assert "404" in await assert_stopped(conn, run, events)


@FILLED
async def test_a_fault_of_the_provider_is_a_storm_too(
    conn: Connection, database_url: str, shop: Merchant
) -> None:
    await fill(conn, database_url, shop)
    events = await event_count(conn)
    shop.control.add_answer_fault(AnswerFaultRequest(status=404, path="/"))
    try:
        run = await shop.reconcile(database_url, apply=True)
    finally:
        shop.control.clear_faults()
    assert run.state in {"stopped", "incomplete"}
    assert await event_count(conn) == events


@FILLED
async def test_a_404_counts_the_second_time_and_changes_nothing(
    conn: Connection, database_url: str, shop: Merchant
) -> None:
    await fill(conn, database_url, shop)
    await tell(conn, "sub_lost")
    events = await event_count(conn)
    first = await shop.reconcile(database_url, apply=True)
    assert await found(conn, first) == []
    assert "404" in next(s.why for s in first.skipped if s.what == "subscription sub_lost")
    statement = "update store.reconcile_absence set first_at = first_at - interval '3 hours'"
    await conn.execute(statement)
    second = await shop.reconcile(database_url, apply=True)
    (gone,) = await found(conn, second)
    assert (gone.id, gone.cause, gone.ours, gone.theirs) == ("sub_lost", "gone", "active", None)
    assert (gone.effect, gone.applied, second.losing) == ("none", False, 0)
    assert await event_count(conn) == events


@FILLED
async def test_many_who_would_lose_access_are_reported_and_not_applied(
    conn: Connection, database_url: str, shop: Merchant
) -> None:
    await fill(conn, database_url, shop)
    losing = active(shop, 7)
    for name in losing:
        shop.control.act("pause", name)
    shop.control.move(DAY)
    events = await event_count(conn)
    run = await shop.reconcile(database_url, apply=True)
    assert run.state == "drift"
    assert run.losing > 5
    assert "--yes-they-lose-access" in (run.reason or "")
    assert set(run.losses) <= {customer_of(shop, name) for name in losing}
    assert {d.customer_id for d in await found(conn, run, effect="loses")} == {*run.losses}
    assert await event_count(conn) == events
    agreed = await shop.reconcile(database_url, apply=True, accept_losses=True)
    assert (agreed.reason, agreed.state) == (None, "in_sync")
    assert await event_count(conn) > events


@FILLED
async def test_a_person_decides_on_a_customer_with_another_subscription(
    conn: Connection, database_url: str, shop: Merchant
) -> None:
    first = active(shop)[0]
    customer = customer_of(shop, first)
    product = shop.control.resources("subscription")[first]["product_id"]
    (bought, *_) = [
        one.id
        for one in shop.control.act("buy", customer, {"product_id": product})
        if one.type.startswith("subscription.")
    ]
    shop.control.move(DAY)
    await fill(conn, database_url, shop)
    shop.control.act("cancel", bought)
    shop.control.move(DAY)
    run = await shop.reconcile(database_url, apply=True)
    (difference,) = [d for d in await found(conn, run) if d.id == bought]
    assert (difference.review, difference.applied, run.state) == (True, False, "drift")
    assert "person" in difference.remedy
    await project(conn)
    agreed = await shop.reconcile(database_url, apply=True, accept_losses=True)
    assert agreed.state == "in_sync"


async def test_read_models_that_are_far_behind_stop_it(
    conn: Connection, database_url: str, shop: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "MOST_DELIVERIES", 2)
    monkeypatch.setattr(run_module, "_CATCH_UP_SECONDS", 0.2)
    told = [body("subscription.active", "active", NOW - DAY, f"sub_{n}") for n in range(3)]
    await append(conn, "test", [delivery(one) for one in told])
    run = await shop.reconcile(database_url, apply=True)
    assert "lack the latest 3 events" in await assert_stopped(conn, run, 3)


@pytest.mark.parametrize(
    ("answers", "stops"),
    [
        ([True], False),
        ([True, True], True),
        ([False, True], False),
        ([False] * 5 + [True] * 2, False),
        ([False] * 50 + [True] * 5, False),
        ([False] * 50 + [True] * 6, True),
        ([False] * 50 + ([True] * 5 + [False] * 45) * 3, False),
    ],
)
def test_a_storm_is_more_than_five_or_half(answers: list[bool], *, stops: bool) -> None:
    breaker = Breaker()
    if not stops:
        for absent in answers:
            breaker.count(absent=absent)
        return
    *calm, last = answers
    for absent in calm:
        breaker.count(absent=absent)
    with pytest.raises(StoppedError, match="404"):
        breaker.count(absent=last)


@pytest.mark.parametrize(
    ("losing", "payers", "stops"),
    [(5, 10, False), (6, 10, True), (6, 1000, False), (21, 1000, True), (20, 1000, False)],
)
def test_many_are_more_than_five_and_more_than_two_percent(
    losing: int, payers: int, *, stops: bool
) -> None:
    if not stops:
        check_losses(losing, payers)
        return
    with pytest.raises(StoppedError, match="nothing was applied"):
        check_losses(losing, payers)
