"""What came, minute by minute and hour by hour, and how far the read models lagged."""

from datetime import timedelta

from service.database.connections import Connection
from service.queries.activity import Activity, activity
from service.readmodels.checkpoints import checkpoint_rows
from service.readmodels.projector import advance
from service.store.events import append
from tests.builders import body
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
