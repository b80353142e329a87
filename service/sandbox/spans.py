"""Spans of time in words."""

from datetime import timedelta

from service.telemetry.wording import number_of


def words(span: timedelta) -> str:
    """A span to the hour, or to the minute if it is shorter than a day."""
    days, seconds = divmod(int(span.total_seconds()), 86_400)
    hours, seconds = divmod(seconds, 3_600)
    if days:
        return f"{number_of(days, 'day')} and {number_of(hours, 'hour')}"
    return f"{number_of(hours, 'hour')} and {number_of(seconds // 60, 'minute')}"
