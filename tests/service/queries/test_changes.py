"""Changes on a real PostgreSQL: bounded looks, heartbeats, a book's own end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

import pytest

from service.api import changes
from service.database.connections import Connection, Pool, pool
from service.database.reader import Lane
from service.queries import changes as change_reads
from service.queries import resources
from service.queries.freshness import Freshness
from service.readmodels.projector import advance
from service.store import api_keys
from service.store.api_keys import CallerCache
from service.store.chain import Delivery
from service.store.events import append
from service.store.positions import BEGINNING, Position, parse
from tests.builders import at, body
from tests.deliveries import delivery


@pytest.fixture
async def connections(database_url: str) -> AsyncIterator[Pool]:
    async with pool(database_url) as opened:
        yield opened


async def record(conn: Connection, *contents: bytes) -> None:
    deliveries: list[Delivery] = [delivery(content) for content in contents]
    await append(conn, "test", deliveries)
    while await advance(conn, "test"):
        pass


async def test_what_is_rare_is_found_in_bounded_looks(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_reads, "_STRETCH", 3)
    active = [body("subscription.active", "active", at(n), f"sub_{n}") for n in range(10)]
    await record(conn, *active, body("payment.failed", "failed", identity="pay_1"))
    places, found, after = [], [], BEGINNING
    while after.number < 11:
        page, _ = await change_reads.changes(conn, "test", after, kinds=["payment"], limit=5)
        after = parse(page.next)
        places.append(after.number)
        found += [change.id for change in page.data]
    assert places == [3, 6, 9, 11]
    assert found == ["pay_1"]


async def test_what_belongs_to_no_resource_is_no_change(conn: Connection) -> None:
    await record(conn, b"no json", body("subscription.active", "active"))
    page, places = await change_reads.changes(conn, "test", BEGINNING, kinds=[], limit=5)
    assert str(places[0]) == page.next == page.position
    assert [(c.event_position, c.id) for c in page.data] == [("2", "x_1")]


async def test_a_silent_stream_shows_that_it_lives_and_how_far_it_is(
    conn: Connection, connections: Pool, lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_HEARTBEAT_SECONDS", 0.01)
    await record(conn, body("subscription.active", "active"))
    freshness = Freshness()
    watching = asyncio.create_task(freshness.poll(connections))
    key = await api_keys.create(conn, "test")
    again = partial(CallerCache().caller, lane, key)
    stream = changes._stream(connections, freshness, again, BEGINNING, ["payment"])
    said = [await anext(stream) for _ in range(2)]
    assert said[0] == b"id: 0-00000000\nretry: 2000\n\n"
    place = await resources.position(conn, "test")
    assert said[1] == f": nothing new\nid: {place}\n\n".encode()
    freshness.close()
    assert [m async for m in stream if b"data" in m] == []
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching


async def test_a_silent_stream_ends_when_its_key_is_revoked(
    conn: Connection, connections: Pool, lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(api_keys, "_CACHE_SECONDS", 0.0)
    await record(conn, body("subscription.active", "active"))
    key = await api_keys.create(conn, "test")
    again = partial(CallerCache().caller, lane, key)
    stream = changes._stream(connections, Freshness(), again, Position(1), [])
    place = await resources.position(conn, "test")
    said = [await anext(stream) for _ in range(3)]
    # a bare number that a person gave cannot be an id: a restore could not be seen from it
    assert said == [b"retry: 2000\n\n", *[f": nothing new\nid: {place}\n\n".encode()] * 2]
    await api_keys.revoke(conn, key.split("_")[2])
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
