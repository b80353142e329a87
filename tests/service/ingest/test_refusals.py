"""Refusals are counted and kept, in bounds, by several processes, and through an outage."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from litestar.types import Scope
from psycopg.conninfo import make_conninfo
from psycopg_pool import PoolTimeout

from service.database.connections import Connection, Pool, pool
from service.ingest import refusals as module
from service.ingest.refusals import Refusals
from service.problems import KINDS, REFUSALS, Problem, refusal
from service.queries.refusals import counts, page

HEADERS = [(b"webhook-id", b"m"), (b"webhook-signature", b"v1,c2VjcmV0"), (b"content-length", b"9")]


@pytest.fixture
async def connections(database_url: str) -> AsyncIterator[Pool]:
    async with pool(database_url) as made:
        yield made


def scope(headers: list[tuple[bytes, bytes]], client: tuple[str, int] | None = None) -> Scope:
    return cast("Scope", {"type": "http", "headers": headers, "client": client})


async def counted(conn: Connection, book: str = "test") -> dict[str, int]:
    return {count.reason: count.last_hour for _, count in await counts(conn, book)}


async def test_what_is_noted_can_be_read_and_says_nothing_of_the_content(
    conn: Connection, connections: Pool
) -> None:
    noted = Refusals()
    noted.note("test", "missing-header", scope(HEADERS, ("192.0.2.7", 443)))
    noted.note("test", "body-too-large", scope([(b"content-length", b"9" * 40)]))
    noted.note("live", "busy", scope([]))
    await noted.flush(connections)
    told = await page(conn, "test", 10, None)
    newest, first = told.data
    assert (first.reason, first.headers) == ("missing-header", ["webhook-id", "webhook-signature"])
    assert (first.content_length, first.remote) == (9, "192.0.2.7")
    assert (newest.headers, newest.content_length, newest.remote) == ([], None, None)
    assert {c.reason: (c.last_5_minutes, c.last_day) for c in told.counts} == {
        "missing-header": (1, 1),
        "body-too-large": (1, 1),
    }
    assert [book for book, _ in await counts(conn, None)] == ["live", "test", "test"]
    found = await conn.execute("select row(r)::text as said from store.refusal r")
    assert not [row for row in await found.fetchall() if "c2VjcmV0" in row["said"]]


async def test_a_flood_is_counted_in_full_and_kept_in_bounds(
    conn: Connection, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_SAMPLES", 150)
    two = Refusals(), Refusals()
    for _ in range(3):
        for process in two:
            for _ in range(1000):
                process.note("test", "unknown-signature", scope(HEADERS))
            await process.flush(connections)
    assert await counted(conn) == {"unknown-signature": 6000}
    found = await conn.execute("select count(*) as n from store.refusal")
    assert (await found.fetchall())[0]["n"] == 150


async def test_pages_follow_each_other_without_gap_or_repetition(
    conn: Connection, connections: Pool
) -> None:
    noted = Refusals()
    for number in range(25):
        noted.note("test", "unknown-signature", scope(HEADERS, (str(number), 1)))
    await noted.flush(connections)
    seen: list[str | None] = []
    cursor: str | None = None
    while cursor or not seen:
        told = await page(conn, "test", 10, cursor)
        seen += [one.remote for one in told.data]
        cursor = told.next_cursor
    assert seen == [str(number) for number in reversed(range(25))]


async def test_what_could_not_be_written_is_written_later(
    database_url: str, conn: Connection, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = Refusals()
    noted.note("test", "unavailable", scope([]))
    async with pool(make_conninfo(database_url, port=1)) as nowhere:
        monkeypatch.setattr(nowhere, "timeout", 0.1)
        with pytest.raises(PoolTimeout):
            await noted.flush(nowhere)
    noted.note("test", "stale-timestamp", scope([]))
    await noted.flush(connections)
    await noted.flush(connections)
    assert await counted(conn) == {"unavailable": 1, "stale-timestamp": 1}
    reasons = [one.reason for one in (await page(conn, "test", 10, None)).data]
    assert reasons == ["stale-timestamp", "unavailable"]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_COUNTS", 2)
    noted = Refusals()
    for reason in REFUSALS:
        for _ in range(200):
            noted.note("test", reason, scope([]))
    assert sum(noted._counts.values()) == 400
    assert len(noted._latest["test"]) == module._SAMPLES_PER_FLUSH


def test_the_list_of_reasons_is_closed() -> None:
    assert set(REFUSALS.values()) <= set(KINDS)
    for reason, kind in REFUSALS.items():
        assert (refusal(reason, "").reason, refusal(reason, "").kind.name) == (reason, kind)
    for path in Path(module.__file__).parent.glob("*.py"):
        source = path.read_text()
        for raised, kind in re.findall(r"\b(Problem|refusal)\(\s*\"([a-z-]+)\"", source):
            reason = Problem(kind, "").reason if raised == "Problem" else kind
            assert reason in REFUSALS, (path.name, reason)
