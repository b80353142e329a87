"""Spans of time as a person writes them: ``40d``, ``90m``, ``1d12h``."""

import re
from datetime import timedelta

import typer

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"([0-9]{1,9}(\.[0-9]{1,6})?[smhdw])+")
_PART = re.compile(r"([0-9.]+)([smhdw])")
_MAX = timedelta(days=36_500)


def parse_span(text: str) -> timedelta:
    """The span that a text names.

    Raises:
        typer.BadParameter: if it names none.
    """
    if not _SPAN.fullmatch(text):
        raise typer.BadParameter(
            f"{text!r} is not a span of time. Write a number with s, m, h, d or w, such as 40d."
        )
    parts = _PART.findall(text)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds > _MAX.total_seconds():
        raise typer.BadParameter(f"{text!r} is longer than {_MAX.days} days.")
    return timedelta(seconds=seconds)
