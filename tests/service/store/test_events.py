"""The store: dense positions, no loss, no double, a chain that shows every change."""

import asyncio
from datetime import timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.database.connections import Connection, connect
from service.store.chain import Delivery, NewEvent, Observation, compute_link
from service.store.events import append, books, events_after, last_recorded_position, open_books
from tests.builders import NOON, at
from tests.conftest import PLAIN, as_owner, fresh_database
from tests.deliveries import delivery
from tests.examples import examples

ROWS = "select * from store.event where book = 'test' order by position"


async def rows_of(conn: Connection) -> list[dict[str, Any]]:
    return await (await conn.execute(ROWS)).fetchall()


def verify(rows: list[dict[str, Any]]) -> bool:
    """Compute the chain again from what is stored."""
    previous = bytes(32)
    for row in rows:
        body, digest = row["body"], sha256(row["body"]).digest()
        d: NewEvent = Delivery(
            row["webhook_id"], row["sent_at"], row["webhook_timestamp"], row["webhook_signature"],
            row["headers"], row["verified_by"], body, digest,
        )  # fmt: skip
        if row["source"] == "api":
            d = Observation(
                row["webhook_id"], row["sent_at"], row["headers"], row["verified_by"], body, digest,
                row["salt"], 0,
            )  # fmt: skip
        place = (row["book"], row["position"], row["revision"], row["recorded_at"])
        previous = compute_link(previous, *place, d)
        if previous != row["link"]:
            return False
    return True


def doubled(rows: list[dict[str, Any]]) -> bool:
    """Whether anything was recorded that is a duplicate, or counted as another revision."""
    tellings: dict[str, list[tuple[bytes, Any]]] = {}
    for row in rows:
        earlier = tellings.setdefault(row["webhook_id"], [])
        told = (row["body"], row["sent_at"])
        if row["revision"] != len(earlier) or told in earlier:
            return True
        if earlier and earlier[-1][0] == row["body"]:
            return True
        earlier.append(told)
    return False


async def test_a_delivery_is_kept_to_the_byte(conn: Connection) -> None:
    sent = delivery(b'{"a": \xff\x00 }')
    receipts = await append(conn, "test", [sent])
    (row,) = await rows_of(conn)
    assert (receipts[0].position, receipts[0].duplicate) == (1, False)
    assert {name: row[name] for name in sent.__struct_fields__} == {
        name: getattr(sent, name) for name in sent.__struct_fields__
    }


async def test_the_same_again_is_a_duplicate_and_another_body_is_not(conn: Connection) -> None:
    one, other = delivery(b"1", "m"), delivery(b"2", "m")
    first = await append(conn, "test", [one, one, other])
    again = await append(conn, "test", [other, one])
    assert [(r.position, r.duplicate) for r in first + again] == [
        (1, False), (1, True), (2, False), (2, True), (1, True),
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 7])
async def test_a_body_told_again_after_another_one_is_an_event(conn: Connection, size: int) -> None:
    told = [
        delivery(b"A", "m", at(0)), delivery(b"A", "m", at(1)), delivery(b"B", "m", at(2)),
        # a copy of the first request, and then its body again, in a new request
        delivery(b"A", "m", at(0)), delivery(b"A", "m", at(3)), delivery(b"A", "m", at(4)),
        delivery(b"B", "m", at(2)),
    ]  # fmt: skip
    receipts = []
    for start in range(0, len(told), size):
        receipts += await append(conn, "test", told[start : start + size])
    assert [(r.position, r.duplicate) for r in receipts] == [
        (1, False), (1, True), (2, False), (1, True), (3, False), (3, True), (2, True),
    ]  # fmt: skip
    rows = await rows_of(conn)
    assert [(row["body"], row["revision"], row["sent_at"]) for row in rows] == [
        (b"A", 0, at(0)), (b"B", 1, at(2)), (b"A", 2, at(3)),
    ]  # fmt: skip
    assert [event.revision for event in await events_after(conn, "test", 0, 9)] == [0, 1, 2]


async def test_long_ids_that_begin_alike_have_revisions_of_their_own(conn: Connection) -> None:
    ids = [f"{'m' * 5000}{n}" for n in range(3)]
    bodies = [b"A", b"B"]
    await append(conn, "test", [delivery(body, one) for body in bodies for one in ids])
    assert [row["revision"] for row in await rows_of(conn)] == [0, 0, 0, 1, 1, 1]


SENT = st.tuples(st.integers(0, 3), st.sampled_from([b"", b"1", b"2"]), st.integers(0, 3))
"""A delivery: its id, its body and when it was sent."""


def expected(sent: list[Delivery]) -> tuple[list[tuple[int, bool]], list[int]]:
    """The receipts and the revisions, worked out from a plain list of what is recorded."""
    kept: list[Delivery] = []
    receipts: list[tuple[int, bool]] = []
    revisions: list[int] = []
    for d in sent:
        same_id = [k for k in kept if k.webhook_id == d.webhook_id]
        copies = [k for k in same_id if (k.body, k.sent_at) == (d.body, d.sent_at)]
        repeated = same_id[-1] if same_id and same_id[-1].body == d.body else None
        repeated = repeated or (copies[-1] if copies else None)
        if repeated is None:
            kept.append(d)
            revisions.append(len(same_id))
        place = [k is (repeated or d) for k in kept].index(True) + 1
        receipts.append((place, repeated is not None))
    return receipts, revisions


