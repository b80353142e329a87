"""Every question on a line is answered, whatever the database sends, or does not send."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import LiteralString

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.database.connections import ACCESS, LISTS, Limits, ResponseTimeoutError
from service.database.pipeline import UnreadableError
from service.database.reader import Reader
from tests.conftest import as_owner
from tests.examples import examples

SHORT = Limits("test", statement=1, lock=0.5, idle=5, transaction=5, answer=0.5)

GOOD: LiteralString = "select %(n)s::int as value"
KINDS: dict[str, LiteralString] = {
    "good": GOOD,
    "far date": "select '12000-01-01'::date as value, %(n)s::int as n",
    "no end": "select 'infinity'::timestamptz as value, %(n)s::int as n",
    "before year 1": "select '0044-03-15 BC'::timestamp as value, %(n)s::int as n",
    "not utf-8": "select convert_from('\\xff', 'sql_ascii') as value, %(n)s::int as n",
    "long interval": "select '2000000000 days'::interval as value, %(n)s::int as n",
    "late in many": "select case when i < 900 then now() else 'infinity' end as value,"
    " %(n)s::int as n from generate_series(1, 901) i",
    "error": "select 1 / (%(n)s::int * 0) as value",
}
UNREADABLE = {"far date", "no end", "before year 1", "long interval", "late in many"}


@pytest.fixture
async def reader(database_url: str) -> AsyncIterator[Reader]:
    made = Reader(database_url, connections=1)
    assert await made.ready()
    yield made
    made.close()


async def ask(reader: Reader, kind: str, number: int) -> str:
    """What became of a question."""
    try:
        rows = await (await reader.execute(KINDS[kind], {"n": number})).fetchall()
    except UnreadableError as error:
        return "unreadable" if "12000" not in str(error) else str(error)
    except psycopg.Error:
        return "error"
    return "good" if rows == [{"value": number}] else "other"


def test_every_question_is_answered(database_url: str) -> None:
    @given(st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.booleans()), max_size=12))
    @examples(10)
    def answered(asked: list[tuple[str, bool]]) -> None:
        asyncio.run(among_others(asked))

    async def among_others(asked: list[tuple[str, bool]]) -> None:
        reader = Reader(database_url, connections=1)
        await reader.ready()
        tasks = [asyncio.create_task(ask(reader, k, n)) for n, (k, _) in enumerate(asked)]
        await asyncio.sleep(0)
        for task, (_, cancelled) in zip(tasks, asked, strict=True):
            if cancelled:
                task.cancel()
        async with asyncio.timeout(20):
            found = await asyncio.gather(*tasks, return_exceptions=True)
            assert await ask(reader, "good", 7) == "good"
        for (kind, cancelled), one in zip(asked, found, strict=True):
            if kind in UNREADABLE:
                assert cancelled or one == "unreadable"
            elif kind in {"good", "error"}:
                assert cancelled or one == kind
        reader.close()

    answered()


async def test_the_line_outlives_a_row_that_cannot_be_loaded(reader: Reader) -> None:
    kinds = ["good", "no end", "good", "far date", "good"]
    found = await asyncio.gather(*(ask(reader, kind, n) for n, kind in enumerate(kinds)))
    assert found == ["good", "unreadable", "good", "unreadable", "good"]
    assert not reader._connections[0].closed


async def test_a_parameter_that_cannot_be_sent_harms_no_other(reader: Reader) -> None:
    good = asyncio.create_task(ask(reader, "good", 1))
    with pytest.raises((psycopg.Error, TypeError)):
        await reader.execute("select %(n)s as value", {"n": object()})
    with pytest.raises(psycopg.Error):
        await reader.execute("select %(n)s::text as value", {"n": "nul \0"})
    assert await good == "good"
    assert await ask(reader, "good", 2) == "good"


async def test_a_frozen_server_is_given_up_and_the_next_one_answers(database_url: str) -> None:
    reader = Reader(database_url, SHORT, connections=1)
    await reader.ready()
    row = await (await reader.execute("select pg_backend_pid() as value")).fetchone()
    assert row is not None
    os.kill(row["value"], signal.SIGSTOP)
    try:
        with pytest.raises(ResponseTimeoutError):
            await reader.execute(GOOD, {"n": 1})
        assert await ask(reader, "good", 2) == "good"
    finally:
        os.kill(row["value"], signal.SIGCONT)
        reader.close()


async def test_the_server_cuts_off_what_takes_too_long(database_url: str) -> None:
    limits = Limits("test", statement=0.2, lock=0.1, idle=5, transaction=5, answer=9)
    reader = Reader(database_url, limits, connections=1)
    await reader.ready()
    slow = reader.execute("select pg_sleep(30)")
    with pytest.raises(psycopg.errors.QueryCanceled):
        await slow
    with psycopg.connect(as_owner(database_url)) as other:
        other.execute("lock table store.head in access exclusive mode")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            await reader.execute("select position from store.head")
    # it is asked once: the same line goes on
    assert await ask(reader, "good", 3) == "good"
    reader.close()


def test_the_limits_of_a_use_fit_together() -> None:
    for limits in (ACCESS, LISTS):
        assert limits.lock <= limits.statement < limits.answer
