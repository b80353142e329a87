"""Many questions under way over one line: each gets its own answer, whatever befalls the others."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from service.database import pipeline
from service.database.connections import Connection, connect
from service.database.reader import Reader


@pytest.fixture
async def one_line(database_url: str) -> AsyncIterator[Reader]:
    made = Reader(database_url, connections=1)
    assert await made.ready()
    yield made
    made.close()


async def value(asked: Reader, text: Any, **params: Any) -> Any:  # noqa: ANN401
    row = await (await asked.execute(text, params)).fetchone()
    assert row is not None
    return row["value"]


async def test_each_of_many_gets_its_own_answer(one_line: Reader) -> None:
    async def ask(number: int) -> Any:  # noqa: ANN401
        if number % 7 == 0:
            with pytest.raises(psycopg.errors.DivisionByZero):
                await value(one_line, "select 1 / %(by)s::int as value", by=0)
            return number
        if number % 11 == 0:
            with pytest.raises(psycopg.errors.UndefinedTable):
                await value(one_line, "select * from read.nothing")
            return number
        return await value(one_line, "select %(n)s::bigint as value", n=number)

    assert await asyncio.gather(*map(ask, range(500))) == [*range(500)]


async def test_values_are_those_of_the_driver(one_line: Reader, conn: Connection) -> None:
    params = {
        "text": "a 'quoted' %(thing)s \\ ü", "none": None, "wide": 2**40, "small": 3, "yes": True,
        "at": datetime(2026, 3, 1, 10, 0, 0, 123456, UTC), "texts": ["a", "b,c", 'd"e'],
    }  # fmt: skip
    statement = """
        select %(text)s as a, %(none)s::text as b, %(wide)s as c, %(small)s as d, %(yes)s as e,
            %(at)s as f, %(texts)s as g, 'x'::bytea as h, 1.5::float8 as i, 12.30::numeric as j,
            %(text)s || '%%' as k, '{"a": 1}'::jsonb as l, null::timestamptz as m
    """
    expected = await (await conn.execute(statement, params)).fetchall()
    found = await (await one_line.execute(statement, params)).fetchall()
    assert found == expected
    assert found[0]["f"].utcoffset() == timedelta(0)


async def test_much_goes_out_and_comes_back(one_line: Reader) -> None:
    told = [chr(97 + n) * 3_000_000 for n in range(4)]
    asked = [value(one_line, "select %(t)s::text as value", t=text) for text in told]
    assert await asyncio.gather(*asked) == told


async def test_one_that_gave_up_does_not_shift_the_answers(one_line: Reader) -> None:
    statement = "select %(n)s::int as value from pg_sleep(0.1)"
    waiting = [asyncio.create_task(value(one_line, statement, n=n)) for n in range(3)]
    await asyncio.sleep(0.05)
    waiting[1].cancel()
    assert await waiting[0] == 0
    assert await waiting[2] == 2
    assert await value(one_line, statement, n=9) == 9


async def test_a_lost_line_is_opened_again(one_line: Reader, conn: Connection) -> None:
    mine = "select pg_backend_pid() as value"
    first = await value(one_line, mine)
    await conn.execute("select pg_terminate_backend(%s)", (first,))
    second = await value(one_line, mine)
    assert second != first
    # and what was under way is asked again
    asked = asyncio.create_task(
        value(one_line, "select pg_backend_pid() as value from pg_sleep(0.3)")
    )
    await asyncio.sleep(0.1)
    await conn.execute("select pg_terminate_backend(%s)", (second,))
    assert await asked not in {first, second}


async def test_several_lines_are_opened_and_share_what_is_asked(database_url: str) -> None:
    made = Reader(database_url)
    mine = "select pg_backend_pid() as value from pg_sleep(0.2)"
    while len(made._connections) < made._max_connections:
        assert await made.ready()
        await asyncio.sleep(0.01)
    answered = await asyncio.gather(*(value(made, mine) for _ in range(made._max_connections)))
    assert len(set(answered)) == made._max_connections
    # all of them are lost at once
    for one in made._connections:
        one.close()
    assert await value(made, mine) not in answered
    made.close()


async def test_while_the_database_is_away_it_says_so() -> None:
    away = Reader("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(psycopg.OperationalError):
        await away.ready()


async def test_there_is_no_end_of_statements(
    one_line: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "_MAX_PREPARED", 5)
    count = "select count(*) as value from pg_prepared_statements"
    for n in range(20):
        assert await value(one_line, f"select {n} as value") == n
        assert await value(one_line, count) <= 5


async def test_a_plan_that_no_longer_fits_is_made_anew(database_url: str, one_line: Reader) -> None:
    async with await connect(database_url) as conn:
        await conn.execute("create table read.odd (value int)")
        await conn.execute("insert into read.odd values (1)")
        assert await value(one_line, "select * from read.odd") == 1
        await conn.execute("alter table read.odd add column other int")
        assert await value(one_line, "select * from read.odd") == 1


async def test_plans_are_made_anew_when_what_they_read_has_doubled(database_url: str) -> None:
    events = 0
    growing = Reader(database_url, connections=1, size=lambda: events)
    await growing.ready()

    async def planned_at(size: int) -> datetime:
        nonlocal events
        events = size
        since = "select min(prepare_time) as value from pg_prepared_statements"
        found: datetime = await value(growing, since)
        return found

    # up to a thousand events any plan will do
    times = [await planned_at(size) for size in (0, 2000, 2001, 4002, 4003)]
    growing.close()
    assert times[0] == times[1] < times[2] == times[3] < times[4]
