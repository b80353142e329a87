"""Both clocks: how the world was at a moment, and what we knew at one.

``as_of`` asks about the world: only what happened until then. ``known_at`` asks about us: only
what was recorded until then. Together: what we knew then about how it was then.

A time is not what an answer rested on: the answer reflected the events up to its position, and the
projector may have been behind. ``until`` is that position, and exact.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import Struct, structs

from domain.events import Entry
from domain.fold import Fold, Step, fold


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
        """The moment in the world that is asked about."""
        return self.as_of or self.known_at or now

    def steps(self, entries: Iterable[Entry]) -> list[Step]:
        """What had happened, as all that was known explains it.

        A payload may be newer than its event: what explains it happened later, and must be known
        to the fold even where the answer ends before it.
        """
        known = [e for e in entries if self._knew(e)]
        steps = fold(known)[1] if known else []
        return [s for s in steps if not self.as_of or s.entry.occurred_at <= self.as_of]

    def _knew(self, entry: Entry) -> bool:
        if self.until is not None:
            return entry.event.position <= self.until
        return self.known_at is None or entry.event.recorded_at <= self.known_at

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
