"""Observations among the deliveries of a store."""

import psycopg
import pytest

from domain.reading import read
from service.database.connections import Connection, bulk_connection
from service.readmodels.compare import Difference
from service.readmodels.projector import advance
from service.readmodels.rebuild import preview
from service.store.chain import NewEvent
from service.store.events import append, events_after
from service.store.scan import Tally, plan_scan, scan
from tests.builders import at, body
from tests.deliveries import delivery, observation
from tests.service.store.test_events import rows_of, verify

SUB = b'{"subscription_id":"sub_1","status":"%s","customer":{"customer_id":"cus_1"}}'
ACTIVE, HELD = SUB % b"active", SUB % b"on_hold"
PATH = "GET /subscriptions/sub_1"


async def test_an_observation_is_kept_with_its_salt_and_linked(conn: Connection) -> None:
    read_one = observation("subscription", ACTIVE, at(60), name=PATH)
    receipts = await append(conn, "test", [delivery(b"1"), read_one, delivery(b"2")])
    assert [receipt.position for receipt in receipts] == [1, 2, 3]
    rows = await rows_of(conn)
    kept = rows[1]
    assert (kept["source"], kept["salt"], kept["body"]) == ("api", read_one.salt, ACTIVE)
    assert kept["webhook_signature"] is kept["webhook_timestamp"] is None
    assert verify(rows)
    kept["salt"] = bytes(32)
    assert not verify(rows)


async def test_the_same_reading_by_two_processes_is_recorded_once(conn: Connection) -> None:
    one = observation("subscription", ACTIVE, at(60), name=PATH)
    other = observation("subscription", ACTIVE, at(61), name=PATH)
    first = await append(conn, "test", [one])
    again = await append(conn, "test", [other])
    assert [(r.position, r.duplicate) for r in first + again] == [(1, False), (1, True)]


async def test_a_resource_that_comes_back_is_recorded_each_time(conn: Connection) -> None:
    position = 0
    for second, content in enumerate((ACTIVE, HELD, ACTIVE)):
        (receipt,) = await append(
            conn, "test",
            [observation("subscription", content, at(second), name=PATH, compared_at=position)],
        )  # fmt: skip
        position = receipt.position
    assert position == 3


async def test_a_webhook_in_between_makes_the_same_reading_news(conn: Connection) -> None:
    await append(conn, "test", [observation("subscription", ACTIVE, at(0), name=PATH)])
    await append(conn, "test", [delivery(body("subscription.on_hold", "on_hold", at(1), "sub_1"))])
    (receipt,) = await append(
        conn, "test", [observation("subscription", ACTIVE, at(60), name=PATH, compared_at=2)]
    )
    assert (receipt.position, receipt.duplicate) == (3, False)


async def test_a_webhook_is_no_duplicate_of_an_observation(conn: Connection) -> None:
    await append(conn, "test", [observation("subscription", ACTIVE, at(0), name=PATH)])
    (receipt,) = await append(conn, "test", [delivery(ACTIVE, PATH, at(0))])
    assert (receipt.position, receipt.duplicate) == (2, False)


async def test_only_webhooks_are_signed_and_only_others_are_salted(conn: Connection) -> None:
    insert = (
        "insert into store.event (book, position, source, webhook_id, revision, sent_at,"
        " recorded_at, webhook_timestamp, webhook_signature, headers, body_sha256, link, salt,"
        " body) values ('test', 1, %s, 'x', 0, now(), now(), %s, %s, '{}',"
        " sha256(''), sha256(''), %s, '')"
    )
    for values in (
        ("api", None, None, None), ("api", "1", "v1,x", bytes(32)), ("webhook", None, None, None),
        ("webhook", "1", "v1,x", bytes(32)), ("api", None, None, b"short"),
    ):  # fmt: skip
        with pytest.raises(psycopg.errors.CheckViolation):
            await conn.execute(insert, values)


async def test_a_scan_reads_what_a_reader_reads(conn: Connection, database_url: str) -> None:
    await append(conn, "test", [
        delivery(body("subscription.active", "active", at(0), "sub_1")),
        observation("subscription", HELD, at(60), name=PATH),
        observation("subscription", ACTIVE, at(90), name=PATH, listed=True, compared_at=2),
    ])  # fmt: skip
    tally = Tally()
    found = []
    stretches = await plan_scan(conn, {"test": 3})
    with bulk_connection(database_url) as bulk:
        for stretch in stretches:
            for _, event in scan(bulk, stretch):
                tally.add(event.position)
                found.append(event)
    assert tally.is_whole(3)
    in_order = sorted(found, key=lambda event: event.position)
    assert in_order == await events_after(conn, "test", 0, 10)
    assert [read(event).status for event in in_order] == ["active", "on_hold", "active"]


async def test_read_models_are_rebuilt_with_observations_as_they_were(conn: Connection) -> None:
    new: list[NewEvent] = [
        delivery(body("subscription.active", "active", at(0), "sub_1", quantity=2)),
        observation("subscription", HELD, at(60), name=PATH, listed=True),
        observation("customer", b'{"customer_id":"cus_7","email":"a@b.example"}', at(70)),
        observation("payment", b'{"payment_id":"pay_1","status":"succeeded"}', at(80)),
        observation("novelty", b"{}", at(85)),
        observation("refund", b"no json", at(90)),
        delivery(body("subscription.on_hold", "on_hold", at(30), "sub_1", quantity=2)),
    ]
    for one in new:
        await append(conn, "test", [one])
        while await advance(conn, "test"):
            pass
    differences: list[Difference] = [one for one in await preview(conn) if one.rows]
    assert differences == []
