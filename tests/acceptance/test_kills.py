"""``kill -9`` of the projector and of rebuilds at any moment: rows and checkpoint always agree."""

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from service.database.connections import Connection, connect
from service.readmodels.rebuild import preview, rebuild
from service.sandbox.simulation import simulate
from service.store.events import append, books
from tests import forkserver
from tests.builders import NOON
from tests.deliveries import delivery
from tests.service.readmodels.test_projector import contents

pytestmark = pytest.mark.scenario

# in one snapshot: no row is beyond the checkpoint, and none up to it is missing
AGREE = """
    select c.position as checkpoint,
        (select count(*) from read.events_v7 e where e.book = c.book) as events,
        (select coalesce(max(e.position), 0) from read.events_v7 e where e.book = c.book) as last,
        (select coalesce(max(s.position), 0) from read.subscriptions_v7 s where s.book = c.book)
            as subscriptions
    from read.checkpoint c where c.book = 'test'
"""


@contextmanager
def process(doing: str, url: str) -> Iterator[subprocess.Popen[bytes]]:
    running = forkserver.Popen(
        [sys.executable, "-m", "tests.acceptance.projecting", doing, url],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def agreed(url: str) -> int:
    with psycopg.connect(url) as conn:
        row = conn.execute(AGREE).fetchone()
    assert row is not None
    checkpoint, events, last, subscriptions = row
    assert checkpoint == events == last >= subscriptions
    return int(checkpoint)


async def fill(url: str, seed: int, customers: int = 60) -> int:
    made = [
        delivery(s.body, s.webhook_id) for s in simulate(customers, seed, until=NOON, chaos=True)
    ]
    async with await connect(url) as conn:
        for start in range(0, len(made), 100):
            await append(conn, "test", made[start : start + 100])
        return (await books(conn))["test"].position


@pytest.mark.parametrize("kills", [1, pytest.param(50, marks=pytest.mark.long)])
async def test_a_killed_projector_leaves_rows_and_checkpoint_agreed(
    kills: int, database_url: str, conn: Connection
) -> None:
    chance = random.Random(kills)  # noqa: S311 - any moment will do
    end = 0
    for kill in range(kills):
        end = await fill(database_url, kill, customers=20 if kills == 1 else 60)
        with process("follow", database_url) as projector:
            reached = agreed(database_url)
            deadline = time.monotonic() + 30
            while agreed(database_url) == reached and reached < end:
                assert time.monotonic() < deadline, "nobody took over"
                await asyncio.sleep(0.01)
            await asyncio.sleep(chance.uniform(0, 0.2))
            projector.send_signal(signal.SIGKILL)
        agreed(database_url)
    with process("follow", database_url):
        deadline = time.monotonic() + 30
        while agreed(database_url) < end:
            assert time.monotonic() < deadline, "nobody took over"
            await asyncio.sleep(0.05)
    live = await contents(conn)
    await rebuild(conn)
    assert await contents(conn) == live


@pytest.mark.parametrize("kills", [1, pytest.param(50, marks=pytest.mark.long)])
async def test_a_killed_rebuild_leaves_everything_as_it_was(
    kills: int, database_url: str, conn: Connection
) -> None:
    await fill(database_url, 1, customers=20 if kills == 1 else 150)
    await rebuild(conn)
    rows = await contents(conn)
    chance = random.Random(kills)  # noqa: S311 - any moment will do
    for _ in range(kills):
        with process("rebuild", database_url) as running:
            await asyncio.sleep(chance.uniform(0.3, 1.0 if kills == 1 else 4.0))
            running.send_signal(signal.SIGKILL)
        assert await contents(conn) == rows
        # its lease expires; the test does not wait for it
        await conn.execute("update read.lease set expires_at = now()")
    assert [one for one in await preview(conn) if one.rows] == []
    found = await conn.execute("select count(*) as n from pg_tables where tablename ~ '_g[0-9]+$'")
    tables = (await found.fetchall())[0]["n"]
    await rebuild(conn)
    found = await conn.execute("select count(*) as n from pg_tables where tablename ~ '_g[0-9]+$'")
    assert (await found.fetchall())[0]["n"] <= tables
    assert await contents(conn) == rows


@pytest.mark.parametrize(
    "swaps", [pytest.param(2, marks=pytest.mark.slow), pytest.param(50, marks=pytest.mark.long)]
)
async def test_readers_never_see_an_error_an_empty_table_or_the_past(
    swaps: int, database_url: str
) -> None:
    await fill(database_url, 1, customers=20)
    async with await connect(database_url) as conn:
        await rebuild(conn)
    ended = asyncio.Event()
    answers = 0

    async def read() -> None:
        nonlocal answers
        last = 0
        async with await connect(database_url) as own:
            while not ended.is_set():
                row = await (await own.execute(AGREE)).fetchone()
                assert row is not None
                assert row["checkpoint"] == row["events"] == row["last"]
                assert row["events"] >= last
                last, answers = row["events"], answers + 1
                await asyncio.sleep(0.01)

    readers = [asyncio.create_task(read()) for _ in range(3)]
    with process("follow", database_url):
        for swap in range(swaps):
            await fill(database_url, 100 + swap, customers=3)
            async with await connect(database_url) as conn:
                await rebuild(conn)
    ended.set()
    await asyncio.gather(*readers)
    assert answers > swaps
