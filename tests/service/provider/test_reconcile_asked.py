"""Comparisons that a person asked for: made once, applied on request, recorded with who and why."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import pytest

from service.database.connections import Connection
from service.database.lease import hold_lease
from service.problems import Problem
from service.provider.reconciliation import asked
from service.queries import audit, comparisons, jobs, reconcile
from service.queries.audit import AuditEntry, AuditFilter
from service.queries.jobs import JobAnswer
from service.queries.paging import order
from service.store.audit import Act
from tests.service.provider.merchant import Merchant, event_count, merchant, project

ACT = Act("key", "5f0c8a21", "Webhooks were lost.", "ticket-9")


@pytest.fixture(scope="module")
def shop() -> Iterator[Merchant]:
    with merchant(customers=3, behind="30d") as made:
        yield made


@asynccontextmanager
async def reconciler(url: str, shop: Merchant) -> AsyncIterator[None]:
    following = asyncio.create_task(asked.follow(url, {"test": shop.book()}))
    yield
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following


async def ended(conn: Connection, job_id: str) -> JobAnswer:
    async with asyncio.timeout(60):
        while (found := await jobs.job(conn, "test", job_id)).ended_at is None:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return found


async def recorded(conn: Connection) -> list[AuditEntry]:
    page = await audit.audit(conn, "test", AuditFilter(), 10, order({}, ("-at",), str, "/"))
    return page.data


async def test_it_is_compared_and_applied_only_on_request(
    conn: Connection, database_url: str, shop: Merchant
) -> None:
    book = shop.book()
    async with reconciler(database_url, shop):
        job = await comparisons.ask(conn, "test", book, ACT, apply=False)
        with pytest.raises(Problem, match="Another one waits or runs"):
            await comparisons.ask(conn, "test", book, ACT, apply=True)
        found = await ended(conn, job)
        assert (found.state, found.kind, found.problem) == ("done", "compare", None)
        assert found.run_id
        run = await reconcile.run(conn, "test", found.run_id)
        assert (run.state, run.apply, run.applied) == ("drift", False, 0)
        assert await event_count(conn) == 0
        entry, *_ = await recorded(conn)
        assert (entry.action, entry.who, entry.reason) == ("compare", ACT.who, ACT.reason)

        found = await ended(
            conn, await comparisons.ask(conn, "test", book, ACT, apply=True, accept_losses=True)
        )
        assert found.run_id
        run = await reconcile.run(conn, "test", found.run_id)
        assert run.applied == run.differing > 0
        await project(conn)
        assert await event_count(conn) == run.applied
        entry, *_ = await recorded(conn)
        assert (entry.action, entry.subject, entry.request_id) == (
            "apply", run.run_id, "ticket-9",
        )  # fmt: skip


async def test_while_another_process_compares_it_fails_and_says_why(
    conn: Connection, database_url: str, shop: Merchant
) -> None:
    async with hold_lease(database_url, "reconcile of test"), reconciler(database_url, shop):
        found = await ended(
            conn, await comparisons.ask(conn, "test", shop.book(), ACT, apply=False)
        )
    assert found.state == "failed"
    assert "is running, one at a time" in (found.problem or "")


async def test_a_service_that_stops_leaves_it_interrupted(
    conn: Connection, database_url: str, shop: Merchant
) -> None:
    async with reconciler(database_url, shop):
        job = await comparisons.ask(conn, "test", shop.book(), ACT, apply=False)
        async with asyncio.timeout(30):
            while (await jobs.job(conn, "test", job)).began_at is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    found = await jobs.job(conn, "test", job)
    assert (found.state, found.problem) == ("interrupted", "The service was stopped.")


async def test_without_a_key_nothing_is_asked_for(conn: Connection, shop: Merchant) -> None:
    for book in (None, shop.book(provider={"api_key": None})):
        with pytest.raises(Problem, match=r"Set books\.test\.provider\.api_key"):
            await comparisons.ask(conn, "test", book, ACT, apply=False)
