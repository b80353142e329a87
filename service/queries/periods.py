"""The periods of a metric: whole days, weeks or months in UTC."""

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from service.problems import Problem

Interval = Literal["day", "week", "month"]

_MOST = 1_000
_DEFAULT_LENGTH: dict[Interval, timedelta] = {
    "day": timedelta(days=29),
    "week": timedelta(weeks=11),
    "month": timedelta(days=334),
}
"""From the first period to the last: 30 days, 12 weeks or 12 months in all."""


class Span(Struct, frozen=True):
    """Consecutive periods by their beginnings; ``until`` is the end of the last one."""

    interval: Interval
    periods: list[datetime]
    until: datetime


def span(interval: Interval, first: datetime | None, last: datetime | None, now: datetime) -> Span:
    """The periods from the one that contains ``first`` to the one that contains ``last``.

    Raises:
        Problem: ``invalid-parameter`` if ``first`` is after ``last``, or there are too many.
    """
    end = last or now
    try:
        begin = beginning(first or beginning(end, interval) - _DEFAULT_LENGTH[interval], interval)
        if begin > end:
            raise Problem("invalid-parameter", "created_at_gte must not be after created_at_lte.")
        periods = [begin]
        while (following := after(periods[-1], interval)) <= end:
            periods.append(following)
            if len(periods) > _MOST:
                text = f"created_at_gte gives more than {_MOST} periods. Use a longer interval."
                raise Problem("invalid-parameter", text)
    except OverflowError:
        raise Problem("invalid-parameter", "created_at_lte is out of range.") from None
    return Span(interval, periods, following)


def beginning(moment: datetime, interval: Interval) -> datetime:
    """The beginning of the period that contains a moment; weeks begin on Monday."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    match interval:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
    return day


def after(period: datetime, interval: Interval) -> datetime:
    """The beginning of the next period."""
    match interval:
        case "week":
            return period + timedelta(weeks=1)
        case "month":
            return (period + timedelta(days=31)).replace(day=1)
    return period + timedelta(days=1)
