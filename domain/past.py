"""A stream as it was at a moment of the world, and as it was known at a moment of ours.

``as_of`` asks about the world: only what happened until then. ``known_at`` asks about us: only
what was recorded until then. Together: what we knew then about how it was then.

A time is not what an answer rested on: the answer reflected the events up to its position, and the
projector may have been behind. ``until`` is that position, and exact.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct, structs

from domain.events import Entry
from domain.fold import Fold, fold
from domain.steps import Reading, Step


class _Moment(Struct, frozen=True):
    """Something that happened to a stream: a fact, or a snapshot that counts from then on.

    ``position`` is None where the snapshot of a fact does not count yet; ``told`` says whether an
    event told of the status.
    """

    at: datetime
    later: bool
    status: str
    state: Any
    position: int | None
    told: bool
    other: Reading[Any] | None


def steps_until(entries: Iterable[Entry], moment: datetime | None) -> list[Step]:
    """The steps that were taken until a moment; all of them for None.

    What a snapshot shows that counts only from a later moment on is left out.
    """
    steps = fold(entries)[1]
    if moment is None:
        return steps
    return [
        structs.replace(step, shown=None) if step.shown and step.shown.at > moment else step
        for step in steps
        if step.at <= moment
    ]


def fold_until(entries: Sequence[Entry], moment: datetime | None) -> Fold[Any] | None:
    """The fold as it was at a moment; None where nothing had happened.

    A payload may be newer than its event: what explains it happened later, and is known to the fold
    even where the answer ends before it.
    """
    folded, steps = fold(entries)
    moments = sorted(_moments(steps), key=lambda one: (one.at, one.later))
    until = [one for one in moments if moment is None or one.at <= moment]
    if len(until) == len(moments):
        return folded
    if not until:
        return None
    now = until[0]
    since = not_before = now.at
    previous: tuple[tuple[str, datetime], ...] = ()
    if now.status != steps[0].before:
        previous = ((steps[0].before, now.at),)
    for one in until[1:]:
        if one.status != now.status:
            previous = ((now.status, not_before),)
            if now.other is not None:
                previous += ((now.other.status, now.other.not_before),)
            since, not_before = one.at, one.at if one.told else now.at
        now = one
    happened = [step for step in steps if moment is None or step.at <= moment]
    supplies = [one.position for one in until if one.position is not None]
    return structs.replace(
        folded,
        status=now.status,
        since=since,
        not_before=not_before,
        previous=previous,
        state=now.state,
        verdicts=dict(Counter(step.verdict for step in happened)),
        last=happened[-1].entry.key,
        position=max(step.entry.event.position for step in happened),
        snapshot_position=supplies[-1] if supplies else happened[0].entry.event.position,
        other=now.other,
    )


def _moments(steps: Iterable[Step]) -> Iterable[_Moment]:
    for step in steps:
        position = step.entry.event.position
        yield _Moment(
            step.at, False, step.after, step.state, position if step.stands else None,
            step.after == step.told, step.other,
        )  # fmt: skip
        if shown := step.shown:
            yield _Moment(
                shown.at, True, shown.after, shown.state, position,
                told=False, other=shown.other,
            )  # fmt: skip


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
