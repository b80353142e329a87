"""What changed from one snapshot to the next, and what came in each hour."""

from collections.abc import Mapping

import pytest
from msgspec import Raw

from domain.past import Past
from domain.reading import snapshot
from service.database.connections import Connection
from service.queries import paging, resources, snapshots
from service.queries.histories import history_page, read_whole
from service.queries.snapshots import FieldChange, changes_between, tellings
from service.readmodels.projector import advance
from service.store.chain import Delivery
from service.store.events import append
from tests.builders import at, body
from tests.deliveries import delivery, observation

STREAM = "subscription-x_1"


async def record(conn: Connection, *deliveries: Delivery) -> None:
    await append(conn, "test", list(deliveries))
    while await advance(conn, "test"):
        pass


async def changes_of(conn: Connection) -> dict[str, list[FieldChange]]:
    whole = await read_whole(conn, await resources.target_of(conn, "test"), STREAM)
    order = paging.order({}, ("occurred_at",), int, "/")
    return dict((await history_page(whole, Past(), order, 100)).changes)


async def test_a_change_names_the_field_within_an_object_too(conn: Connection) -> None:
    before = {"customer_id": "cus_1", "email": "old@example.com"}
    after = {**before, "email": "new@example.com"}
    first = body("subscription.active", "active", at(0), customer=before, quantity=1, none=None)
    second = body("subscription.on_hold", "on_hold", at(9), customer=after, add=[1])
    # recorded in another order than they happened
    await record(conn, delivery(second), delivery(first))
    assert await changes_of(conn) == {
        "1": [
            FieldChange("status", "active", "on_hold"),
            FieldChange("customer.email", "old@example.com", "new@example.com"),
            FieldChange("quantity", "1", None),
            FieldChange("add", None, "[1]"),
        ]
    }


async def test_what_the_provider_leaves_out_is_not_gone(conn: Connection) -> None:
    await record(conn, delivery(body("subscription.active", "active", at(0), quantity=3)))
    read = b'{"subscription_id":"x_1","status":"on_hold","customer":{"customer_id":"cus_1"}}'
    await append(conn, "test", [observation("subscription", read, at(600))])
    while await advance(conn, "test"):
        pass
    assert await changes_of(conn) == {"2": [FieldChange("status", "active", "on_hold")]}


async def test_a_page_of_a_long_stream_reads_no_more_snapshots_than_it_shows(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(
        conn,
        *(delivery(body("subscription.renewed", "active", at(n), quantity=n)) for n in range(40)),
    )
    whole = await read_whole(conn, await resources.target_of(conn, "test"), STREAM)
    read: list[bytes] = []

    def counted(content: bytes) -> Mapping[str, Raw]:
        read.append(content)
        return snapshot(content)

    monkeypatch.setattr(snapshots, "snapshot", counted)
    for sort in ("occurred_at", "-occurred_at"):
        first = paging.order({}, (sort,), int, "/")
        cursor = (await history_page(whole, Past(), first, 5)).history.next_cursor
        second = paging.order({"cursor": cursor}, (sort,), int, "/")
        read.clear()
        page = await history_page(whole, Past(), second, 5)
        assert {*page.changes} == {one.event_position for one in page.history.data}
        # and the one before, against which the first of them changed
        assert len(read) == 5 + 1


async def test_what_was_not_known_yet_is_not_read(conn: Connection) -> None:
    await record(conn, *(delivery(body("subscription.renewed", "active", at(n))) for n in range(9)))
    target = await resources.target_of(conn, "test")
    whole = await read_whole(conn, target, STREAM, Past(until=4))
    assert sorted(entry.event.position for entry in whole.entries) == [1, 2, 3, 4]
    assert len((await read_whole(conn, target, STREAM, Past(until=99))).entries) == 9


async def test_deliveries_under_one_id_show_what_the_second_body_changed(conn: Connection) -> None:
    first, second = (body("subscription.active", "active", quantity=n) for n in (1, 2))
    await record(conn, delivery(first, "msg_a"), delivery(first, "msg_b"))
    await record(conn, delivery(second, "msg_a"))
    told = await tellings(conn, "test", 3)
    assert [one.event_position for one in told] == ["1", "3"]
    assert [one.changes for one in told] == [[], [FieldChange("quantity", "1", "2")]]
    assert [one.event_position for one in await tellings(conn, "test", 2)] == ["2"]


@pytest.mark.parametrize("other", [b"no json", b"[]", b"\xff"])
def test_what_is_no_object_has_no_changes(other: bytes) -> None:
    assert changes_between(body("subscription.active", "active"), other) == []