@examples(8)
@given(batches=st.lists(st.lists(SENT, min_size=1, max_size=6), max_size=8))
def test_any_batches_give_dense_positions_and_a_chain_that_verifies(
    batches: list[list[tuple[int, bytes, int]]], postgres: str, template: str
) -> None:
    async def check() -> None:
        async with await connect(fresh_database(postgres, template)) as conn:
            sent = [[delivery(body, f"m{n}", at(s)) for n, body, s in b] for b in batches]
            receipts = [r for batch in sent for r in await append(conn, "test", batch)]
            places, revisions = expected([d for batch in sent for d in batch])
            assert [(r.position, r.duplicate) for r in receipts] == places
            rows = await rows_of(conn)
            assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
            assert [row["revision"] for row in rows] == revisions
            assert verify(rows)
            assert (await books(conn))["test"].position == len(rows)

    asyncio.run(check())


async def test_several_writers_share_a_book(database_url: str, conn: Connection) -> None:
    async def write(number: int) -> None:
        async with await connect(database_url) as own:
            for n in range(20):
                # half of them are sent by two writers at once
                await append(own, "test", [delivery(b"x", f"m{number // 2}-{n}"), delivery(b"y")])

    await asyncio.gather(*(write(number) for number in range(4)))
    rows = await rows_of(conn)
    assert [row["position"] for row in rows] == list(range(1, 2 * 20 + 4 * 20 + 1))
    assert verify(rows)
    assert all(a["recorded_at"] <= b["recorded_at"] for a, b in pairwise(rows))


async def test_a_moment_is_found_among_the_positions(conn: Connection) -> None:
    for size in (1, 2, 5, 1, 3, 1):  # each batch has one moment
        await append(conn, "test", [delivery(b"x") for _ in range(size)])
        times = [row["recorded_at"] for row in await rows_of(conn)]
        instant = timedelta(microseconds=1)
        for moment in {t + n * instant for t in times for n in (-1, 0, 1)}:
            before = await last_recorded_position(conn, "test", moment, inclusive=False)
            by_then = await last_recorded_position(conn, "test", moment, inclusive=True)
            assert before == sum(t < moment for t in times)
            assert by_then == sum(t <= moment for t in times)


async def test_a_clock_that_goes_back_makes_no_time_fall(conn: Connection) -> None:
    await append(conn, "test", [delivery(b"1")])
    await conn.execute("update store.head set recorded_at = recorded_at + interval '1 day'")
    await append(conn, "test", [delivery(b"2")])
    await append(conn, "test", [delivery(b"3")])
    first, second, third = (row["recorded_at"] for row in await rows_of(conn))
    assert second - first >= timedelta(days=1)
    assert third == second


async def test_no_moment_is_found_in_an_empty_book(conn: Connection) -> None:
    assert await last_recorded_position(conn, "test", NOON, inclusive=True) == 0
    assert await last_recorded_position(conn, "unheard of", NOON, inclusive=True) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"webhook_id": "m9"}, {"revision": 1}, {"headers": '{"a":1}'}, {"verified_by": "f" * 16},
        {"body": b"z"}, {"webhook_signature": "v1,AAAA"}, {"position": 5},
    ],
    ids=str,
)  # fmt: skip
async def test_the_chain_shows_any_change(conn: Connection, change: dict[str, Any]) -> None:
    await append(conn, "test", [delivery(b"1"), delivery(b"2"), delivery(b"3")])
    rows = await rows_of(conn)
    assert verify(rows)
    assert not verify([rows[0], {**rows[1], **change}, rows[2]])


async def test_the_chain_shows_removal_order_and_time(conn: Connection) -> None:
    await append(conn, "test", [delivery(b"1"), delivery(b"2"), delivery(b"3")])
    a, b, c = await rows_of(conn)
    assert not verify([a, c])
    assert not verify([a, c, b])
    assert not verify([a, {**b, "recorded_at": b["recorded_at"] + timedelta(microseconds=1)}, c])


@pytest.mark.parametrize(
    "statement",
    [
        "update store.event set body = ''",
        "delete from store.event",
        "truncate store.event",
    ],
)
@PLAIN
async def test_even_the_owner_is_refused_to_alter_history(
    database_url: str, conn: Connection, statement: str
) -> None:
    await append(conn, "test", [delivery(b"1")])
    async with await connect(as_owner(database_url)) as owner:
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="never altered"):
            await owner.execute(statement)


async def test_books_do_not_mix(conn: Connection) -> None:
    await open_books(conn, {"live": None})
    same = delivery(b"1", "m")
    assert (await append(conn, "test", [same]))[0].position == 1
    assert (await append(conn, "live", [same]))[0].duplicate is False
    assert {name: book.position for name, book in (await books(conn)).items()} == {
        "live": 1,
        "test": 1,
    }
