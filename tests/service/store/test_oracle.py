"""Several processes write one book; a reader that follows its positions misses nothing.

They send duplicates and revisions of each other's deliveries, wait at random, and break one in
five appends after the rows were copied. The worth of it is shown by the mutants: without the lock
on the head, appends that nobody broke fail at the primary key, the fence behind it; with positions
from a sequence, which no key fences, the tail reader skips what was committed out of order.
"""

import asyncio
import logging
import multiprocessing
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from functools import partial

import pytest

from domain.events import Event
from service.database.connections import Connection, connect
from service.store.events import books, events_after
from tests.conftest import as_owner
from tests.service.store.test_events import doubled, rows_of, verify
from tests.service.store.writing import Written, together, write

_PROCESSES = 4

_log = logging.getLogger(__name__)


@asynccontextmanager
async def following(url: str, seen: list[Event]) -> AsyncIterator[None]:
    """Follow the book while the block runs, and to its end after the block."""
    left = asyncio.Event()

    async def follow() -> None:
        async with await connect(url) as conn:
            last = False
            while True:
                fresh = await events_after(conn, "test", seen[-1].position if seen else 0, 7)
                seen.extend(fresh)
                if not fresh and last:
                    return
                # one more look after the last commit
                last = left.is_set()
                if not fresh:
                    await asyncio.sleep(0.002)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(follow())
        yield
        left.set()


async def write_and_follow(url: str, rounds: int, mutant: str) -> tuple[list[Written], list[Event]]:
    seen: list[Event] = []
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(_PROCESSES)
    with ProcessPoolExecutor(_PROCESSES, context, together, (start,)) as pool:
        loop = asyncio.get_running_loop()
        jobs = [
            partial(write, url, seed, rounds, mutant, grouped=seed % 2 == 0)
            for seed in range(_PROCESSES)
        ]
        async with following(url, seen):
            written = await asyncio.gather(*(loop.run_in_executor(pool, job) for job in jobs))
    return written, seen


async def complaints(conn: Connection, written: list[Written], seen: list[Event]) -> set[str]:
    """Everything that a correct store does not do, by name."""
    rows = await rows_of(conn)
    places = {(row["webhook_id"], row["body"], row["position"]) for row in rows}
    acknowledged = {place for one in written for place in one.places}
    positions = [row["position"] for row in rows]
    followed = [event.position for event in seen]
    found = {
        "failed": any(one.errors for one in written),
        "lost": not acknowledged <= places,
        "doubled": doubled(rows),
        "gaps": positions != list(range(1, len(rows) + 1)),
        "unchained": not verify(rows),
        "head is elsewhere": (await books(conn))["test"].position != len(rows),
        "reader skipped": not set(positions) <= set(followed),
        "reader saw twice, or what is not there": Counter(followed) - Counter(positions),
        "reader saw another order": followed != sorted(followed),
    }
    return {name for name, so in found.items() if so}


@pytest.mark.parametrize("rounds", [60, pytest.param(2000, marks=pytest.mark.long)])
async def test_nothing_is_skipped_and_nothing_doubled(
    rounds: int, database_url: str, conn: Connection
) -> None:
    written, seen = await write_and_follow(database_url, rounds, "none")
    acknowledged = [place for one in written for place in one.places]
    _log.info(
        "%d recorded of %d sent by %d processes, %d appends broken",
        len(seen), len(acknowledged), _PROCESSES, sum(one.broken for one in written),
    )  # fmt: skip
    assert await complaints(conn, written, seen) == set()
    assert all(one.broken for one in written), "nothing was broken"
    assert len(acknowledged) > len(set(acknowledged)) > 0, "nothing was sent twice"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mutant", "complaint"), [("no lock", "failed"), ("a sequence", "reader skipped")]
)
async def test_without_the_lock_it_is_noticed(
    mutant: str, complaint: str, database_url: str
) -> None:
    url = as_owner(database_url)
    async with await connect(url) as conn:
        await conn.execute("create sequence tampered")
        written, seen = await write_and_follow(url, 60, mutant)
        assert complaint in await complaints(conn, written, seen)
