"""A switch gives way to readers: none waits long for it, and it comes when it can."""

import asyncio
import time
from collections.abc import AsyncIterator

import psycopg
import pytest
from structlog.testing import capture_logs

from service.database.connections import Connection, connect
from service.readmodels import locks
from service.readmodels.checkpoints import live_tables
from service.readmodels.errors import RebuildError
from service.readmodels.rebuild import rebuild, undo
from service.readmodels.tables import drop_leftovers
from tests.service.readmodels.test_projector import contents
from tests.service.readmodels.test_rebuild import fill
from tests.service.telemetry.test_log_throttle import until

pytestmark = pytest.mark.scenario

HELD_SECONDS = 2.0
WAITING = "switch waiting for readers"


@pytest.fixture
async def reader(database_url: str) -> AsyncIterator[Connection]:
    """Somebody with an open transaction, in which a read model was read."""
    async with await connect(database_url) as own:
        await own.execute("set application_name to 'a report'")
        await own.execute("begin")
        await own.execute("select * from read.subscriptions_v7")
        yield own


async def test_readers_go_on_while_a_switch_waits_for_one_of_them(
    database_url: str, conn: Connection, reader: Connection
) -> None:
    await fill(conn, 60)
    slowest = 0.0
    ended = asyncio.Event()

    async def read_on() -> None:
        nonlocal slowest
        async with await connect(database_url) as own:
            while not ended.is_set():
                begun = time.monotonic()
                found = await own.execute("select count(*) as n from read.subscriptions_v7")
                assert (await found.fetchall())[0]["n"] == 50
                slowest = max(slowest, time.monotonic() - begun)
                await asyncio.sleep(0.01)

    others = [asyncio.create_task(read_on()) for _ in range(2)]
    before = await live_tables(conn)
    with capture_logs() as logged:
        switching = asyncio.create_task(rebuild(conn))
        await until(lambda: any(line["event"] == WAITING for line in logged))
        await asyncio.sleep(HELD_SECONDS)
        assert not switching.done()
        await reader.execute("commit")
        await switching
    ended.set()
    await asyncio.gather(*others)
    assert slowest < HELD_SECONDS / 2
    assert await live_tables(conn) != before
    told = [line for line in logged if line["event"] == WAITING]
    # one at once, and the next after ten seconds
    assert len(told) == 1
    assert f"process {reader.info.backend_pid} (a report, " in told[0]["holders"][0]


async def test_a_switch_that_gets_no_lock_says_who_is_in_the_way_and_changes_nothing(
    conn: Connection, reader: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(conn, 10)
    monkeypatch.setattr(locks, "LIMIT_SECONDS", 0.3)
    tables, rows = await live_tables(conn), await contents(conn)
    said = rf"Nothing was switched: .*process {reader.info.backend_pid} \(a report, .* since 20"
    with pytest.raises(RebuildError, match=said):
        await rebuild(conn)
    assert await live_tables(conn) == tables
    assert await contents(conn) == rows
    await reader.execute("commit")
    await rebuild(conn)
    await reader.execute("begin")
    await reader.execute("select * from read.customers_v7")
    tables = await live_tables(conn)
    with pytest.raises(RebuildError, match=said):
        await undo(conn)
    assert await live_tables(conn) == tables
    await reader.execute("commit")
    await undo(conn)
    assert await live_tables(conn) != tables


async def test_a_projector_that_hangs_in_its_transaction_is_not_waited_for_for_ever(
    database_url: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(conn, 10)
    monkeypatch.setattr(locks, "LIMIT_SECONDS", 0.1)
    monkeypatch.setattr(locks, "_ROWS_SECONDS", 0.2)
    async with await connect(database_url) as frozen:
        await frozen.execute("begin")
        await frozen.execute("select * from read.checkpoint for update")
        with pytest.raises(RebuildError, match=f"process {frozen.info.backend_pid} "):
            await rebuild(conn)
        await frozen.execute("rollback")
    await rebuild(conn)


async def test_an_old_table_that_is_still_read_is_dropped_later(
    database_url: str, conn: Connection
) -> None:
    await fill(conn, 10)
    old = (await live_tables(conn))["subscriptions"]
    with psycopg.connect(database_url) as slow:
        slow.execute(f"select * from read.{old}")  # noqa: S608
        await rebuild(conn)
        await rebuild(conn)
        assert await exists(conn, old)
    await drop_leftovers(conn)
    assert not await exists(conn, old)


async def exists(conn: Connection, table: str) -> bool:
    found = await conn.execute("select from pg_tables where tablename = %s", (table,))
    return bool(await found.fetchall())


async def test_a_switch_waits_as_long_as_is_said_and_for_no_standby(conn: Connection) -> None:
    assert (locks.SHORT_SECONDS, locks.LIMIT_SECONDS) == (0.1, 300)

    async def ask() -> tuple[str, str]:
        found = await conn.execute("show synchronous_commit")
        commit = (await found.fetchall())[0]["synchronous_commit"]
        await locks.LockBudget().apply(conn)
        found = await conn.execute("show lock_timeout")
        return commit, (await found.fetchall())[0]["lock_timeout"]

    commit, timeout = await locks.patiently(conn, ask)
    assert commit == "local"
    assert 0 < int(timeout.removesuffix("ms")) <= 100
    found = await conn.execute("show synchronous_commit")
    assert (await found.fetchall())[0]["synchronous_commit"] == "on"
