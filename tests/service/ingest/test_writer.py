"""Whatever happens to a batch, nobody is left waiting, and the writer goes on."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import LiteralString

import psycopg
import pytest
import structlog
from msgspec import structs

from service.database.connections import WRITER, Connection
from service.ingest import writer as module
from service.ingest.writer import Writer
from service.problems import Problem
from service.store.chain import Delivery
from service.store.events import Receipt, append, books
from service.telemetry import metrics
from service.telemetry.instruments import Instruments
from tests.conftest import as_owner
from tests.deliveries import delivery


@pytest.fixture
async def writer(database_url: str) -> AsyncIterator[Writer]:
    made = Writer(database_url, "test", lambda _: None)
    task = asyncio.create_task(made.run())
    yield made
    assert not task.done(), "it ended"
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_what_waits_goes_into_one_commit(writer: Writer, conn: Connection) -> None:
    receipts = await asyncio.gather(*(writer.record(delivery(b"x")) for _ in range(50)))
    assert [receipt.position for receipt in receipts] == list(range(1, 51))
    found = await conn.execute("select count(distinct recorded_at) as n from store.event")
    assert (await found.fetchall())[0]["n"] < 5


async def test_a_killed_connection_is_not_noticed_by_the_sender(
    writer: Writer, conn: Connection
) -> None:
    await writer.record(delivery(b"1"))
    await conn.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where pid <> pg_backend_pid() and datname = current_database()"
    )
    assert (await writer.record(delivery(b"2"))).position == 2


async def test_a_bad_row_fails_alone(writer: Writer, conn: Connection) -> None:
    bad = delivery(b"bad", "m" * 100_000 + "\0")
    results = await asyncio.gather(
        writer.record(delivery(b"1")),
        writer.record(bad),
        writer.record(delivery(b"2")),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [Receipt, Problem, Receipt]
    assert (await books(conn))["test"].position == 2


async def test_any_error_is_outlived(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(*_: object) -> list[Receipt]:
        raise AssertionError("no such book")

    monkeypatch.setattr(module, "append", failing)
    with pytest.raises(Problem, match="Send it again"):
        await writer.record(delivery(b"1"))
    monkeypatch.setattr(module, "append", append)
    assert (await writer.record(delivery(b"1"))).position == 1


async def test_what_follows_a_commit_cannot_fail_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: int) -> None:
        raise LookupError("no such listener")

    def uncounted(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(Instruments, "__init__", uncounted)
    metrics._guard.cache_clear()
    writer = Writer(database_url, "test", failing)
    task = asyncio.create_task(writer.run())
    async with asyncio.timeout(30):
        assert [(await writer.record(delivery(body))).position for body in (b"1", b"2")] == [1, 2]
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    metrics._guard.cache_clear()


async def test_who_comes_while_it_is_down_is_told_so_and_it_can_run_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ending(*_: object) -> None:
        raise MemoryError

    writer = Writer(database_url, "test", lambda _: None)
    with monkeypatch.context() as patched:
        patched.setattr(writer, "_write", ending)
        given_up = asyncio.create_task(writer.record(delivery(b"1")))
        await asyncio.sleep(0)
        with pytest.raises(MemoryError):
            await writer.run()
    given_up.cancel()
    with pytest.raises(Problem, match="Send it again"):
        await writer.record(delivery(b"2"))
    task = asyncio.create_task(writer.run())
    await asyncio.sleep(0)
    assert (await writer.record(delivery(b"3"))).position == 1
    task.cancel()
    await asyncio.gather(task, given_up, return_exceptions=True)


async def test_a_standby_is_left_for_the_new_primary(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[Connection] = []

    async def on_a_standby(conn: Connection, book: str, batch: list[Delivery]) -> list[Receipt]:
        used.append(conn)
        if len(used) == 1:
            raise psycopg.errors.ReadOnlySqlTransaction
        return await append(conn, book, batch)

    monkeypatch.setattr(module, "append", on_a_standby)
    assert (await writer.record(delivery(b"1"))).position == 1
    assert used[0] is not used[1]


async def test_a_request_that_was_given_up_hurts_nobody(writer: Writer, conn: Connection) -> None:
    given_up = asyncio.create_task(writer.record(delivery(b"1")))
    await asyncio.sleep(0)
    given_up.cancel()
    assert (await writer.record(delivery(b"2"))).position >= 1
    assert (await books(conn))["test"].position in {1, 2}


async def test_a_full_queue_says_so_at_once(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_WAITING", 2)
    results = await asyncio.gather(
        *(writer.record(delivery(b"x")) for _ in range(5)), return_exceptions=True
    )
    refused = [r.kind.name for r in results if isinstance(r, Problem)]
    assert refused == ["busy"] * 3


async def test_who_waits_at_the_end_is_told_to_send_again(database_url: str) -> None:
    stopped = Writer(database_url, "test", lambda _: None)
    waiting = asyncio.create_task(stopped.record(delivery(b"1")))
    task = asyncio.create_task(stopped.run())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(Problem, match="Send it again"):
        await waiting


def hold(url: str) -> psycopg.Connection[tuple[object, ...]]:
    """Lock the head as somebody does who looks at it in psql and goes to lunch."""
    holder = psycopg.connect(url, application_name="psql")
    holder.execute("select * from store.head where book = 'test' for update")
    return holder


@pytest.mark.parametrize("role", [str, as_owner])
async def test_a_holder_of_the_head_is_named_and_stops_nobody_for_long(
    database_url: str, writer: Writer, conn: Connection, role: Callable[[str], str]
) -> None:
    with structlog.testing.capture_logs() as logs, hold(role(database_url)) as holder:
        began, pid = time.monotonic(), holder.info.backend_pid
        sent = [delivery(b"1"), delivery(b"2")]
        refused = await asyncio.gather(
            *(writer.record(one) for one in sent), return_exceptions=True
        )
        assert time.monotonic() - began < 12
        assert [r.kind.name for r in refused if isinstance(r, Problem)] == ["unavailable"] * 2
        holder.rollback()
    # sent again, each is recorded once
    receipts = await asyncio.gather(*(writer.record(one) for one in sent))
    assert sorted(r.position for r in receipts) == [1, 2]
    assert (await books(conn))["test"].position == 2
    blocked = [line for line in logs if line["event"] == "append blocked"]
    assert [(b["pid"], b["application"]) for b in blocked] == [(pid, "psql")]
    assert blocked[0]["since"] is not None or role is as_owner


async def test_a_commit_whose_answer_does_not_come_is_told_and_done_once(
    writer: Writer, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = structs.replace(WRITER, answer=0.5, lock=0.5)
    monkeypatch.setattr(module, "WRITER", limits)
    first = delivery(b"1")
    assert (await writer.record(first)).position == 1
    assert writer._conn is not None
    os.kill(pid := writer._conn.info.backend_pid, signal.SIGSTOP)
    try:
        # nothing holds the lock: another connection records it
        assert (await writer.record(delivery(b"2"))).position == 2
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (await writer.record(first)).duplicate
    assert (await books(conn))["test"].position == 2


async def test_who_waits_behind_others_is_told_in_time_too(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_SECONDS", 0.2)
    # its loop does not run: nobody takes what waits
    stuck = Writer(database_url, "test", lambda _: None)
    with pytest.raises(Problem, match="Send it again"):
        await stuck.record(delivery(b"1"))
    task = asyncio.create_task(stuck.run())
    await asyncio.sleep(0.1)
    # what was given up is not recorded behind its sender's back
    assert stuck._waiting_bytes == 0
    monkeypatch.setattr(module, "_MAX_SECONDS", 10)
    assert (await stuck.record(delivery(b"2"))).position == 1
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


STOPPED = """
import asyncio, os, signal, sys
from service.store import events as store
from service.ingest.writer import Writer
from tests.deliveries import delivery
from tests.conftest import as_owner

