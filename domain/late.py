"""What late events changed in conclusions that were drawn before."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from domain.events import Entry
from domain.fold import Fold, extend, fold
from domain.steps import Step
from domain.story import minute, named

_position = attrgetter("event.position")


def changes(entries: Sequence[Entry], late: Step) -> tuple[str, ...]:
    """The conclusions that a late event changed.

    Args:
        entries: all entries of the stream, in any order.
        late: the step of the late one among them.

    Returns:
        A clause for each entry that is judged differently since, and one for the status; none if
        the late event had no effect.
    """
    position = late.entry.event.position
    return all_changes(entries, {position})[position]


def all_changes(entries: Sequence[Entry], late: Collection[int]) -> Mapping[int, tuple[str, ...]]:
    """The conclusions that each of several late events changed, by its position.

    One walk over the stream in the order in which it was recorded. An event that came a little late
    lets only what happened after it be folded again, and some events before it.
    """
    walk = _Walk()
    changed: dict[int, tuple[str, ...]] = {}
    for entry in sorted(entries, key=_position):
        if len(changed) == len(late):
            break
        position = entry.event.position
        before = walk.now() if position in late else None
        walk.add(entry)
        if before is not None:
            changed[position] = _differences(before, walk.now(), walk.unchanged)
    return changed


_Folded = tuple[Fold[Any], list[Step]]

_EVERY = 32
"""How many entries apart the folds are kept from which the walk goes on."""


class _Walk:
    """A stream in the order of recording, folded on demand.

    ``unchanged`` counts the first steps that the last fold left as they were.
    """

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._waiting: list[Entry] = []
        self._steps: list[Step] = []
        self.unchanged = 0
        # folds of the first so many entries in the order of the world, the last one of all
        self._kept: list[tuple[int, Fold[Any]]] = []

    def add(self, entry: Entry) -> None:
        """Add the entry that was recorded next."""
        self._entries.append(entry)
        self._waiting.append(entry)
        if len(self._waiting) == _EVERY:
            self.now()

    def now(self) -> _Folded:
        """The fold of all entries added so far, and its steps."""
        if self._waiting:
            memo, self._steps = self._further() or self._afresh()
            self._waiting = []
            self._kept.append((len(self._steps), memo))
        return self._kept[-1][1], self._steps

    def _further(self) -> _Folded | None:
        """Fold on from the last kept fold that no waiting entry changes."""
        while self._kept:
            count, memo = self._kept[-1]
            after = [step.entry for step in self._steps[count:]]
            if further := extend(memo, [*after, *self._waiting]):
                self.unchanged = count
                return further[0], [*self._steps[:count], *further[1]]
            self._kept.pop()
        return None

    def _afresh(self) -> _Folded:
        self.unchanged = 0
        return fold(self._entries)


def _differences(before: _Folded, after: _Folded, unchanged: int) -> tuple[str, ...]:
    (old, steps), (new, others) = before, after
    steps = steps[unchanged:]
    now = {step.entry.event.position: step for step in others[unchanged:]}
    clauses = [
        f"{step.entry.type} at position {step.entry.event.position} is now {_judgement(other)};"
        f" it was {_judgement(step)}"
        for step in steps
        if _judgement(other := now[step.entry.event.position]) != _judgement(step)
    ]
    if (old.status, old.since) != (new.status, new.since):
        now_since, old_since = _moments(new.since, old.since)
        clauses.append(
            f"the status is {named(new.status)} since {now_since};"
            f" it was {named(old.status)} since {old_since}"
        )
    return tuple(clauses)


def _judgement(step: Step) -> str:
    return f"{step.verdict}, from {named(step.before)} to {named(step.after)}"


def _moments(*moments: datetime) -> list[str]:
    """Moments in UTC, to the minute unless that hides what tells them apart."""
    told = [
        [f"{minute(at)}{at.strftime(further)} UTC" for at in moments]
        for further in ("", ":%S", ":%S.%f")
    ]
    return next((one for one in told if len({*one}) == len({*moments})), told[-1])
