"""What one query parameter may be: a ``Parameter`` annotates each field of a query struct.

    limit: Annotated[int, whole("How many at most.", 1, 100)] = 20

The annotation both parses and describes the value; the field gives its name, type and default.
"""

import re
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from msgspec import Struct

from service.problems import Problem, invalid
from service.queries.periods import ZONE_PATTERN, known_zone
from service.store.positions import PATTERN, Position, parse

MAX_TEXT = 500
"""In characters: longer than every name that a filter could find."""

MAX_CURSOR = 4000
"""In characters. A cursor holds an identifier, in any script."""

MAX_VALUES = 100
"""Of one parameter that takes several, ``fields`` among them."""

MAX_PAGE = 100
"""In entries."""

_MAX_AMOUNT = 2**53
_FIELD = "[a-z][a-z0-9_]{0,99}"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIMES = "RFC 3339 (2026-03-14T10:00:00Z) or a date (2026-03-14)"
_TIMES_OR_POSITION = "RFC 3339 (2026-03-14T10:00:00Z), a date (2026-03-14) or a position"
_POSITION = {"type": "string", "pattern": f"^{PATTERN}$"}
_TIME = [{"type": "string", "format": kind} for kind in ("date-time", "date")]


class Parameter(Struct, frozen=True, eq=False):
    """How one parameter is parsed and described.

    Attributes:
        description: what it selects.
        schema: of its value, as in OpenAPI.
        parse: makes the value of the parameter's name and text; raises ``Problem``.
        several: whether it takes several values, separated by commas or given one at a time.
    """

    description: str
    schema: dict[str, Any]
    parse: Callable[[str, str], Any]
    several: bool = False


def text(
    description: str,
    convert: Callable[[str], str] = lambda given: given,
    *,
    longest: int = MAX_TEXT,
) -> Parameter:
    """Text of 1 to ``longest`` characters, as ``convert`` makes it."""

    def parse(name: str, given: str) -> str:
        if not 1 <= len(given) <= longest:
            raise _invalid(name, given, "valid", f"1 to {longest} characters")
        return convert(given)

    schema = {"type": "string", "minLength": 1, "maxLength": longest}
    return Parameter(description, schema, parse)


def choice(description: str, allowed: Collection[str]) -> Parameter:
    """One of a closed list."""
    schema = {"type": "string", "enum": list(allowed)}
    return Parameter(description, schema, lambda name, given: _one_of(name, given, allowed))


def choices(description: str, allowed: Collection[str]) -> Parameter:
    """Several of a closed list."""
    return Parameter(
        f"{description} Several, separated by commas.",
        {"type": "array", "items": {"type": "string", "enum": list(allowed)}, "minItems": 1},
        lambda name, given: [_one_of(name, value, allowed) for value in _split(name, given)],
        several=True,
    )


def sort_order(*columns: str) -> Parameter:
    """The orders of a list, the default first; ``-`` is descending."""
    return choice(
        f"Sort order, default `{columns[0]}`; `-` is descending. A cursor is valid only for the"
        " order that it was issued with.",
        columns,
    )


def flag(description: str) -> Parameter:
    """``true`` or ``false``."""
    return Parameter(
        description,
        {"type": "boolean"},
        lambda name, given: _one_of(name, given, ("true", "false")) == "true",
    )


def whole(description: str, least: int, most: int) -> Parameter:
    """A whole number within bounds, which belong to it."""

    def parse(name: str, given: str) -> int:
        if not re.fullmatch(r"[0-9]{1,16}", given) or not least <= int(given) <= most:
            raise _invalid(name, given, "valid", f"a whole number from {least} to {most}")
        return int(given)

    return Parameter(description, {"type": "integer", "minimum": least, "maximum": most}, parse)


def amount(description: str) -> Parameter:
    """An amount in minor units of a currency."""
    return whole(f"{description} In minor units; name the `currency` too.", 0, _MAX_AMOUNT)


def position(description: str) -> Parameter:
    """A position in the book."""
    return Parameter(description, _POSITION, parse_position)


def since(event: str) -> Parameter:
    """The beginning of a range of times; a date is its first moment in UTC."""
    return _bound(f"Only what {event} then or later.", time.min)


def until(event: str) -> Parameter:
    """The end of a range of times; a date is its last microsecond in UTC."""
    return _bound(f"Only what {event} then or earlier.", time.max)


def day_or_time(description: str) -> Parameter:
    """A time, or a day of the time zone that the parameter ``tz`` names."""
    return Parameter(
        f"{description} A time, such as 2026-03-14T10:00:00Z, or a day of `tz`, such as"
        " 2026-03-14.",
        {"anyOf": _TIME},
        _time_or_day,
    )


