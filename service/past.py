"""Both clocks: how the world was at a moment, and what we knew at one.

``as_of`` asks about the world: only what happened until then. ``known_at`` asks about us: only
what was recorded until then. Together: what we knew then about how it was then.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import Struct

from domain.events import Entry
from domain.fold import Fold
from domain.past import fold_until, steps_until
from domain.steps import Step
from service.parameters import invalid


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
        known = self._known(entries)
        return steps_until(known, self.as_of) if known else []

    def folded(self, entries: Iterable[Entry]) -> Fold[Any] | None:
        """The fold as it was, or None where nothing had happened or was known."""
        known = self._known(entries)
        return fold_until(known, self.as_of) if known else None

    def _known(self, entries: Iterable[Entry]) -> list[Entry]:
        return [e for e in entries if not self.known_at or e.event.recorded_at <= self.known_at]


def past(as_of: datetime | None, known_at: datetime | None, now: datetime) -> Past:
    """The question of both parameters.

    Raises:
        Problem: ``invalid-parameter`` for a moment in the future, or one that asks what we knew
            of a time that was then to come.
    """
    for name, moment in (("as_of", as_of), ("known_at", known_at)):
        if moment and moment > now:
            reason = f"{name}: {moment} lies in the future."
            raise invalid(reason, name, str(moment), ("now or earlier",))
    if as_of and known_at and as_of > known_at:
        reason = "as_of: lies after known_at; nothing was known then of what was still to come."
        raise invalid(reason, "as_of", str(as_of), ("known_at or earlier",))
    return Past(as_of, known_at)
