"""Spans of time in words."""

from datetime import timedelta


def words(span: timedelta) -> str:
    """A span to the hour, or to the minute if it is shorter than a day."""
    days, seconds = divmod(int(span.total_seconds()), 86_400)
    hours, seconds = divmod(seconds, 3_600)
    return (
        f"{days} days and {hours} hours" if days else f"{hours} hours and {seconds // 60} minutes"
    )
