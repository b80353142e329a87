"""Which events need a person's attention."""

from datetime import UTC, datetime

import msgspec
from psycopg.sql import SQL, Identifier

from projections.events import EVENTS
from service.database.connections import Connection
from service.queries.activity import activity
from service.queries.attention import acknowledge, attention
from service.readmodels.projector import advance
from service.store.audit import Act, Group
from service.store.events import append
from tests.builders import at, body
from tests.deliveries import delivery, observation


async def test_a_reading_at_the_provider_needs_nobody(conn: Connection) -> None:
    now = datetime.now(UTC)
    content = {"subscription_id": "x_1", "status": "on_hold", "created_at": at(0)}
    read = observation("subscription", msgspec.json.encode(content), now)
    gifted = delivery(body("subscription.gifted", "active", identity="x_2"))
    await append(conn, "test", [read, gifted])
    while await advance(conn, "test"):
        pass
    statement = SQL("select verdict from {}").format(Identifier("read", EVENTS.view))
    rows = await (await conn.execute(statement)).fetchall()
    assert {row["verdict"] for row in rows} == {"inferred", "unknown"}
    groups = (await attention(conn, "test")).data
    assert [(group.verdict, group.type, group.fresh) for group in groups] == [
        ("unknown", "subscription.gifted", 1)
    ]
    hours = (await activity(conn, "test", "hour", datetime.now(UTC), refusals=False)).data
    assert sum(hour.attention for hour in hours) == 1


async def test_counts_end_where_they_are_told_to(conn: Connection) -> None:
    gifts = [
        delivery(body("subscription.gifted", "active", at(n), f"x_{n}"), f"msg_{n}")
        for n in range(7)
    ]
    await append(conn, "test", gifts)
    while await advance(conn, "test"):
        pass
    for most, counted in ((None, 7), (3, 3), (50, 7)):
        (group,) = (await attention(conn, "test", most)).data
        assert (group.fresh, group.count) == (counted, counted)
        # not of what was counted, but of all
        assert (group.first_position, group.latest_position) == ("1", "7")
        now = datetime.now(UTC)
        hours = (await activity(conn, "test", "hour", now, refusals=False, most=most)).data
        assert sum(hour.attention for hour in hours) == counted
        assert sum(hour.events for hour in hours) == 7
    act = Act("account", "ada", "seen", None)
    await acknowledge(conn, "test", Group("unknown", "subscription.gifted"), 5, act)
    for most, fresh, count in ((None, 2, 7), (1, 1, 6), (50, 2, 7)):
        (group,) = (await attention(conn, "test", most)).data
        assert (group.fresh, group.count) == (fresh, count)
