"""``daybook backfill``: a book that starts empty holds what the provider has."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from service.database.connections import Connection
from service.database.lease import LeaseTakenError
from service.provider.backfill import Options
from service.provider.backfill_run import OtherBusinessError, Watch
from service.provider.errors import WrongKeyError
from service.sandbox.catalog import BUSINESS
from service.sandbox.messages import AnswerFaultRequest
from tests.acceptance.filling import (
    READ_BY_ID,
    answers,
    client,
    differences,
    events,
    fewest_requests,
    fill,
    held,
    project,
    requests,
    tell,
    unknown,
)
from tests.sandbox import Sandbox, sandbox

pytestmark = pytest.mark.scenario

LISTS = Options(lists_only=True)


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with sandbox("--requests-per-minute=0", "--requests-per-second=0", customers=8) as made:
        yield made


@pytest.fixture
def merchant(running: Sandbox) -> Iterator[Sandbox]:
    """A sandbox of eight customers, whose clock runs and is not moved."""
    yield running
    running.control.clear_faults()


async def test_a_filled_book_says_what_the_provider_says(
    database_url: str, conn: Connection, merchant: Sandbox
) -> None:
    before = requests(merchant)
    first = await fill(database_url, merchant, LISTS, BUSINESS)
    assert first.requests == requests(merchant) - before
    assert first.requests == fewest_requests(merchant, lists_only=True)
    await project(conn)
    by_lists = await answers(conn, merchant)
    before = requests(merchant)
    second = await fill(database_url, merchant, None, BUSINESS)
    await project(conn)
    assert await differences(conn, merchant) == []
    assert second.unread_count == 0
    by_id = sum(len(held(merchant, kind)) for kind in READ_BY_ID)
    assert sum(counts.read for counts in second.counts.values()) == by_id
    assert requests(merchant) - before <= fewest_requests(merchant)
    # the lists alone told all that decides about access
    assert {name: a.entitled for name, a in (await answers(conn, merchant)).items()} == {
        name: a.entitled for name, a in by_lists.items()
    }
    active = {
        s["customer"]["customer_id"]
        for s in held(merchant, "subscription").values()
        if s["status"] == "active"
    }
    assert active
    assert active <= {name for name, a in by_lists.items() if a.entitled}
    assert not all(a.entitled for a in by_lists.values())


async def test_an_empty_book_is_filled_with_the_fewest_requests(
    database_url: str, merchant: Sandbox
) -> None:
    outcome = await fill(database_url, merchant)
    assert outcome.requests == fewest_requests(merchant)
    assert (outcome.projected, outcome.resumed) == (0, False)


@pytest.mark.parametrize("projected", [pytest.param(False, marks=pytest.mark.slow), True])
async def test_a_second_run_reads_the_lists_and_records_nothing(
    database_url: str, conn: Connection, merchant: Sandbox, *, projected: bool
) -> None:
    await fill(database_url, merchant)
    if projected:
        await project(conn)
    recorded, before = await events(conn), requests(merchant)
    again = await fill(database_url, merchant)
    assert await events(conn) == recorded
    assert sum(counts.read for counts in again.counts.values()) == 0
    assert requests(merchant) - before <= fewest_requests(merchant, lists_only=True)


async def test_a_change_is_read_by_id_and_nothing_else(database_url: str, conn: Connection) -> None:
    with sandbox("--requests-per-minute=0", "--requests-per-second=0", customers=6) as merchant:
        await fill(database_url, merchant)
        await project(conn)
        # an hour more: a payout is made after twenty days, which would be in the way
        merchant.control.move(timedelta(days=20, hours=1))
        assert await differences(conn, merchant)
        again = await fill(database_url, merchant)
        await project(conn)
        assert await differences(conn, merchant) == []
        # what changed in a list is read by id, and nothing that did not
        for kind in READ_BY_ID:
            counts = again.counts[kind]
            assert counts.read == counts.new + counts.changed
            assert counts.unchanged >= 0
        assert again.counts["customer"].unchanged == 6


async def test_what_webhooks_told_is_not_read_again(
    database_url: str, conn: Connection, merchant: Sandbox
) -> None:
    now = merchant.control.status().now - timedelta(minutes=10)
    told = [
        s
        for s in held(merchant, "subscription").values()
        if s["status"] in {"active", "on_hold", "cancelled", "expired", "failed"}
    ]
    await tell(conn, now, *told)
    outcome = await fill(database_url, merchant, Options(only=["subscription"]))
    assert outcome.counts["subscription"].unchanged == len(told) > 3
    assert outcome.counts["subscription"].read == outcome.counts["subscription"].new


async def test_what_may_be_older_than_a_webhook_is_not_recorded(
    database_url: str, conn: Connection, merchant: Sandbox
) -> None:
    now = merchant.control.status().now - timedelta(seconds=5)
    live = (s for s in held(merchant, "subscription").values() if s["status"] == "active")
    held_now = {**next(live), "status": "on_hold"}
    await tell(conn, now, held_now)
    options = Options(only=["subscription"], settle=timedelta(0))
    outcome = await fill(database_url, merchant, options)
    counts = outcome.counts["subscription"]
    assert (counts.in_flight, counts.new + counts.in_flight) == (1, counts.rows)
    # three times by its id, until it is given up
    assert counts.read == counts.rows - 1 + 3
    assert outcome.unread_count == 1
    assert held_now["subscription_id"] in outcome.unread[0]
    await project(conn)
    name = held_now["subscription_id"]
    [line] = [d for d in await differences(conn, merchant) if name in d]
    assert line == f"subscription {name} status"


async def test_a_dry_run_writes_nothing(
    database_url: str, conn: Connection, merchant: Sandbox
) -> None:
    outcome = await fill(database_url, merchant, Options(dry_run=True))
    assert outcome.counts["subscription"].new == len(held(merchant, "subscription"))
    assert outcome.requests == fewest_requests(merchant, lists_only=True)
    assert await events(conn) == 0
    row = await (await conn.execute("select count(*) as n from store.backfill")).fetchone()
    assert row == {"n": 0}


async def test_some_kinds_since_a_time(database_url: str, merchant: Sandbox) -> None:
    since = merchant.control.status().now - timedelta(days=20)
    options = Options(only=["payment"], since=since, scope="20d")
    outcome = await fill(database_url, merchant, options)
    payments = held(merchant, "payment").values()
    expected = sum(p["created_at"] >= since.isoformat() for p in payments)
    assert 0 < outcome.counts["payment"].rows == expected < len(payments)
    assert [*outcome.counts] == ["payment"]
    assert outcome.counts["payment"].read == expected
    # a run over all of them reads the others, and these not again
    whole = await fill(database_url, merchant, Options(only=["payment"]))
    assert whole.counts["payment"].read == len(payments) - expected


async def test_another_business_stops_before_anything_is_recorded(
    database_url: str, conn: Connection, merchant: Sandbox
) -> None:
    with pytest.raises(OtherBusinessError, match=f"is of business {BUSINESS}, and book 'test' of"):
        await fill(database_url, merchant, business_id="bus_other")
    assert await events(conn) == 0


async def test_a_wrong_key_stops_at_once(database_url: str, merchant: Sandbox) -> None:
    before = requests(merchant)
    merchant.api_key, key = "sandbox_wrong_key", merchant.api_key
    try:
        with pytest.raises(WrongKeyError):
            await fill(database_url, merchant)
    finally:
        merchant.api_key = key
    assert requests(merchant) - before <= 1


async def test_failures_that_pass_are_survived(
    database_url: str, conn: Connection, merchant: Sandbox
) -> None:
    faults = (
        AnswerFaultRequest(path="/subscriptions", status=429, next=2),
        AnswerFaultRequest(path="/payments", status=500, next=2, share=0.5),
        AnswerFaultRequest(path="/customers", by=timedelta(seconds=6), next=1),
        AnswerFaultRequest(path="/refunds", by=timedelta(seconds=1), next=1),
    )
    for fault in faults:
        merchant.control.add_answer_fault(fault)
    outcome = await fill(database_url, merchant)
    await project(conn)
    assert outcome.unread_count == 0
    assert await differences(conn, merchant) == []
    assert merchant.control.status().faults == []


async def test_what_cannot_be_read_is_named_and_the_rest_recorded(
    database_url: str, conn: Connection, merchant: Sandbox
) -> None:
    merchant.control.add_answer_fault(AnswerFaultRequest(path="/payments/", status=404, next=3))
    merchant.control.add_answer_fault(AnswerFaultRequest(path="/refunds", status=400))
    outcome = await fill(database_url, merchant)
    named = [line.partition(" ")[0] for line in outcome.unread]
    assert (outcome.unread_count, sorted(named)) == (4, ["payment", "payment", "payment", "the"])
    assert outcome.counts["dispute"].rows == len(held(merchant, "dispute"))
    merchant.control.clear_faults()
    again = await fill(database_url, merchant)
    await project(conn)
    assert await differences(conn, merchant) == []
    assert again.counts["payment"].read == 3


@pytest.mark.slow
async def test_rows_that_are_inserted_meanwhile_lose_nothing(
    database_url: str, conn: Connection
) -> None:
    with sandbox("--requests-per-minute=0", "--requests-per-second=0", customers=25) as merchant:
        kinds = ("subscription", "payment", "customer", "license_key", "entitlement_grant")
        before = {kind: {*held(merchant, kind)} for kind in kinds}
        ended = threading.Event()
        mover = threading.Thread(target=_move, args=(merchant, ended))
        mover.start()
        try:
            await fill(database_url, merchant)
        finally:
            ended.set()
            mover.join()
        merchant.control.settle()
        await project(conn)
        assert await unknown(conn, before) == []
        assert len(held(merchant, "payment")) > len(before["payment"])
        await fill(database_url, merchant)
        await project(conn)
        found = await differences(conn, merchant)
        # who uses credits changes no row of the list; their balance is compared too
        assert [d for d in found if not d.endswith(" credit_entitlement_cart")] == []


def _move(merchant: Sandbox, ended: threading.Event) -> None:
    """Let two days pass in a moment, again and again, so that pages shift under the reader."""
    for _ in range(30):
        if ended.is_set():
            return
        merchant.control.advance(timedelta(days=2))
        time.sleep(0.05)


@pytest.mark.parametrize("paused", [False, True])
async def test_after_a_pause_of_a_day_the_lists_are_read_again(
    database_url: str, conn: Connection, merchant: Sandbox, *, paused: bool
) -> None:
    merchant.control.add_answer_fault(AnswerFaultRequest(path="/payments", status=401))
    with pytest.raises(WrongKeyError):
        await fill(database_url, merchant)
    merchant.control.clear_faults()
    if paused:
        yesterday = datetime.now(UTC) - timedelta(days=1)
        await conn.execute(
            "update store.backfill set progress = progress || %s::jsonb",
            [json.dumps({"saved_at": yesterday.isoformat()})],
        )
    before = requests(merchant)
    outcome = await fill(database_url, merchant)
    assert outcome.resumed is not paused
    assert (requests(merchant) - before == fewest_requests(merchant)) is paused
    assert outcome.counts["subscription"].rows == len(held(merchant, "subscription"))
    await project(conn)
    assert await differences(conn, merchant) == []


async def test_one_backfill_of_a_book_at_a_time(database_url: str, merchant: Sandbox) -> None:
    merchant.control.add_answer_fault(AnswerFaultRequest(path="/subscriptions", status=500))
    begun = asyncio.Event()
    watch = Watch(show=lambda *_: begun.set())
    async with client(merchant) as provider, asyncio.TaskGroup() as tasks:
        del provider
        first = tasks.create_task(fill(database_url, merchant, watch=watch))
        await asyncio.sleep(1)
        with pytest.raises(LeaseTakenError, match="Another backfill of test is running"):
            await fill(database_url, merchant)
        merchant.control.clear_faults()
        assert (await first).unread_count == 0
