"""Both clocks: how the world was at a moment, and what we knew at one.

``as_of`` asks about the world: only what happened until then. ``known_at`` asks about us: only
what was recorded until then. Together: what we knew then about how it was then.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from domain.events import Entry
from domain.fold import Fold, fold
from service.problems import Problem


class Past(Struct, frozen=True):
    """The moments of a question; None is now."""

    as_of: datetime | None = None
    known_at: datetime | None = None

    def __bool__(self) -> bool:
        return self.as_of is not None or self.known_at is not None

    def moment(self, now: datetime) -> datetime:
        """The moment in the world that is asked about."""
        return self.as_of or self.known_at or now

    def admitted(self, entries: Iterable[Entry]) -> list[Entry]:
        """The entries that had happened, and were known."""
        return [
            e
            for e in entries
            if (self.as_of is None or e.occurred_at <= self.as_of)
            and (self.known_at is None or e.event.recorded_at <= self.known_at)
        ]

    def folded(self, entries: Iterable[Entry]) -> Fold[Any] | None:
        """The fold as it was, or None where nothing had happened or was known."""
        admitted = self.admitted(entries)
        return fold(admitted)[0] if admitted else None


def past(as_of: str | None, known_at: str | None, now: datetime) -> Past:
    """Read the parameters.

    Raises:
        Problem: ``invalid-parameter`` for what is no time with a zone, lies in the future, or asks
            what we knew of a time that was then to come.
    """
    asked = Past(_moment("as_of", as_of, now), _moment("known_at", known_at, now))
    if asked.as_of and asked.known_at and asked.as_of > asked.known_at:
        raise Problem(
            "invalid-parameter",
            "as_of: lies after known_at; nothing was known then of what was still to come.",
        )
    return asked


def _moment(name: str, given: str | None, now: datetime) -> datetime | None:
    if given is None:
        return None
    try:
        # a plus sign that was not escaped arrives as a space
        moment = datetime.fromisoformat(given.replace(" ", "+") if "T" in given else given)
        if moment.tzinfo is None:
            raise ValueError  # noqa: TRY301 - the same answer
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Problem(
            "invalid-parameter",
            f"{name}: {given!r} is no time with a zone, as 2026-03-14T10:00:00Z.",
        ) from None
    if moment > now:
        raise Problem("invalid-parameter", f"{name}: {given!r} lies in the future.")
    return moment