where, real = sys.argv[2], store.text

def text(name):
    if name == where:
        asyncio.get_running_loop().call_later(0.3, os.kill, os.getpid(), signal.SIGSTOP)
    return real(name)

async def main():
    if where == "store/append":
        # within COPY: the server waits for rows
        from psycopg import AsyncCursor
        copy = AsyncCursor.copy
        def stopping(self, *args):
            print("held", flush=True)
            return _Stopping(copy(self, *args))
        AsyncCursor.copy = stopping
    else:
        # within the transaction: the server waits for a statement
        def number(*args):
            os.kill(os.getpid(), signal.SIGSTOP)
            return known(*args)
        known, store._number = store._number, number
    writer = Writer(sys.argv[1], "test", lambda _: None)
    task = asyncio.create_task(writer.run())
    await writer.record(delivery(b"stopped"))

class _Stopping:
    def __init__(self, copy): self.copy = copy
    async def __aenter__(self):
        entered = await self.copy.__aenter__()
        os.kill(os.getpid(), signal.SIGSTOP)
        return entered
    async def __aexit__(self, *args): return await self.copy.__aexit__(*args)

asyncio.run(main())
"""
"""A writer that stops while it holds the lock on the head."""


@pytest.mark.parametrize(
    "where", [pytest.param("store/known", marks=pytest.mark.slow), "store/append"]
)
async def test_a_stopped_worker_gives_the_head_back(
    database_url: str, writer: Writer, conn: Connection, where: str
) -> None:
    stopped = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STOPPED, database_url, where
    )
    try:
        async with asyncio.timeout(20):
            while not (await (await conn.execute(HELD)).fetchall()):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        async with asyncio.timeout(12):
            receipt, sent = None, delivery(b"1")
            while receipt is None:
                with suppress(Problem):
                    receipt = await writer.record(sent)
        assert receipt.position == 1
        assert (await writer.record(sent)).duplicate
    finally:
        stopped.kill()
        await stopped.wait()
    assert (await books(conn))["test"].position == 1


HELD: LiteralString = """
select pid from pg_locks join pg_stat_activity using (pid)
where relation = 'store.head'::regclass and mode = 'RowShareLock'
    and wait_event = 'ClientRead' and pid <> pg_backend_pid()
"""
