"""Spans of time: as a person writes them (``40d``, ``90m``, ``1d12h``), and in words."""

import re
from datetime import timedelta

from service.telemetry.wording import number_of

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"([0-9]{1,9}(\.[0-9]{1,6})?[smhdw])+")
_PART = re.compile(r"([0-9.]+)([smhdw])")
_MAX = timedelta(days=36_500)


def parse_span(text: str) -> timedelta:
    """The span that a text names.

    Raises:
        ValueError: if it names none; the message does not quote it, for it may be a secret.
    """
    if not _SPAN.fullmatch(text):
        raise ValueError("is not a span of time; write a number with s, m, h, d or w, such as 40d")
    parts = _PART.findall(text)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds > _MAX.total_seconds():
        raise ValueError(f"is longer than {_MAX.days} days")
    return timedelta(seconds=seconds)


def words(span: timedelta) -> str:
    """A span to the hour, or to the minute if it is shorter than a day."""
    days, seconds = divmod(int(span.total_seconds()), 86_400)
    hours, seconds = divmod(seconds, 3_600)
    if days:
        return f"{number_of(days, 'day')} and {number_of(hours, 'hour')}"
    return f"{number_of(hours, 'hour')} and {number_of(seconds // 60, 'minute')}"
