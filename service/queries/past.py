"""Both clocks: how the world was at a moment, and what we knew at one.

``as_of`` asks about the world: only what happened until then. ``known_at`` asks about us: only
what was recorded until then. Together: what we knew then about how it was then.

A time is not what an answer rested on: the answer reflected the events up to its position, and the
projector may have been behind. ``until`` is that position, and exact.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import Struct

from domain.events import Entry
from domain.fold import Fold
from domain.past import fold_until, steps_until
from domain.steps import Step


class Past(Struct, frozen=True):
    """The moments of a question; None is now.

    Attributes:
        as_of: the moment in the world.
        known_at: the moment of ours; beside ``until``, when that position was recorded.
        until: the last position that was known, in place of a moment.
    """

    as_of: datetime | None = None
    known_at: datetime | None = None
    until: int | None = None

    def __bool__(self) -> bool:
        return (self.as_of, self.known_at, self.until) != (None, None, None)

    def moment(self, now: datetime) -> datetime:
        """The moment in the world that is asked about: unless it is named, none in the future.

        Where a clock was once ahead, what we know may bear a time that is still to come.
        """
        return self.as_of or min(self.known_at or now, now)

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
        if self.until is not None:
            return [e for e in entries if e.event.position <= self.until]
        return [e for e in entries if not self.known_at or e.event.recorded_at <= self.known_at]
