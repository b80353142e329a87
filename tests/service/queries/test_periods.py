"""Periods of a time zone: where they begin, end, and change their offset."""

from datetime import UTC, date, datetime

import pytest

from service.problems import Problem
from service.queries.periods import Interval, span

NOW = datetime(2026, 5, 20, 22, 30, tzinfo=UTC)


def periods(interval: Interval, first: date | None, last: date | None, zone: str) -> list[str]:
    found = span(interval, first, last, NOW, zone)
    return [one.isoformat() for one in (*found.periods, found.until)]


def test_a_day_may_have_23_hours_or_no_midnight() -> None:
    berlin = periods("day", date(2026, 3, 28), date(2026, 3, 30), "Europe/Berlin")
    assert berlin == [
        "2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00",
        "2026-03-30T00:00:00+02:00", "2026-03-31T00:00:00+02:00",
    ]  # fmt: skip
    # the clocks of Beirut pass over this midnight
    beirut = periods("day", date(2026, 3, 29), date(2026, 3, 29), "Asia/Beirut")
    assert beirut == ["2026-03-29T01:00:00+03:00", "2026-03-30T00:00:00+03:00"]


@pytest.mark.parametrize(
    ("interval", "count", "first"),
    [("day", 30, "2026-04-22"), ("week", 12, "2026-03-02"), ("month", 12, "2025-06-01"),
     ("quarter", 4, "2025-07-01")],
)  # fmt: skip
def test_by_default_the_last_ones_of_the_time_zone(
    interval: Interval, count: int, first: str
) -> None:
    # it is the 21st in Tokyo already
    found = span(interval, None, None, NOW, "Asia/Tokyo")
    assert len(found.periods) == count
    assert found.periods[0].isoformat() == f"{first}T00:00:00+09:00"


@pytest.mark.parametrize("month", range(1, 13))
def test_every_month_is_in_one_quarter(month: int) -> None:
    for at in (datetime(2028, month, 1, tzinfo=UTC), datetime(2028, month, 28, 23, tzinfo=UTC)):
        found = span("quarter", at, at, NOW)
        (begin,) = found.periods
        assert (begin.month, begin.day) == (1 + 3 * ((month - 1) // 3), 1)
        assert begin <= at < found.until
        assert 90 <= (found.until - begin).days <= 92


def test_a_moment_is_in_the_period_of_its_time_zone() -> None:
    late = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)
    assert periods("month", late, late, "UTC")[0] == "2026-03-01T00:00:00+00:00"
    assert periods("month", late, late, "Europe/Berlin")[0] == "2026-04-01T00:00:00+02:00"


def test_an_offset_with_seconds_is_not_written() -> None:
    old = periods("day", date(1890, 1, 1), date(1890, 1, 1), "Europe/Berlin")
    assert old[0] == "1889-12-31T23:06:32+00:00"


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_the_ends_of_the_calendar_are_refused_with_a_sentence(zone: str) -> None:
    with pytest.raises(Problem, match="out of range"):
        span("day", date(9999, 12, 31), date(9999, 12, 31), NOW, zone)
