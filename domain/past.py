"""A stream in the past: as it was at one moment, as far as we knew it at another.

``as_of`` selects what had happened until a moment, ``known_at`` what had been recorded until one.

A moment does not identify what an answer was based on: the answer reflected the events up to its
position, and the projector may have been behind. ``until`` is that position, and exact.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct, structs

from domain.events import Entry
from domain.fold import Fold, fold
from domain.steps import NOTHING, Reading, Step


class _Moment(Struct, frozen=True):
    """Something that happened to a stream: a fact, or a snapshot that counts from then on.

    ``entry`` is None where the snapshot of a fact does not count yet; ``by_event`` says whether an
    event gave the status, not only a snapshot; ``began`` is that of the step.
    """

    at: datetime
    later: bool
    status: str
    state: Any
    entry: Entry | None
    by_event: bool
    other: Reading[Any] | None
    began: tuple[datetime, datetime] | None = None


def steps_until(entries: Iterable[Entry], moment: datetime | None) -> list[Step]:
    """The steps until a moment; all of them for None.

    A snapshot that counts only from a later moment on is left out.
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
    """The fold as it was at a moment; None if nothing had happened.

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
    since, not_before = now.began or (now.at, now.at)
    previous: tuple[tuple[str, datetime], ...] = ()
    if now.status != steps[0].before:
        previous = ((steps[0].before, now.at),)
    for one in until[1:]:
        if one.status != now.status:
            previous = ((now.status, not_before),)
            if now.other is not None:
                previous += ((now.other.status, now.other.not_before),)
            since, not_before = one.began or (one.at, one.at if one.by_event else now.at)
        now = one
    happened = [step for step in steps if moment is None or _counts_from(step) <= moment]
    supplies = NOTHING
    for one in until:
        supplies = supplies.after(one.entry) if one.entry else supplies
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
        supplies=supplies if supplies.position else supplies.after(happened[0].entry),
        other=now.other,
    )


def _counts_from(step: Step) -> datetime:
    """When a fact happened, or since when the status counts that a reading showed."""
    return step.began[0] if step.began is not None else step.at


def _moments(steps: Iterable[Step]) -> Iterable[_Moment]:
    for step in steps:
        yield _Moment(
            _counts_from(step), False, step.after, step.state, step.entry if step.stands else None,
            step.after == step.implied, step.other, step.began,
        )  # fmt: skip
        if shown := step.shown:
            yield _Moment(
                shown.at, True, shown.after, shown.state, step.entry,
                by_event=False, other=shown.other,
            )  # fmt: skip


class Past(Struct, frozen=True):
    """The moments of a query; None is now.

    Attributes:
        as_of: what had happened until then.
        known_at: what had been recorded until then; with ``until``, when that was recorded.
        until: the last position that was known, instead of a moment.
    """

    as_of: datetime | None = None
    known_at: datetime | None = None
    until: int | None = None

    def __bool__(self) -> bool:
        return (self.as_of, self.known_at, self.until) != (None, None, None)

    def known_until(self, last: int) -> int:
        """The last position that may have been known, of those up to ``last``."""
        return last if self.until is None else min(last, self.until)

    def moment(self, now: datetime) -> datetime:
        """The moment that the answer is about: ``as_of``, or ``known_at``, but not after ``now``.

        If a clock was once ahead, recorded events may lie in the future.
        """
        return self.as_of or min(self.known_at or now, now)

    @property
    def until_moment(self) -> datetime | None:
        """Until when facts count: ``as_of``, or None where all that was known had been recorded.

        What was recorded by then had happened, also where the provider's clock is ahead of ours and
        stamped it with a moment that was still to come.
        """
        if self.as_of is None or self.until is None:
            return self.as_of
        is_all = self.known_at is None or self.known_at <= self.as_of
        return None if is_all else self.as_of

    def steps(self, entries: Iterable[Entry]) -> list[Step]:
        """The steps until ``as_of``, explained by all that was known.

        A payload may be newer than its event: what explains it happened later, and must be known
        to the fold even where the answer ends before it.
        """
        known = self._known(entries)
        return steps_until(known, self.until_moment) if known else []

    def folded(self, entries: Iterable[Entry]) -> Fold[Any] | None:
        """The fold as it was; None if nothing had happened or was known."""
        known = self._known(entries)
        return fold_until(known, self.until_moment) if known else None

    def _known(self, entries: Iterable[Entry]) -> list[Entry]:
        if self.until is not None:
            return [e for e in entries if e.event.position <= self.until]
        return [e for e in entries if not self.known_at or e.event.recorded_at <= self.known_at]
