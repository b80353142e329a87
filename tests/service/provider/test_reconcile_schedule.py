"""Comparisons that nobody asked for: when they are due, one process at a time."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest

from service.database.connections import Connection
from service.database.lease import hold_lease
from service.provider.reconciliation.schedule import compare_if_due
from service.queries import reconcile as kept
from service.queries.paging import order
from service.queries.reconcile import Run
from service.settings import Book
from tests.service.provider.merchant import Merchant, event_count, merchant, project

pytestmark = pytest.mark.scenario

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def shop() -> Iterator[Merchant]:
    with merchant(customers=3, behind="30d") as made:
        yield made


async def runs(conn: Connection) -> list[Run]:
    page = await kept.runs(conn, "test", 100, order({}, ("-began_at",), str, "/v1/reconcile/runs"))
    return page.data


async def age(conn: Connection, span: str) -> None:
    """Let the comparisons so far be older."""
    statement = (
        "update store.reconcile_run set began_at = began_at - %(span)s::interval,"
        " head = (head::jsonb || jsonb_build_object('began_at',"
        " ((head::jsonb->>'began_at')::timestamptz - %(span)s::interval)))::text"
    )
    await conn.execute(statement, {"span": span})


async def test_a_book_is_compared_when_it_is_due(
    conn: Connection, database_url: str, shop: Merchant
) -> None:
    book = shop.book(provider={"reconcile_every": "6h"})
    for expected in (1, 1):
        await compare_if_due(database_url, "test", book)
        assert len(await runs(conn)) == expected
    await age(conn, "5 hours")
    assert await compare_if_due(database_url, "test", book) < HOUR
    assert len(await runs(conn)) == 1
    await age(conn, "2 hours")
    await compare_if_due(database_url, "test", book)
    assert [run.state for run in await runs(conn)] == ["drift", "drift"]
    # it reports, and leaves the book as it is
    assert await event_count(conn) == 0


async def test_it_applies_where_the_book_says_so(
    conn: Connection, database_url: str, shop: Merchant
) -> None:
    book = shop.book(provider={"reconcile_apply": True})
    await compare_if_due(database_url, "test", book)
    (run,) = await runs(conn)
    assert run.applied == run.differing > 0
    await project(conn)
    assert await event_count(conn) == run.applied


@pytest.mark.parametrize("settings", [{"reconcile_every": "never"}, {"api_key": None}])
async def test_without_a_key_or_an_interval_nothing_is_compared(
    conn: Connection, database_url: str, shop: Merchant, settings: dict[str, str | None]
) -> None:
    await compare_if_due(database_url, "test", shop.book(provider=settings))
    assert await runs(conn) == []


async def test_one_process_compares_at_a_time(
    conn: Connection, database_url: str, shop: Merchant
) -> None:
    async with hold_lease(database_url, "reconcile of test"):
        await compare_if_due(database_url, "test", shop.book())
    assert await runs(conn) == []
    await asyncio.gather(*(compare_if_due(database_url, "test", shop.book()) for _ in range(3)))
    assert [run.state for run in await runs(conn)] == ["drift"]


async def test_a_provider_that_refuses_is_asked_again_sooner(
    conn: Connection, database_url: str, shop: Merchant
) -> None:
    book: Book = shop.book(provider={"api_key": "sandbox_of_somebody_else"})
    await compare_if_due(database_url, "test", book)
    (run,) = await runs(conn)
    assert (run.state, "API key" in (run.reason or "")) == ("stopped", True)
    await age(conn, "50 minutes")
    assert await compare_if_due(database_url, "test", book) <= HOUR / 6
    await age(conn, "20 minutes")
    await compare_if_due(database_url, "test", book)
    assert len(await runs(conn)) == 2


async def test_a_book_whose_read_models_are_not_built_waits(
    conn: Connection, database_url: str, shop: Merchant
) -> None:
    await conn.execute("delete from read.checkpoint where book = 'test'")
    assert await compare_if_due(database_url, "test", shop.book()) < HOUR
    assert await runs(conn) == []


async def test_a_comparison_of_one_kind_neither_delays_nor_replaces_one_of_all(
    conn: Connection, database_url: str, shop: Merchant
) -> None:
    book = shop.book(provider={"reconcile_every": "6h"})
    await compare_if_due(database_url, "test", book)
    await age(conn, "7 hours")
    (whole,) = await runs(conn)
    await shop.reconcile(database_url, kinds=("payout",))
    ((_, last, _),) = await kept.last_runs(conn, ["test"])
    assert last.run_id == whole.run_id
    await compare_if_due(database_url, "test", book)
    assert [run.kinds for run in await runs(conn)] == [(), ("payout",), ()]
