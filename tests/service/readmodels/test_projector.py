"""Live, in any cut into batches, equals rebuilt; and a checkpoint never lies."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.sql import SQL, Identifier

from domain.events import Event
from projections.catalog import BY_SOURCE, PROJECTIONS
from projections.projection import Projection
from projections.subscriptions import SUBSCRIPTIONS
from service.database.connections import Connection, connect
from service.database.statements import relation
from service.readmodels import projector
from service.readmodels.checkpoints import checkpoint, live_tables, set_checkpoint
from service.readmodels.projector import advance, project
from service.readmodels.rebuild import rebuild
from service.readmodels.streams import Target, parked_streams
from service.store.events import append, events_after, open_books
from tests.builders import NOON, at, body
from tests.conftest import fresh_database
from tests.deliveries import delivery
from tests.examples import examples
from tests.histories import Told, histories, numbered

LONG = "".join(sha256(str(n).encode()).hexdigest() for n in range(200))


async def contents(conn: Connection) -> dict[str, list[dict[str, Any]]]:
    """Every row of every read model, through the views that readers use."""
    found = {}
    for p in PROJECTIONS:
        statement = SQL("select * from {} order by book, {}")
        key = SQL(", ").join(map(Identifier, p.identity))
        named = statement.format(relation(p.view), key)
        found[p.name] = await (await conn.execute(named)).fetchall()
    return found


async def store(conn: Connection, events: Sequence[Event]) -> None:
    """Append events so that each keeps its own times."""
    for event in events:
        await append(conn, "test", [delivery(event.body, event.webhook_id, event.sent_at)])


@examples(3)
@given(one=histories(lossless=False), other=histories("sub_2", lossless=False), data=st.data())
def test_live_in_any_batches_equals_rebuilt(
    one: Told, other: Told, data: st.DataObject, postgres: str, template: str
) -> None:
    strange = [delivered(b"no json"), delivered(body("subscription.frozen", "active"))]
    events = numbered(data.draw(st.permutations([*one.events, *other.events, *strange])))
    cuts = data.draw(st.lists(st.integers(1, 9), min_size=len(events), max_size=len(events)))

    async def check() -> None:
        async with await connect(fresh_database(postgres, template)) as conn:
            await store(conn, events)
            rest = await events_after(conn, "test", 0, 1000)
            for size in cuts:
                batch, rest = rest[:size], rest[size:]
                if batch:
                    target = Target("test", None, await live_tables(conn))
                    async with conn.transaction():
                        await project(conn, target, batch)
                        await set_checkpoint(conn, "test", batch[-1].position)
            live = await contents(conn)
            await rebuild(conn)
            assert await contents(conn) == live
            assert len(live["events"]) == len(events)

    asyncio.run(check())


@examples(3)
@given(
    one=histories(lossless=False), other=histories("sub_2", lossless=False),
    size=st.integers(1, 4), data=st.data(),
)  # fmt: skip
def test_a_backlog_that_is_worked_off_ahead_equals_rebuilt(  # noqa: PLR0913, PLR0917
    one: Told, other: Told, size: int, data: st.DataObject, postgres: str, template: str
) -> None:
    events = numbered(data.draw(st.permutations([*one.events, *other.events])))

    async def check(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(projector, "_BATCH", size)
        async with await connect(fresh_database(postgres, template)) as conn:
            await store(conn, events)
            went = [position async for position in advances(conn)]
            # several batches at a time, and not event by event
            assert len(went) == -(-len(events) // (size * projector._AHEAD))
            live = await contents(conn)
            await rebuild(conn)
            assert await contents(conn) == live
            assert len(live["events"]) == len(events)

    with pytest.MonkeyPatch.context() as patch:
        asyncio.run(check(patch))


async def advances(conn: Connection) -> AsyncIterator[int | None]:
    while await advance(conn, "test"):
        yield await checkpoint(conn, "test")


def delivered(content: bytes) -> Event:
    return Event(0, f"msg_{content[:40]!r}", NOON, NOON, b"", content)


async def test_rows_and_checkpoint_move_together(conn: Connection) -> None:
    await append(conn, "test", [delivery(body("subscription.active", "active"))])
    assert await advance(conn, "test") is True
    assert await advance(conn, "test") is False
    rows = (await contents(conn))["subscriptions"]
    assert [(r["status"], r["position"]) for r in rows] == [("active", 1)]


async def test_projectors_side_by_side_write_what_one_would(
    database_url: str, conn: Connection
) -> None:
    bodies = [body("subscription.renewed", "active", at(n), f"sub_{n % 7}") for n in range(1500)]
    await append(conn, "test", [delivery(content) for content in bodies])

    async def follow() -> None:
        async with await connect(database_url) as own:
            while await advance(own, "test"):
                pass

    await asyncio.gather(follow(), follow(), follow())
    live = await contents(conn)
    assert len(live["events"]) == 1500
    await rebuild(conn)
    assert await contents(conn) == live


async def test_the_customer_of_an_event_is_that_of_its_stream(conn: Connection) -> None:
    told = [
        body("subscription.on_hold", "on_hold", at(20), "sub_1", None),
        body("subscription.active", "active", at(10), "sub_2", None),
        body("subscription.active", "active", at(10), "sub_1", "cus_1"),
        body("subscription.active", "active", at(30), "sub_1", None),
        body("subscription.updated", "active", at(40), "sub_1", "cus_9"),
        body("subscription.updated", "active", at(50), "sub_1", None),
    ]
    for content in told:
        await append(conn, "test", [delivery(content)])
        await advance(conn, "test")
    live = await contents(conn)
    assert [row["customer_id"] for row in live["events"]] == [
        # the stream was handed on; who was named stays named
        "cus_9", None, "cus_1", "cus_9", "cus_9", "cus_9",
    ]  # fmt: skip
    await rebuild(conn)
    assert await contents(conn) == live


async def test_another_business_is_kept_and_not_folded(conn: Connection) -> None:
    await append(conn, "test", [delivery(body("subscription.active", "active"))])
    await open_books(conn, {"test": "bus_of_the_book"})
    await advance(conn, "test")
    rows = await contents(conn)
    assert rows["subscriptions"] == rows["customers"] == []
    assert [(r["verdict"], r["stream"]) for r in rows["events"]] == [("foreign", None)]


async def test_an_event_that_cannot_be_digested_parks_its_stream_only(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fragile(folded: Any) -> Any:  # noqa: ANN401
        if folded.state.id == "sub_bad":
            raise RuntimeError("no such luck")
        return SUBSCRIPTIONS.rows(folded)

    broken = Projection(
        **{name: getattr(SUBSCRIPTIONS, name) for name in SUBSCRIPTIONS.__struct_fields__}
        | {"rows": fragile}
    )
    monkeypatch.setitem(BY_SOURCE, "subscription", (broken,))
    kinds = ["sub_1", "sub_bad", "sub_2", "sub_bad"]
    bodies = [body("subscription.renewed", "active", at(n), i) for n, i in enumerate(kinds)]
    await append(conn, "test", [delivery(content) for content in bodies])
    assert await advance(conn, "test")
    rows = await contents(conn)
    assert [r["subscription_id"] for r in rows["subscriptions"]] == ["sub_1", "sub_2"]
    assert [r["position"] for r in rows["events"]] == [1, 2, 3, 4]
    assert await parked_streams(conn, Target("test", None, {})) == {"subscription-sub_bad"}


@pytest.mark.parametrize(
    "content",
    [
        body("subscription.active", "active", next_billing_date="9999-12-31T23:59:59-12:00"),
        body("subscription.active", "active", customer="c" * 5000),
        body("subscription.active", "active", identity="s" * 5000),
        body("subscription." + "x" * 5000, "active"),
        body("subscription.active", "active", next_billing_date="0001-01-01T00:00:00+14:00"),
        body("subscription.active", "active", customer={"customer_id": "c", "email": LONG}),
        body("payment.succeeded", "succeeded", total_amount=2**70),
        body("payment.succeeded", "succeeded", currency="\0"),
        b'{"type":"a\\u0000b","data":{}}',
    ],
)  # fmt: skip
async def test_no_signed_body_stops_the_book(conn: Connection, content: bytes) -> None:
    await append(conn, "test", [delivery(content), delivery(body("refund.succeeded", "succeeded"))])
    while await advance(conn, "test"):
        pass
    rows = await contents(conn)
    assert len(rows["events"]) == 2
    assert len(rows["refunds"]) == 1
