"""The kinds of parameters, and those that many questions share."""

import re
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, time

from service.api.parameters import (
    LONGEST_CURSOR,
    LONGEST_TEXT,
    MOST,
    MOST_VALUES,
    QueryParameter,
    after_place,
    one_of,
    several,
    values,
)
from service.problems import wrong
from service.store.positions import BEGINNING, PATTERN, Position

_MOST_MINOR = 2**53
_FIELD = "[a-z][a-z0-9_]{0,99}"
_TIME = "time with a zone, as 2026-03-14T10:00:00Z"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME_OR_DAY = f"{_TIME}, or day, as 2026-03-14"
_POSITION = {"type": "string", "pattern": f"^{PATTERN}$"}


def text(
    name: str,
    description: str,
    means: Callable[[str], str] = lambda given: given,
    *,
    longest: int = LONGEST_TEXT,
) -> QueryParameter:
    """Any text but none, of up to ``longest`` characters; ``means`` makes the value of it."""
    schema = {"type": "string", "minLength": 1, "maxLength": longest}
    return QueryParameter(
        name=name,
        description=description,
        schema=schema,
        read=lambda name, given: means(_text(name, given, longest)),
    )


def choice(
    name: str, description: str, allowed: Collection[str], default: str | None = None
) -> QueryParameter:
    """One of a closed list."""
    schema = {"type": "string", "enum": list(allowed)}
    return QueryParameter(
        name=name,
        description=description,
        schema=schema | ({"default": default} if default else {}),
        read=lambda name, given: one_of(name, given, allowed),
        default=default,
    )


def choices(name: str, description: str, allowed: Collection[str]) -> QueryParameter:
    """Some of a closed list; an empty list where none is given."""
    items = {"type": "string", "enum": list(allowed)}
    return QueryParameter(
        name=name,
        description=f"{description} Several, separated by commas.",
        schema={"type": "array", "items": items, "minItems": 1},
        read=lambda name, given: several(name, given, allowed),
        default=(),
        many=True,
    )


def flag(name: str, description: str) -> QueryParameter:
    """``true`` or ``false``."""
    return QueryParameter(
        name=name,
        description=description,
        schema={"type": "boolean"},
        read=lambda name, given: one_of(name, given, ("true", "false")) == "true",
    )


def minor(name: str, description: str) -> QueryParameter:
    """An amount in minor units of a currency."""
    return QueryParameter(
        name=name,
        description=f"{description} In minor units; name the `currency` too.",
        schema={"type": "integer", "minimum": 0, "maximum": _MOST_MINOR},
        read=_minor,
    )


def position(name: str, description: str, default: Position | None = BEGINNING) -> QueryParameter:
    """A place in the book; before all where none is given, or by another ``default``."""
    return QueryParameter(
        name=name,
        description=description,
        schema=_POSITION,
        read=lambda name, given: after_place(given, name),
        default=default,
    )


def between(column: str, what: str) -> tuple[QueryParameter, QueryParameter]:
    """Both ends of a range of times, as the provider names them; the ends belong to it.

    A plain date is a whole day in UTC: its first moment, or its last one to the microsecond.
    """
    return (
        _end(f"{column}_gte", f"Only what {what} then or later.", time.min),
        _end(f"{column}_lte", f"Only what {what} then or earlier.", time.max),
    )


def sort(*columns: str) -> QueryParameter:
    """The orders of a list, the first is the default; ``-`` is descending."""
    return choice(
        "sort",
        f"The order, `{columns[0]}` by itself; a `-` means descending. A cursor keeps to the order"
        " of its page.",
        columns,
    )


def _end(name: str, description: str, of_day: time) -> QueryParameter:
    kinds = ("date-time", "date")
    return QueryParameter(
        name=name,
        description=f"{description} A time, as 2026-03-14T10:00:00Z, or a whole day in UTC, as"
        " 2026-03-14.",
        schema={"anyOf": [{"type": "string", "format": kind} for kind in kinds]},
        read=lambda name, given: _moment_or_day(name, given, of_day),
    )


