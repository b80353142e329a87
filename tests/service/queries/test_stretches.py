"""Stretches of a long stream: what they leave out is on the next one, and they say what is true."""

from random import Random

import pytest

from domain.past import Past
from service.database.connections import Connection
from service.problems import Problem
from service.queries import histories, paging, resources, stretches
from service.queries.answers import HistoryEntry
from service.queries.stretches import Stretch
from service.readmodels.projector import advance
from service.store.events import append
from tests.builders import at, body
from tests.deliveries import delivery

STREAM, OTHER = "subscription-x_1", "subscription-x_2"
LONG, LIMIT = 300, 20
KINDS = ("active", "on_hold", "active", "renewed", "updated", "gifted")
_PATH = "/console/test/subscriptions/x_1"


async def record(conn: Connection, count: int, identity: str = "x_1") -> None:
    """A stream in which one event in ten came late, some in the same second as another one."""
    told = []
    for n in range(count):
        kind = KINDS[n % len(KINDS)]
        status = "on_hold" if kind == "on_hold" else "active"
        content = body(f"subscription.{kind}", status, at(n // 2 * 60), identity, quantity=n // 3)
        told.append(delivery(content, f"msg_{identity}_{n}"))
    chance = Random(4)  # noqa: S311 - the same each time
    for n in range(0, count - 9, 10):
        late = told.pop(n)
        told.insert(min(len(told), n + chance.randrange(3, 40)), late)
    await append(conn, "test", told)
    while await advance(conn, "test"):
        pass


async def pages(conn: Connection) -> list[Stretch]:
    """All stretches of the stream, the latest one first, by their cursors."""
    found = list[Stretch]()
    cursor = None
    while not found or cursor:
        order = paging.order({"cursor": cursor}, ("-occurred_at",), int, _PATH)
        found.append(await stretches.latest(conn, "test", STREAM, order=order, limit=LIMIT))
        cursor = found[-1].next_cursor
    return found


def judged(one: HistoryEntry) -> tuple[object, ...]:
    return (
        one.event_position, one.verdict, one.status_from, one.status_to, one.newer, one.late,
        one.revision, one.undecided, one.shown_at, one.amount, one.currency, one.occurred_at,
    )  # fmt: skip


async def test_no_event_of_a_long_stream_is_lost_or_told_twice(conn: Connection) -> None:
    await record(conn, LONG)
    await record(conn, 5, "x_2")
    found = await pages(conn)
    assert [len(one.data) for one in found] == [LIMIT] * (LONG // LIMIT)
    told = [entry for one in reversed(found) for entry in one.data]
    target = await resources.target_of(conn, "test")
    history = (await histories.history(conn, target, STREAM)).data
    assert {judged(one) for one in told} == {judged(one) for one in history}
    assert len(told) == len(history) == LONG
    assert {entry.late for entry in told} == {True, False}


async def test_each_stretch_says_what_changed_in_the_snapshots(conn: Connection) -> None:
    await record(conn, 60)
    target = await resources.target_of(conn, "test")
    read = await histories.read_whole(conn, target, STREAM)
    every = paging.order({}, ("occurred_at",), int, _PATH)
    whole = (await histories.history_page(read, Past(), every, 60)).changes
    found = {place: one for part in await pages(conn) for place, one in part.changes.items()}
    assert found == whole
    assert any(found.values())


async def test_a_stream_that_fits_is_told_as_its_history_tells_it(conn: Connection) -> None:
    await record(conn, LIMIT)
    target = await resources.target_of(conn, "test")
    (only,) = await pages(conn)
    # what late events changed takes folds of its own, and is left out where there are many
    plain = [(one.event_position, one.what, one.missing) for one in only.data]
    history = (await histories.history(conn, target, STREAM)).data
    assert plain == [(one.event_position, one.what, one.missing) for one in history]


async def test_a_few_late_events_are_told_with_what_they_changed(conn: Connection) -> None:
    first, second = (
        delivery(body("subscription.active", "active", at(0))),
        delivery(body("subscription.cancelled", "cancelled", at(900))),
    )
    between = delivery(body("subscription.on_hold", "on_hold", at(60)))
    await append(conn, "test", [first, second, between])
    while await advance(conn, "test"):
        pass
    (only,) = await pages(conn)
    assert [bool(one.changed) for one in only.data] == [False, True, False]


async def test_a_replay_of_what_is_not_on_the_page_makes_nothing_late(conn: Connection) -> None:
    await record(conn, LONG)
    # the provider may send the first event again, under its webhook-id, as if it had just happened
    again = delivery(body("subscription.active", "active", at(LONG * 40), quantity=7), "msg_x_1_0")
    after = [
        delivery(body("subscription.renewed", "active", at((LONG + n) * 30), quantity=n))
        for n in (1, 2)
    ]
    await append(conn, "test", [again, *after])
    while await advance(conn, "test"):
        pass
    order = paging.order({}, ("-occurred_at",), int, _PATH)
    latest = (await stretches.latest(conn, "test", STREAM, order=order, limit=LIMIT)).data
    target = await resources.target_of(conn, "test")
    history = {
        one.event_position: one for one in (await histories.history(conn, target, STREAM)).data
    }
    assert {one.revision for one in latest} == {True, False}
    for one in latest:
        assert judged(one) == judged(history[one.event_position])
        assert ("Recorded late" in one.what) <= one.late


async def test_the_neighbours_of_an_event_are_those_in_the_order_of_the_world(
    conn: Connection,
) -> None:
    await record(conn, LONG)
    target = await resources.target_of(conn, "test")
    history = (await histories.history(conn, target, STREAM)).data
    for n in (0, 1, 150, LONG - 1):
        one = history[n]
        found = await stretches.around(
            conn, "test", STREAM, one.occurred_at, int(one.event_position), each=3
        )
        places = [each.event_position for each in found.data]
        assert one.event_position in places
        assert len(places) in {4, 5, 7}
        assert {judged(each) for each in found.data} <= {judged(each) for each in history}
    none = await stretches.around(conn, "test", OTHER, history[0].occurred_at, 1, each=3)
    assert none.data == []


async def test_a_stream_without_events_is_not_found(conn: Connection) -> None:
    await record(conn, 1)
    order = paging.order({}, ("-occurred_at",), int, _PATH)
    with pytest.raises(Problem, match="No events"):
        await stretches.latest(conn, "test", OTHER, order=order, limit=LIMIT)
