"""Keys: what they open, for how long, and what is known of their use."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import psycopg
import pytest

from service.database.connections import Connection, Pool, pool
from service.database.reader import Lane
from service.http.limits import Allowance, Headers
from service.problems import Problem
from service.store import api_keys
from service.store import api_keys as module
from service.store.api_keys import CallerCache
from service.store.events import open_books


@pytest.fixture
async def connections(database_url: str) -> AsyncIterator[Pool]:
    async with pool(database_url) as made:
        yield made


async def test_a_key_has_its_scopes_and_only_its_hash_is_kept(conn: Connection) -> None:
    key = await api_keys.create(conn, "test", ("read", "audit"), "support tool")
    plain = await api_keys.create(conn, "test")
    first, second = await api_keys.list_keys(conn, "test")
    assert (first.scopes, first.label, second.scopes) == (
        ("read", "audit"),
        "support tool",
        ("read",),
    )
    found = await api_keys.find_caller(conn, api_keys.digest(key))
    assert found == api_keys.Caller("test", first.id, ("read", "audit"))
    rows = await (await conn.execute("select k::text as said from store.api_key k")).fetchall()
    # what is secret may hold an underscore itself, as a book may
    secrets = [one[-32:] for one in (key, plain)]
    assert not [row for row in rows for secret in secrets if secret in row["said"]]


@pytest.mark.parametrize("scopes", [[], ["write"], ["read", "everything"]])
async def test_the_database_knows_the_scopes_too(conn: Connection, scopes: list[str]) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        await api_keys.create(conn, "test", scopes)  # type: ignore[arg-type]


async def test_a_key_is_looked_up_once_and_revoked_within_seconds(
    conn: Connection, lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await api_keys.create(conn, "test")
    ring = CallerCache()
    caller = await ring.caller(lane, key)
    assert caller is not None
    assert await api_keys.revoke(conn, caller.id)
    assert await ring.caller(lane, key) == caller
    monkeypatch.setattr(module, "_CACHE_SECONDS", -1.0)
    ring._known = {d: (0.0, known) for d, (_, known) in ring._known.items()}
    assert await ring.caller(lane, key) is None
    assert ring._known == {}


@pytest.mark.parametrize("book", ["test", "a_b", "a_0a1b2c3d_x", "a-b"])
async def test_the_id_of_a_key_is_found_whatever_its_book_is_called(
    conn: Connection, book: str
) -> None:
    await open_books(conn, {book: None})
    key = await api_keys.create(conn, book)
    (known,) = await api_keys.list_keys(conn, book)
    assert api_keys.id_of(f" {key}\n") == known.id
    assert api_keys.id_of(f"Bearer {key}") == known.id
    assert api_keys.id_of(known.id) is None
    assert api_keys.id_of(key[:-1]) is None


async def test_last_use_is_written_beside_the_requests(
    conn: Connection, connections: Pool, lane: Lane
) -> None:
    key, idle = await api_keys.create(conn, "test"), await api_keys.create(conn, "test")
    ring, before = CallerCache(), datetime.now(UTC)
    for _ in range(3):
        await ring.caller(lane, key)
    await ring.flush(connections)
    used = {k.id: k.last_used_at for k in await api_keys.list_keys(conn, "test")}
    at, never = (used[api_keys.id_of(one) or ""] for one in (key, idle))
    assert never is None
    assert at is not None
    assert before <= at <= datetime.now(UTC)


async def test_what_is_no_key_is_not_remembered(lane: Lane) -> None:
    ring = CallerCache()
    for number in range(3):
        assert await ring.caller(lane, f"dbk_{number}\0\uffff") is None
    assert not ring._known
    assert not ring._used


def test_an_allowance_is_told_and_ends() -> None:
    allowance = Allowance(2)
    left = []
    for _ in range(2):
        told: Headers = []
        allowance.spend("a", told)
        left.append(dict(told)[b"ratelimit"].partition(b";t=")[0])
    assert left == [b'"key";r=1', b'"key";r=0']
    over: Headers = []
    with pytest.raises(Problem) as refused:
        allowance.spend("a", over)
    assert refused.value.kind.status == 429
    assert 0 < int(str(refused.value.extra["retry_after"])) <= 60
    assert dict(over)[b"ratelimit-policy"] == b'"key";q=2;w=60'
    allowance.spend("b", [])
    allowance._windows["a"] = (0.0, 3)
    allowance.spend("a", [])


def test_without_a_limit_nothing_is_counted_or_told() -> None:
    allowance, told = Allowance(0), Headers()
    for _ in range(1000):
        allowance.spend("a", told)
    assert told == []
    assert allowance._windows == {}