def time_zone(description: str) -> Parameter:
    """The name of a time zone in the IANA database."""

    def parse(name: str, given: str) -> str:
        try:
            return known_zone(given)
        except ValueError:
            use = "a name such as Europe/Berlin or UTC"
            raise _invalid(name, given, "a known time zone", use) from None

    return Parameter(description, {"type": "string", "pattern": ZONE_PATTERN}, parse)


def parse_position(name: str, given: str) -> Position:
    """The position with this text.

    Raises:
        Problem: ``invalid-parameter``.
    """
    try:
        return parse(given)
    except ValueError:
        use = "one from an answer, such as 30-5f0c8a21"
        raise _invalid(name, given, "a position", use) from None


def _bound(description: str, time_of_day: time) -> Parameter:
    def parse(name: str, given: str) -> datetime:
        value = _time_or_day(name, given)
        is_day = not isinstance(value, datetime)
        return datetime.combine(value, time_of_day, UTC) if is_day else value  # type: ignore[return-value]

    return Parameter(
        f"{description} A time, such as 2026-03-14T10:00:00Z, or a whole day in UTC, such as"
        " 2026-03-14.",
        {"anyOf": _TIME},
        parse,
    )


def _time_or_day(name: str, given: str) -> date:
    """A ``datetime`` in UTC, or a ``date``."""
    try:
        if re.fullmatch(_DAY, given):
            return date.fromisoformat(given)
        # a plus sign that was not escaped arrives as a space
        value = datetime.fromisoformat(given.replace(" ", "+") if "T" in given else given)
        if value.tzinfo is None:
            raise ValueError  # noqa: TRY301 - the same answer
        return value.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _invalid(name, given, "a valid timestamp", _TIMES) from None


def _time_day_or_position(name: str, given: str) -> date | Position:
    if re.fullmatch(PATTERN, given):
        return parse_position(name, given)
    try:
        return _time_or_day(name, given)
    except Problem:
        what = "a valid timestamp or position"
        raise _invalid(name, given, what, _TIMES_OR_POSITION) from None


def _field_names(name: str, given: str) -> list[str]:
    names = _split(name, given)
    if not all(re.fullmatch(_FIELD, field) for field in names):
        raise _invalid(name, given, "valid", "names of fields, separated by commas")
    return names


def _split(name: str, given: str) -> list[str]:
    if given.count(",") >= MAX_VALUES:
        most = f"at most {MAX_VALUES} values"
        raise invalid(f"{name}: too many values. Use {most}.", name, _short(given), (most,))
    return given.split(",")


def _one_of(name: str, given: str, allowed: Collection[str]) -> str:
    if given not in allowed:
        reason = f"{name}: {_short(given)!r} is not one of {', '.join(allowed)}."
        raise invalid(reason, name, _short(given), allowed)
    return given


def _invalid(name: str, given: str, what: str, use: str) -> Problem:
    reason = f"{name}: {_short(given)!r} is not {what}. Use {use}."
    return invalid(reason, name, _short(given), (use,))


def _short(given: str) -> str:
    return given if len(given) <= MAX_TEXT else f"{given[:MAX_TEXT]}…"


Limit = Annotated[int, whole("How many at most.", 1, MAX_PAGE)]
Cursor = Annotated[
    str | None,
    text(
        "The `next_cursor` of the page before; none for the first. Opaque. It belongs to its list"
        " and filters, and is refused with others.",
        longest=MAX_CURSOR,
    ),
]
Fields = Annotated[
    Sequence[str] | None,
    Parameter(
        "Returns only these fields, separated by commas; in a list, of each entry. Required fields"
        " are then absent too, so do not use it with a generated client. An unknown field is"
        " refused; one of the provider's that only some resources have is left out where it is"
        " absent.",
        {
            "type": "array",
            "items": {"type": "string", "pattern": f"^{_FIELD}$"},
            "minItems": 1,
            "maxItems": MAX_VALUES,
        },
        _field_names,
        several=True,
    ),
]
AsOf = Annotated[
    date | None,
    Parameter(
        "World time: only what had happened by then. A time, such as 2026-03-14T10:00:00Z, or a"
        " day, such as 2026-03-14, which means its end in UTC; today means now. A time in the"
        " future, or after `known_at`, is refused.",
        {"anyOf": _TIME},
        _time_or_day,
    ),
]
KnownAt = Annotated[
    date | Position | None,
    Parameter(
        "Recording time: only what had been recorded by then. A time or a day, as for `as_of`; or"
        " the `position` of an answer, which selects exactly the events that the answer reflects,"
        " while answers at a given time may have lagged. Without `as_of` the answer is about that"
        " time, or the time at which the position was recorded. A time in the future is refused.",
        {"anyOf": [*_TIME, _POSITION]},
        _time_day_or_position,
    ),
]
