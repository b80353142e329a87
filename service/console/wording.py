"""How values are written: money, moments, durations, statuses, whole JSON."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from html import escape as escape_text
from typing import Any

import msgspec
from markupsafe import Markup, escape

from domain import currency as currencies

ABSENT = "—"


@lru_cache(4096)
def money(amount: int | None, currency: str | None) -> str:
    """An amount of minor units: ``19.00 EUR``."""
    if amount is None:
        return ABSENT
    return currencies.money(amount, currency or None).replace(",", "\u202f").replace("-", "\u2212")


def figure(amount: int, currency: str | None) -> str:
    """An amount below a heading that names its currency: ``19.00``."""
    if not currency:
        return number(amount)
    return money(amount, currency).rpartition(" ")[0]


def number(value: float | None) -> str:
    """A number with thin spaces between thousands."""
    return ABSENT if value is None else f"{value:,}".replace(",", "\u202f")


MOST_COUNTED = 1000
"""As far as counts go that would take long: who reads them does the same about more."""


def counted(value: int) -> str:
    """A count that ended at ``MOST_COUNTED``, if it came so far: ``1 000+``."""
    return f"{number(value)}{'+' * (value >= MOST_COUNTED)}"


def percent(fraction: float | None) -> str:
    """A fraction as a percentage."""
    return ABSENT if fraction is None else f"{fraction * 100:.1f}\u202f%"


def words(name: str | None) -> str:
    """A name of the provider's or of ours, in words: ``on_hold`` as ``on hold``."""
    return ABSENT if name is None else name.replace("_", " ").replace(".", ": ")


def label(name: str) -> str:
    """A field or a kind as the head of a column: ``total_amount`` as ``Total amount``."""
    said = name.removesuffix("_id").removesuffix("_at").replace("_", " ")
    return said[:1].upper() + said[1:]


def position(opaque: str) -> str:
    """The number of a position."""
    return number(int(opaque.partition("-")[0] or 0))


def plain(text: str) -> str:
    """A sentence of a document without its marks for code."""
    return text.replace("`", "")


_TIMED = re.compile(r"[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}: ")
_AMOUNT = re.compile(
    r"(?<![\w,])[0-9]{1,3}(?:,[0-9]{3})+(?=(?:\.[0-9]+)? (?:[A-Z]{3}|minor units)\b)"
)


def untimed(what: str) -> str:
    """What happened, without the time before it, where that stands next to it already.

    Its amounts are written as ``money`` writes them.
    """
    if "," in what:
        what = _AMOUNT.sub(lambda found: found[0].replace(",", "\u202f"), what)
    timed = _TIMED.match(what)
    if timed is None:
        return what
    said = what[timed.end() :]
    # the name of an unknown type is written as the provider writes it
    return said if "." in said.partition(" ")[0] else said[:1].upper() + said[1:]


def escaped(value: object) -> str:
    """What stands for a value in a page; markup stands as it is.

    The library's makes an object of it, which takes three times as long and is joined at once.
    """
    kind = type(value)
    if kind is str:
        return escape_text(value)  # type: ignore[arg-type]
    return value if kind is Markup else escape(value)  # type: ignore[return-value]


def made(markup: str) -> Markup:
    """Markup whose parts were escaped where they were put in; to escape them here is slower."""
    # not by the class itself, which would first ask whether it is markup already
    return str.__new__(Markup, markup)


_MOMENT = re.compile(r"([0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2})([0-9:.]*) UTC")


def timed(sentence: str) -> Markup:
    """A sentence whose moments a browser shows in local time too, as those of ``moment``."""
    return made(_MOMENT.sub(_timed, escaped(sentence)))


def _timed(found: re.Match[str]) -> str:
    try:
        named = datetime.strptime(f"{found[1]}Z", "%d %b %Y %H:%M%z").isoformat()[:16]
    except ValueError:
        # a type may be named anything
        return found[0]
    shown = f"{found[1]}{found[2]}".replace(" ", "\u00a0")
    return (
        f'<time datetime="{named}{found[2] or ":00"}Z">{shown}&nbsp;'
        '<span class="zone">UTC</span></time>'
    )


_MONTHS = ("", *(f"{date(2000, month, 1):%b}" for month in range(1, 13)))


