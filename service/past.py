"""Both clocks: how the world was at a moment, and what we knew at one.

``as_of`` asks about the world: only what happened until then. ``known_at`` asks about us: only
what was recorded until then. Together: what we knew then about how it was then.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct, structs

from domain.events import Entry
from domain.fold import Fold, Step, fold
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

    def steps(self, entries: Iterable[Entry]) -> list[Step]:
        """What had happened, as all that was known explains it.

        A payload may be newer than its event: what explains it happened later, and must be known
        to the fold even where the answer ends before it.
        """
        known = [e for e in entries if not self.known_at or e.event.recorded_at <= self.known_at]
        steps = fold(known)[1] if known else []
        return [s for s in steps if not self.as_of or s.entry.occurred_at <= self.as_of]

    def folded(self, entries: Iterable[Entry]) -> Fold[Any] | None:
        """The fold as it was, or None where nothing had happened or was known."""
        steps = self.steps(entries)
        if not steps:
            return None
        status, since = steps[0].after, steps[0].entry.occurred_at
        for step in steps:
            if step.after != status:
                status, since = step.after, step.entry.occurred_at
        verdicts = dict(Counter(step.verdict for step in steps))
        shown, _ = fold([step.entry for step in steps])
        return structs.replace(shown, status=status, since=since, verdicts=verdicts)


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
