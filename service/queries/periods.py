"""Whole days, weeks and months of a metric, in UTC."""

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from service.problems import Problem

Interval = Literal["day", "week", "month"]

_MOST = 1_000
_BY_ITSELF: dict[Interval, timedelta] = {
    "day": timedelta(days=29),
    "week": timedelta(weeks=11),
    "month": timedelta(days=334),
}
"""How far before the last period the first one is: thirty days, twelve weeks or months in all."""


class Span(Struct, frozen=True):
    """Periods that follow each other, each by its beginning; ``until`` is where the last ends."""

    interval: Interval
    periods: list[datetime]
    until: datetime


def span(interval: Interval, first: datetime | None, last: datetime | None, now: datetime) -> Span:
    """The periods that hold both moments and all between them.

    Raises:
        Problem: ``invalid-parameter`` where the first comes after the last, or there are too many.
    """
    end = last or now
    try:
        begin = beginning(first or beginning(end, interval) - _BY_ITSELF[interval], interval)
        if begin > end:
            raise Problem("invalid-parameter", "created_at_gte: lies after created_at_lte.")
        periods = [begin]
        while (following := after(periods[-1], interval)) <= end:
            periods.append(following)
            if len(periods) > _MOST:
                raise Problem(
                    "invalid-parameter", f"created_at_gte: that are more than {_MOST} periods."
                )
    except OverflowError:
        raise Problem("invalid-parameter", "created_at_lte: beyond every calendar.") from None
    return Span(interval, periods, following)


def beginning(moment: datetime, interval: Interval) -> datetime:
    """When the period began that a moment lies in; weeks begin on Monday."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    match interval:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
    return day


def after(period: datetime, interval: Interval) -> datetime:
    """When the next period begins."""
    match interval:
        case "week":
            return period + timedelta(weeks=1)
        case "month":
            return (period + timedelta(days=31)).replace(day=1)
    return period + timedelta(days=1)
