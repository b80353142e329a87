import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from projections.catalog import BY_NAME, PROJECTIONS
from service.database.connections import Connection, connect, url_of
from service.database.lease import REBUILD, Lease, LeaseTakenError, hold_lease
from service.readmodels.checkpoints import live_tables
from service.readmodels.projector import advance
from service.readmodels.rebuild import rebuild
from service.readmodels.tables import missing
from service.store.events import append
from service.store.migrations import migrate
from tests.builders import at, body
from tests.deliveries import delivery
from tests.service.readmodels.test_projector import contents


async def fill(conn: Connection, count: int) -> None:
    bodies = [body("subscription.renewed", "active", at(n), f"sub_{n % 50}") for n in range(count)]
    await append(conn, "test", [delivery(content) for content in bodies])
    while await advance(conn, "test"):
        pass


async def test_readers_notice_nothing_and_progress_is_exact(
    database_url: str, conn: Connection
) -> None:
    await fill(conn, 600)
    ended = asyncio.Event()
    seen: set[int] = set()

    async def read_on() -> None:
        async with await connect(database_url) as own:
            while not ended.is_set():
                found = await own.execute("select count(*) as n from read.subscriptions_v7")
                seen.update(row["n"] for row in await found.fetchall())

    reader = asyncio.create_task(read_on())
    told: list[tuple[str, int, int]] = []
    for _ in range(2):
        told.clear()
        positions = await rebuild(conn, progress=lambda *a: told.append(a))
        assert positions == {"test": 600}
    ended.set()
    await reader
    assert seen == {50}
    assert told[:2] == [("read", 600, 600), ("fold", 1, 1)]
    assert told[2:] == [("indexes", n, len(told) - 2) for n in range(1, len(told) - 1)]


async def test_webhooks_go_on_while_it_runs(database_url: str, conn: Connection) -> None:
    await fill(conn, 500)

    async def live() -> None:
        async with await connect(database_url) as own:
            for n in range(100):
                await append(
                    own, "test", [delivery(body("payment.failed", "failed", at(n), f"p{n}"))]
                )
                await advance(own, "test")

    await asyncio.gather(live(), once(database_url))
    while await advance(conn, "test"):
        pass
    before = await contents(conn)
    assert len(before["events"]) == 600
    await rebuild(conn)
    assert await contents(conn) == before


async def once(url: str) -> None:
    async with await connect(url) as own:
        await rebuild(own)


async def test_only_what_is_named_is_switched(conn: Connection) -> None:
    await fill(conn, 10)
    before = await live_tables(conn)
    rows = await contents(conn)
    await rebuild(conn, [BY_NAME["customers"]])
    after = await live_tables(conn)
    assert {name for name in before if before[name] != after[name]} == {"customers"}
    assert await contents(conn) == rows
    await append(conn, "test", [delivery(body("subscription.active", "active", at(99), "sub_9"))])
    assert await advance(conn, "test")


async def test_a_second_one_is_refused(database_url: str, conn: Connection) -> None:
    async with hold_lease(database_url, REBUILD):
        with pytest.raises(LeaseTakenError, match="one at a time"):
            await rebuild(conn)


async def test_one_waits_for_another_that_is_ending(conn: Connection) -> None:
    """A service that is being stopped may still hold the lease of its first build."""
    ending = Lease(REBUILD)
    await ending.acquire(conn)
    async with await connect(url_of(conn)) as own, asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(rebuild(own))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await ending.release(conn)


async def test_one_waits_for_the_lease_of_a_process_that_was_killed(conn: Connection) -> None:
    await Lease(REBUILD, seconds=0.5).acquire(conn)
    await rebuild(conn)


async def test_interrupted_it_leaves_everything_as_it_was_and_the_next_is_clean(
    conn: Connection,
) -> None:
    await fill(conn, 500)
    before, rows = await live_tables(conn), await contents(conn)
    for doing in ("read", "fold", "indexes"):
        with pytest.raises(InterruptedError):
            await rebuild(conn, progress=interrupt_at(doing))
    assert await live_tables(conn) == before
    assert await contents(conn) == rows
    await rebuild(conn)
    found = await conn.execute("select tablename from pg_tables where schemaname = 'read'")
    builds = [row["tablename"] for row in await found.fetchall() if "_g" in row["tablename"]]
    assert len(builds) == 2 * len(PROJECTIONS)


def interrupt_at(moment: str) -> Callable[[str, int, int], None]:
    def told(doing: str, _: int, __: int) -> None:
        if doing == moment:
            raise InterruptedError

    return told


async def test_a_version_that_was_never_built_is_missing(empty_database_url: str) -> None:
    async with await connect(empty_database_url) as conn:
        assert await migrate(conn) == (
            "0001_store", "0002_console", "0003_audit", "0004_documents", "0005_jobs",
            "0006_people", "0007_links", "0008_opened_by",
        )  # fmt: skip
        assert await migrate(conn) == ()
        assert len(await missing(conn)) == len(PROJECTIONS)
        await rebuild(conn)
        assert await missing(conn) == []


async def test_what_could_not_be_read_is_named_live_and_rebuilt(conn: Connection) -> None:
    quoted: dict[str, Any] = {'a"{,}\\': "MARK"}
    bodies = [
        body("subscription.active", "active", name='a "b"', metadata=[]),
        body("subscription.active", "active").replace(b'"Ada"', rb'"\ud83d"'),
        body("brand.created", None, odd="MARK").replace(b'"MARK"', rb'"\ud83d"'),
        body("subscription.active", "active", **quoted).replace(b'"MARK"', b"NaN"),
        body("subscription.active", "active"),
    ]
    await append(conn, "test", [delivery(content) for content in bodies])
    while await advance(conn, "test"):
        pass
    before = await contents(conn)
    unread = [row["unread"] for row in before["events"]]
    assert unread == [["metadata"], ["customer.name"], ["odd"], ['a"{,}\\'], None]
    await rebuild(conn)
    assert await contents(conn) == before