def _text(name: str, given: str, longest: int) -> str:
    if not given:
        raise wrong(name, given, "text of one character or more")
    if len(given) > longest:
        raise wrong(name, f"{given[:longest]}…", f"text of at most {longest} characters")
    return given


def _minor(name: str, given: str) -> int:
    if not re.fullmatch(r"[0-9]{1,16}", given) or int(given) > _MOST_MINOR:
        raise wrong(name, given, "amount in minor units")
    return int(given)


def _count(name: str, given: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", given) or not 1 <= int(given) <= MOST:
        raise wrong(name, given, f"whole number from 1 to {MOST}")
    return int(given)


def _names(name: str, given: str) -> list[str]:
    names = values(name, given)
    if not all(re.fullmatch(_FIELD, one) for one in names):
        raise wrong(name, given, "list of field names, separated by commas")
    return names


def _moment_or_day(name: str, given: str, of_day: time) -> datetime:
    read = _moment_or_date(name, given)
    return read if isinstance(read, datetime) else datetime.combine(read, of_day, UTC)


def _moment_or_date(name: str, given: str, allowed: str = _TIME_OR_DAY) -> date:
    """A time in UTC or a day: a ``datetime`` is a ``date`` too."""
    if not re.fullmatch(_DAY, given):
        return _moment(name, given, allowed)
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise wrong(name, given, allowed) from None


def _moment(name: str, given: str, allowed: str) -> datetime:
    try:
        # a plus sign that was not escaped arrives as a space
        read = datetime.fromisoformat(given.replace(" ", "+") if "T" in given else given)
        if read.tzinfo is None:
            raise ValueError  # noqa: TRY301 - the same answer
        return read.astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong(name, given, allowed) from None


FIELDS = QueryParameter(
    name="fields",
    description="Thins the answer to these fields, separated by commas. One that a resource lacks"
    " is left out: the provider adds fields at any time.",
    schema={
        "type": "array",
        "items": {"type": "string", "pattern": f"^{_FIELD}$"},
        "minItems": 1,
        "maxItems": MOST_VALUES,
    },
    read=_names,
    many=True,
)
LIMIT = QueryParameter(
    name="limit",
    description="How many at the most.",
    schema={"type": "integer", "minimum": 1, "maximum": MOST, "default": 20},
    read=_count,
    default=20,
)
BOM = flag(
    "bom",
    "With `Accept: text/csv`: `true` begins the table with a byte order mark, by which Excel"
    " recognises UTF-8. JSON never has one, and is answered as without it.",
)
PAGE = (
    LIMIT,
    text(
        "cursor",
        "The `next_cursor` of the page before; none for the first. Opaque. It belongs to its list"
        " and filters, and is refused with others.",
        longest=LONGEST_CURSOR,
    ),
    FIELDS,
)
_AS_OF = [{"type": "string", "format": kind} for kind in ("date-time", "date")]
CLOCKS = (
    QueryParameter(
        name="as_of",
        description="The world's time: only what had happened by then. A time, as"
        " 2026-03-14T10:00:00Z, or a day, as 2026-03-14: its end in UTC, of today now.",
        schema={"anyOf": _AS_OF},
        read=_moment_or_date,
    ),
    QueryParameter(
        name="known_at",
        description="Our time: only what had been recorded by then. A time or a day, as in `as_of`;"
        " or the `position` of an answer, and then exactly what that answer rested on: at a given"
        " time the answers may have been a little behind. Without `as_of` the moment asked about is"
        " the time, or when the position was recorded, and never one to come.",
        schema={"anyOf": [*_AS_OF, _POSITION]},
        read=lambda name, given: (
            after_place(given, name)
            if re.fullmatch(PATTERN, given)
            else _moment_or_date(name, given, f"{_TIME}, or day, as 2026-03-14, or position")
        ),
    ),
)


MIN_POSITION = position(
    "min_position",
    "Wait until the answer reflects this `position`, as a webhook's answer gave it, for up to five"
    " seconds.",
    default=None,
)
STALE = choice("stale", "With `ok` an answer that `min_position` waited for in vain.", ("ok",))
