"""The periods of a metric: whole days, weeks, months or quarters of a time zone."""

import re
from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from service.problems import Problem

Interval = Literal["day", "week", "month", "quarter"]

_MOST = 1_000
_DEFAULT_LENGTH: dict[Interval, timedelta] = {
    "day": timedelta(days=29),
    "week": timedelta(weeks=11),
    "month": timedelta(days=334),
    "quarter": timedelta(days=250),
}
"""From the first period to the last: 30 days, 12 weeks, 12 months or 4 quarters in all."""

_A_MONTH, _A_QUARTER = timedelta(days=31), timedelta(days=92)
"""Longer than each, and so short that the next one is not passed over."""


_ZONE = "[A-Za-z][A-Za-z0-9_+-]{0,30}(/[A-Za-z0-9_+-]{1,30}){0,2}"

ZONE_PATTERN = f"^{_ZONE}$"
"""What a name of a time zone looks like."""


def known_zone(name: str) -> str:
    """The name of a time zone, as the database of the host has it.

    Raises:
        ValueError: if there is none.
    """
    try:
        if re.fullmatch(_ZONE, name):
            return ZoneInfo(name).key
    except (ValueError, OSError, ZoneInfoNotFoundError):
        pass
    raise ValueError(name)


class Span(Struct, frozen=True):
    """Consecutive periods by their beginnings; ``until`` is the end of the last one.

    Each is written with the offset that its time zone then has.
    """

    interval: Interval
    periods: list[datetime]
    until: datetime


def span(
    interval: Interval, first: date | None, last: date | None, now: datetime, zone: str = "UTC"
) -> Span:
    """The periods from the one that contains ``first`` to the one that contains ``last``.

    They leave no gap, and none is empty: a day that the clocks of a zone passed over is left out. A
    moment whose hour comes twice belongs to the period that has begun.

    Args:
        interval: how long they are; weeks begin on Monday.
        first: a moment, or a day of the time zone.
        last: a moment, or a day of the time zone, which means its end; ``now`` by default.
        now: the present.
        zone: the name of a time zone that ``ZoneInfo`` knows.

    Raises:
        Problem: ``invalid-parameter`` if ``first`` is after ``last``, there are too many, or none.
    """
    place = _Place(zone)
    try:
        end = place.period(last or now, interval)
        if first is None:
            begin = beginning(end - _DEFAULT_LENGTH[interval], interval)
        else:
            begin = place.period(first, interval)
        if begin > end:
            raise Problem("invalid-parameter", "created_at_gte must not be after created_at_lte.")
        shown = [begin]
        while shown[-1] <= end:
            if len(shown) > _MOST:
                text = f"created_at_gte gives more than {_MOST} periods. Use a longer interval."
                raise Problem("invalid-parameter", text)
            shown.append(after(shown[-1], interval))
        bounds = [place.moment(one) for one in shown]
        periods = [one for one, following in pairwise(bounds) if one < following]
        if not periods:
            text = f"{zone} has no day from {begin.date()} to {end.date()}: its clocks passed over."
            raise Problem("invalid-parameter", text)
        return Span(interval, periods, bounds[-1])
    except OverflowError:
        text = "created_at_gte or created_at_lte is out of range."
        raise Problem("invalid-parameter", text) from None


class _Place:
    """Clocks on a wall: times of day without an offset, and the moments that they show."""

    def __init__(self, zone: str) -> None:
        # UTC reaches to both ends of the calendar
        self._zone = UTC if zone == "UTC" else ZoneInfo(zone)

    def period(self, moment: date, interval: Interval) -> datetime:
        """What the clock shows when the period of a moment, or of a day, begins."""
        if not isinstance(moment, datetime):
            return beginning(datetime.combine(moment, time.min), interval)
        found = beginning(moment.astimezone(self._zone).replace(tzinfo=None), interval)
        # set back over a midnight, the clock shows the day before once more
        while self._zone is not UTC and self.moment(after(found, interval)) <= moment:
            found = after(found, interval)
        return found

    def moment(self, shown: datetime) -> datetime:
        """The moment at which the clock first shows a time, or passes over it."""
        if self._zone is UTC:
            return shown.replace(tzinfo=UTC)
        at = shown.replace(tzinfo=self._zone).astimezone(UTC)
        if at.astimezone(self._zone).replace(tzinfo=None) != shown:
            at = self._change(shown.replace(tzinfo=self._zone, fold=1).astimezone(UTC), at)
        offset = self._offset(at)
        # RFC 3339 has no seconds in an offset, as clocks had before there were zones
        return at if offset % timedelta(minutes=1) else at.astimezone(timezone(offset))

    def _change(self, before: datetime, after_it: datetime) -> datetime:
        """The first second, of those after one and until another, with the offset of the last."""
        seconds = range(int((after_it - before).total_seconds()) + 1)
        new = self._offset(after_it)
        first = bisect_left(
            seconds, True, key=lambda n: self._offset(before + timedelta(seconds=n)) == new
        )
        return before + timedelta(seconds=first)

    def _offset(self, at: datetime) -> timedelta:
        return at.astimezone(self._zone).utcoffset() or timedelta(0)


def beginning(moment: datetime, interval: Interval) -> datetime:
    """The beginning of the period that contains a moment; weeks begin on Monday."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    match interval:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(day=1, month=day.month - (day.month - 1) % 3)
    return day


def after(period: datetime, interval: Interval) -> datetime:
    """The beginning of the next period."""
    match interval:
        case "week":
            return period + timedelta(weeks=1)
        case "month":
            return (period + _A_MONTH).replace(day=1)
        case "quarter":
            return (period + _A_QUARTER).replace(day=1)
    return period + timedelta(days=1)
