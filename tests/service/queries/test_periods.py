"""Periods of a time zone: where they begin, end, and change their offset."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import available_timezones

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


@pytest.mark.parametrize(
    ("zone", "day", "following"),
    [("Pacific/Apia", "2011-12-30", "2011-12-31T00:00:00+14:00"),
     ("Pacific/Kwajalein", "1993-08-21", "1993-08-22T00:00:00+12:00"),
     # with the seconds that its clocks had
     ("Asia/Manila", "1844-12-31", "1844-12-31T15:56:08+00:00")],
)  # fmt: skip
def test_a_day_that_a_zone_never_had_is_no_period(zone: str, day: str, following: str) -> None:
    missing = date.fromisoformat(day)
    before, later = (missing + timedelta(days=n) for n in (-1, 1))
    *_, last, until = periods("day", before, later, zone)
    assert (last, len(periods("day", before, later, zone))) == (following, 3)
    assert periods("day", missing, later, zone) == [last, until]
    assert periods("day", before, missing, zone)[1:] == [last]
    with pytest.raises(Problem, match=f"{zone} has no day from {day} to {day}"):
        span("day", missing, missing, NOW, zone)


ODD = [
    # days that were passed over, and clocks that change at midnight or about it
    "2011-12-30", "2018-11-04", "2006-10-29",
    *(
        pytest.param(day, marks=pytest.mark.slow)
        for day in (
            "1993-08-21", "1844-12-31", "1994-12-31", "1867-10-18", "1919-03-31", "2024-04-26",
            "2022-03-27", "2018-02-18", "2006-04-02",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("day", ODD)
def test_periods_have_no_gap_and_none_is_empty_in_any_zone(day: str) -> None:
    odd = date.fromisoformat(day)
    first, last = odd - timedelta(days=2), odd + timedelta(days=2)
    for zone in sorted(available_timezones()):
        found = span("day", first, last, NOW, zone)
        bounds = [*found.periods, found.until]
        assert all(one < other for one, other in pairwise(bounds)), zone
        assert len({one.isoformat() for one in bounds}) == len(bounds), zone
        for begin, end in pairwise(bounds):
            for part in (0, 0.5, 1, 12, 23):
                moment = begin + part * (end - begin) / 24
                alone = span("day", moment, moment, NOW, zone)
                assert [*alone.periods, alone.until] == [begin, end], (zone, moment)


def test_a_day_begins_when_the_clocks_pass_over_its_midnight() -> None:
    # from 23:30 to 00:30
    toronto = periods("day", date(1919, 3, 31), date(1919, 3, 31), "America/Toronto")
    assert toronto == ["1919-03-31T00:30:00-04:00", "1919-04-01T00:00:00-04:00"]


def test_an_offset_with_seconds_is_not_written() -> None:
    old = periods("day", date(1890, 1, 1), date(1890, 1, 1), "Europe/Berlin")
    assert old[0] == "1889-12-31T23:06:32+00:00"


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_the_ends_of_the_calendar_are_refused_with_a_sentence(zone: str) -> None:
    with pytest.raises(Problem, match="out of range"):
        span("day", date(9999, 12, 31), date(9999, 12, 31), NOW, zone)
