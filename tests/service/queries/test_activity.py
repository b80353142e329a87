"""What came, minute by minute and hour by hour, and how far the read models lagged."""

import random
from datetime import timedelta

import psycopg
import pytest

from service.database.connections import Connection
from service.queries.activity import Activity, Unit, activity
from service.readmodels.checkpoints import checkpoint_rows
from service.readmodels.projector import advance
from service.store.events import append
from tests.builders import body
from tests.conftest import as_owner
from tests.deliveries import delivery

ONE = timedelta(hours=1)


async def test_events_refusals_and_the_greatest_lag_are_told_by_minute_and_hour(
    conn: Connection,
) -> None:
    unread = [delivery(b"no"), delivery(body("subscription.gifted", "active", identity="x_2"))]
    await append(conn, "test", [delivery(body("subscription.active", "active")), *unread])
    while await advance(conn, "test"):
        pass
    now = (await checkpoint_rows(conn, "test"))[0]["recorded_at"]
    this = now.replace(second=0, microsecond=0)
    await conn.execute(
        "insert into store.refusal_count (book, minute, reason, count) values"
        " ('test', %(this)s, 'unknown-signature', 4), ('test', %(this)s, 'stale', 1)",
        {"this": this},
    )
    await conn.execute(
        "insert into store.lag (book, minute, seconds, events) values"
        " ('test', %(this)s, 0.25, 1), ('test', %(before)s, 7, 9)",
        {"this": this, "before": this - timedelta(minutes=1)},
    )
    minutes = (await activity(conn, "test", "minute", now, refusals=True)).data
    assert len(minutes) == 60
    assert minutes[-1] == Activity(this, 3, 2, 5, 0.25)
    assert minutes[-2] == Activity(this - timedelta(minutes=1), 0, 0, 0, 7)
    assert minutes[0] == Activity(this - timedelta(minutes=59), 0, 0, 0, None)
    hours = (await activity(conn, "test", "hour", now, refusals=False)).data
    assert len(hours) == 24
    assert (hours[-1].events, hours[-1].attention, hours[-1].refused) == (3, 2, None)
    assert max(hour.lag_seconds or 0 for hour in hours) == 7
    later = (await activity(conn, "test", "hour", now + 24 * ONE, refusals=False)).data
    assert [hour.events for hour in later] == [0] * 24


@pytest.mark.parametrize("spread", [1, 60, 1500], ids=lambda minutes: f"{minutes} minutes")
async def test_each_event_is_counted_in_its_own_minute_and_hour(
    conn: Connection, database_url: str, spread: int
) -> None:
    await append(
        conn, "test", [delivery(body("refund.odd", "x", identity=f"x_{n}")) for n in range(50)]
    )
    while await advance(conn, "test"):
        pass
    (last,) = await checkpoint_rows(conn, "test")
    now = last["recorded_at"]
    chosen = random.Random(spread)  # noqa: S311 - the same ones each time
    # some at the very beginning of a minute
    times = sorted(
        (now - timedelta(minutes=chosen.uniform(0, spread))).replace(
            **({"second": 0, "microsecond": 0} if chosen.random() < 0.3 else {})
        )
        for _ in range(50)
    )
    with psycopg.connect(as_owner(database_url)) as owner:
        owner.execute("set session_replication_role = replica")
        for position, at in enumerate(times, 1):
            owner.execute(
                "update store.event set recorded_at = %s where position = %s", (at, position)
            )
    units: tuple[tuple[Unit, timedelta], ...] = (("minute", timedelta(minutes=1)), ("hour", ONE))
    for unit, one in units:
        entries = (await activity(conn, "test", unit, now, refusals=False)).data
        assert [entry.events for entry in entries] == [
            sum(entry.at <= at < entry.at + one for at in times) for entry in entries
        ]
        assert [entry.attention for entry in entries] == [entry.events for entry in entries]