def day(on: date) -> str:
    """A day: ``1 Dec 2026``."""
    return f"{on.day} {_MONTHS[on.month]} {on.year}"


def minute(at: datetime) -> str:
    """A moment as plain text, as ``moment`` writes it, without the zone: ``1 Dec 2026 20:30``."""
    at = at.astimezone(UTC)
    return f"{day(at)} {at:%H:%M}"


@lru_cache(4096)
def moment(at: datetime | str | None) -> Markup:
    """A moment in UTC, to the minute; a browser with scripts shows the local time next to it."""
    if isinstance(at, str):
        at = datetime.fromisoformat(at)
    if at is None:
        return escape(ABSENT)
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    named = at.isoformat(timespec="seconds").replace("+00:00", "Z")
    # unbroken, in a narrow column too
    shown = f"{at.day}\u00a0{_MONTHS[at.month]}\u00a0{at.year}\u00a0{named[11:16]}"
    return made(f'<time datetime="{named}">{shown}&nbsp;<span class="zone">UTC</span></time>')


def ago(seconds: float | timedelta | None) -> str:
    """A duration in its largest unit: ``3 min``."""
    if seconds is None:
        return ABSENT
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f}\u202f{unit}"
    return f"{max(0, seconds):.0f}\u202fs"


def size(count: int) -> str:
    """A number of bytes."""
    if count < 10_000:  # noqa: PLR2004 - four digits are easily read
        return f"{number(count)} bytes"
    return f"{number(round(count / 1024))} KiB"


TONES: Mapping[str, str] = {
    **dict.fromkeys(
        ("active", "succeeded", "won", "delivered", "in_sync", "live", "success", "grace",
         "ending", "recovered", "entitled", "done"), "good",
    ),
    **dict.fromkeys(
        ("on_hold", "past_due", "opened", "challenged", "expired", "failed", "lost", "lapsed",
         "incomplete", "unreadable", "parked", "drift", "dispute_opened", "not entitled"), "bad",
    ),
    **dict.fromkeys(
        ("pending", "processing", "paused", "recovering", "unknown", "unexpected", "inferred",
         "foreign", "undecided", "late", "revision", "newer", "running", "rebuilding", "building",
         "stopped", "interrupted", "unconfirmed", "queued"), "wait",
    ),
}  # fmt: skip
"""What a status or a verdict means at a glance; the shape before it says the same as its colour."""


def tone(status: str | None) -> str:
    """``good``, ``bad``, ``wait`` or ``plain``."""
    return TONES.get(status or "", "plain")


def pretty(body: bytes) -> str | None:
    """A JSON body, indented; None if it is not JSON."""
    try:
        return msgspec.json.format(body, indent=2).decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def legible(body: bytes) -> str:
    """Bytes as text; what is not UTF-8 is replaced."""
    return body.decode("utf-8", "replace")


def as_json(value: Any) -> str:  # noqa: ANN401 - any JSON
    """A value as JSON writes it, but a text without its quotation marks."""
    if isinstance(value, str):
        return value
    if value is None:
        return ABSENT
    return msgspec.json.encode(value).decode()


VERDICTS: Mapping[str, str] = {
    "applied": "The lifecycle allows this event here, and it changed the status.",
    "confirmed": "The lifecycle allows this event here; the status stayed as it was.",
    "inferred": "The payload shows a status that no event told of: one is missing, or has not"
    " arrived. We follow the payload.",
    "unexpected": "The lifecycle has no such step from this status. We follow the payload; a person"
    " should look at it.",
    "unknown": "This version does not know the type or the status. It is kept, shown, and not"
    " guessed at.",
    "unreadable": "The body is not JSON, or names no resource. It is kept and shown.",
    "foreign": "The body names another business than the book's. It is kept, and counts for"
    " nothing.",
}
"""Each verdict in a sentence."""

MARKS: Mapping[str, str] = {
    "newer": "The payload was rendered after the event, so it shows a later state.",
    "late": "Something that happened later was recorded earlier.",
    "revision": "Another body came before under the same webhook-id.",
    "undecided": "The payload can be read in two ways, which differ in the status.",
}
"""Each mark in a sentence."""
