"""Whatever happens to a batch, nobody is left waiting, and the writer goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import psycopg
import pytest

from service import meters
from service import writer as module
from service.instruments import Instruments
from service.postgres import Connection
from service.problems import Problem
from service.store import Delivery, Receipt, append, books
from service.writer import Writer
from tests.builders import delivery


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
    with pytest.raises(Problem, match="send it again"):
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
    meters._guard.cache_clear()
    writer = Writer(database_url, "test", failing)
    task = asyncio.create_task(writer.run())
    async with asyncio.timeout(30):
        assert [(await writer.record(delivery(body))).position for body in (b"1", b"2")] == [1, 2]
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    meters._guard.cache_clear()


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
    with pytest.raises(Problem, match="send it again"):
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
    with pytest.raises(Problem, match="send it again"):
        await waiting
