"""A book next to the provider: what differs, why, and what is done about it."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace

from service.database.connections import Connection
from service.problems import Problem
from service.provider.client import Patience, Provider
from service.provider.kinds import DISPUTE
from service.provider.lists import rows
from service.provider.readings import Reading
from service.provider.reconciliation import keeping
from service.provider.recording import compare, record
from service.queries import reconcile as kept
from service.queries.audit import AuditFilter, audit
from service.queries.paging import Order, order
from service.queries.reconcile import Difference, Run
from service.readmodels.streams import Target, park
from service.sandbox.messages import AnswerFaultRequest
from tests.receiver import Received
from tests.service.provider.merchant import (
    Merchant,
    active,
    customer_of,
    deliver,
    event_count,
    fill,
    filled,
    found,
    merchant,
    project,
)

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def shop() -> Iterator[Merchant]:
    """A merchant who is only read."""
    with merchant(customers=5) as made:
        yield made


@pytest.fixture(scope="module")
def live() -> Iterator[Merchant]:
    """A merchant to whom things happen."""
    with merchant(customers=12, behind="100d") as made:
        yield made


@pytest.fixture(scope="module")
def start(postgres: str, template: str, live: Merchant) -> str:
    """What ``live`` has in the beginning, as a database."""
    return filled(postgres, template, live)


FILLED = pytest.mark.usefixtures("start")
"""Of a test that fills the book: it has to read only what is new."""


async def only(conn: Connection, run: Run, name: str) -> Difference:
    """The difference of one resource."""
    (one,) = [difference for difference in await found(conn, run) if difference.id == name]
    return one


def about(sent: list[Received], name: str) -> list[Received]:
    return [one for one in sent if one.event["data"].get("subscription_id") == name]


async def test_an_empty_book_differs_and_nothing_is_written(
    conn: Connection, database_url: str, shop: Merchant
) -> None:
    run = await shop.reconcile(database_url)
    differences = await found(conn, run)
    assert (run.state, run.in_sync) == ("drift", 0)
    assert len(differences) == run.differing == run.looked_at
    assert {"subscription", "payment", "customer", "credit"} <= {d.kind for d in differences}
    assert run.gaining == len(run.gains) > run.losing == 0
    assert await event_count(conn) == 0


async def test_what_was_applied_differs_no_more(
    conn: Connection, database_url: str, shop: Merchant
) -> None:
    first = await shop.reconcile(database_url, apply=True)
    assert first.applied == first.differing > 0
    await project(conn)
    second = await shop.reconcile(database_url, apply=True)
    assert await found(conn, second) == []
    # who applied, in the audit log: nothing was left for the second run
    log = await audit(conn, "test", AuditFilter(action="apply"), 9, Order(b"", "-at", None))
    assert [(one.actor, one.subject) for one in log.data] == [("service", first.run_id)]
    assert (second.state, second.looked_at) == ("in_sync", second.in_sync)
    held = [shop.control.resources(kind) for kind in ("subscription", "payment", "customer")]
    assert second.looked_at > sum(map(len, held))


@FILLED
async def test_a_lost_hold_is_found_with_its_cause_and_effect(
    conn: Connection, database_url: str, live: Merchant
) -> None:
    await fill(conn, database_url, live)
    (name,) = active(live)
    live.control.act("fail-next-renewal", name)
    live.control.act("renew", name)
    live.control.move(DAY)
    sent = live.sent()
    lost = about(sent, name)
    assert "subscription.on_hold" in {one.event["type"] for one in lost}
    await deliver(conn, [one for one in sent if one not in lost])
    before = await event_count(conn)
    run = await live.reconcile(database_url)
    difference = await only(conn, run, name)
    assert (difference.ours, difference.theirs) == ("active", "on_hold")
    assert difference.cause == "never_arrived"
    assert difference.missing_types == ("subscription.on_hold",)
    assert (difference.customer_id, difference.effect) == (customer_of(live, name), "loses")
    assert run.losses == (customer_of(live, name),)
    assert await event_count(conn) == before
    await live.reconcile(database_url, apply=True)
    await project(conn)
    again = await live.reconcile(database_url)
    assert (again.state, await found(conn, again)) == ("in_sync", [])


@FILLED
async def test_refusals_since_the_change_explain_it(
    conn: Connection, database_url: str, live: Merchant
) -> None:
    await fill(conn, database_url, live)
    (name,) = active(live)
    live.control.act("pause", name)
    live.control.move(DAY)
    statement = (
        "insert into store.refusal_count (book, minute, reason, count)"
        " values ('test', date_trunc('minute', now()), 'bad-signature', 3)"
    )
    await conn.execute(statement)
    difference = await only(conn, await live.reconcile(database_url), name)
    assert difference.cause == "refused_at_the_door"
    assert "3 for bad-signature" in difference.evidence


@FILLED
async def test_a_parked_stream_is_the_cause_and_nothing_is_applied(
    conn: Connection, database_url: str, live: Merchant
) -> None:
    await fill(conn, database_url, live)
    (name,) = active(live)
    live.control.act("cancel", name)
    live.control.move(DAY)
    await park(conn, Target("test", None, {}), f"subscription-{name}", 1, "…\nValueError: x")
    run = await live.reconcile(database_url, apply=True)
    difference = await only(conn, run, name)
    assert (difference.cause, difference.effect) == ("parked", "none")
    assert "ValueError: x" in difference.evidence
    assert (difference.applied, run.state) == (False, "drift")


@FILLED
async def test_a_type_of_tomorrow_is_the_cause(
    conn: Connection, database_url: str, live: Merchant
) -> None:
    await fill(conn, database_url, live)
    (name,) = active(live)
    live.control.act("pause", name)
    live.control.move(DAY)
    (told, *_) = about(live.sent(), name)
    event = {**told.event, "type": "subscription.frozen"}
    event["data"] = {**event["data"], "status": "frozen"}
    changed = Received(told.headers, msgspec.json.encode(event))
    await deliver(conn, [changed])
    difference = await only(conn, await live.reconcile(database_url), name)
    assert difference.cause == "unknown_type"
    assert "subscription.frozen" in difference.evidence


@FILLED
async def test_a_licence_key_changes_silently(
    conn: Connection, database_url: str, live: Merchant
) -> None:
    await fill(conn, database_url, live)
    keys = live.control.resources("license_key")
    name = next(name for name, key in keys.items() if key["status"] == "active")
    live.control.act("disable-license-key", name)
    live.control.move(DAY)
    difference = await only(conn, await live.reconcile(database_url), name)
    assert (difference.cause, difference.theirs) == ("silent_by_design", "disabled")
    assert difference.missing_types == ()


@FILLED
async def test_what_has_just_changed_is_in_flight_and_not_applied(
    conn: Connection, database_url: str, live: Merchant
) -> None:
    await fill(conn, database_url, live)
    (name,) = active(live)
    live.control.act("pause", name)
    run = await live.reconcile(database_url, apply=True)
    difference = await only(conn, run, name)
    assert (difference.cause, difference.effect) == ("in_flight", "none")
    assert (difference.applied, run.losing) == (False, 0)
    await deliver(conn, live.sent())
    again = await live.reconcile(database_url)
    assert name not in {d.id for d in await found(conn, again)}


async def test_what_only_a_row_of_a_list_has_told_is_a_blind_spot(
    conn: Connection, database_url: str, live: Merchant
) -> None:
    payments = live.control.resources("payment")
    payment = next(name for name, one in payments.items() if one["status"] == "succeeded")
    live.control.act("open-dispute", payment)
    live.control.move(3 * DAY)
    disputes = live.control.resources("dispute")
    name = next(name for name, one in disputes.items() if one["payment_id"] == payment)
    async with Provider("test", live.book()) as provider:
        async for page in rows(provider, DISPUTE):
            readings = [Reading(DISPUTE, r.id, r.body, page.reply, listed=True) for r in page.rows]
            compared = await compare(conn, "test", None, readings)
            await record(conn, "test", compared, provider.key_fingerprint)
    await project(conn)
    # it is open, and older than what the lists are read for
    run = await live.reconcile(database_url, since=DAY, kinds=("dispute",))
    difference = await only(conn, run, name)
    assert difference.cause == "list_blind_spot"
    assert set(difference.fields) <= DISPUTE.lacks


@FILLED
async def test_what_has_just_changed_is_read_again_after_a_while(
    conn: Connection, database_url: str, live: Merchant
) -> None:
    await fill(conn, database_url, live)
    (name,) = active(live)
    live.control.act("pause", name)
    task = asyncio.create_task(live.reconcile(database_url, settle=timedelta(seconds=4)))
    await asyncio.sleep(2)
    # its webhook comes while it is waited for
    await deliver(conn, live.sent())
    assert name not in {d.id for d in await found(conn, await task)}


@pytest.mark.parametrize("path", ["/subscriptions", pytest.param("/", marks=pytest.mark.slow)])
@FILLED
async def test_an_outage_is_no_drift(
    conn: Connection, database_url: str, live: Merchant, path: str
) -> None:
    await fill(conn, database_url, live)
    live.control.add_answer_fault(AnswerFaultRequest(status=500, path=path))
    try:
        run = await live.reconcile(database_url, apply=True, patience=Patience(0.5))
    finally:
        live.control.clear_faults()
    assert (run.state, run.applied) == ("incomplete", 0)
    assert "500" in str((run.reason, run.skipped))


async def by_pages(conn: Connection) -> list[Run]:
    """All runs, seven at a time."""
    read: list[Run] = []
    cursor: str | None = None
    while True:
        after = order({"cursor": cursor}, ("-began_at",), str, "/v1/reconcile/runs")
        page = await kept.runs(conn, "test", 7, after)
        read += page.data
        cursor = page.next_cursor
        if cursor is None:
            return read


async def test_the_last_hundred_runs_are_kept(
    conn: Connection, database_url: str, live: Merchant
) -> None:
    run = await live.reconcile(database_url, kinds=("payout",))
    (difference, *_) = await found(conn, run)
    for n in range(105):
        begun = replace(run, run_id=f"run-{n:03}", began_at=run.began_at + DAY * (n + 1))
        await keeping.begin(conn, "test", begun)
        await keeping.add(conn, "test", begun.run_id, 1, [difference])
        await keeping.finish(conn, "test", begun)
    order_ = order({}, ("-began_at",), str, "/v1/reconcile/runs")
    page = await kept.runs(conn, "test", 1000, order_)
    assert [r.run_id for r in page.data] == [f"run-{n:03}" for n in range(104, 4, -1)]
    assert await by_pages(conn) == page.data
    statement = "select count(distinct run_id) as n from store.reconcile_difference"
    assert await (await conn.execute(statement)).fetchone() == {"n": 100}
    with pytest.raises(Problem, match="Old runs are deleted"):
        await kept.run(conn, "test", run.run_id)
