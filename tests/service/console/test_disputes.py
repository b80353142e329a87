"""How long there is to answer a dispute, in words and by urgency."""

from datetime import UTC, datetime, timedelta

import pytest

from service.console.disputes import urgency

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "said", "tone"),
    [
        (timedelta(days=-4, hours=-3), "overdue for 4 days", "bad"),
        (timedelta(hours=-1), "overdue for 1 hour", "bad"),
        (timedelta(), "overdue for less than an hour", "bad"),
        (timedelta(minutes=20), "in less than an hour", "wait"),
        (timedelta(hours=47), "in 47 hours", "wait"),
        (timedelta(days=2, hours=23), "in 2 days", "wait"),
        (timedelta(days=3), "in 3 days", "wait"),
        (timedelta(days=9, hours=5), "in 9 days", "plain"),
    ],
)
def test_how_long_there_is(left: timedelta, said: str, tone: str) -> None:
    assert urgency(NOW + left, NOW) == (said, tone)
