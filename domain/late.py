"""What late events changed in conclusions that were drawn before."""

from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any

from domain.events import Entry
from domain.fold import Fold, extend, fold
from domain.steps import Step

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

    One walk over the stream in the order in which it was recorded. The whole is folded again at
    each position of ``late``, and before it only where another late event was recorded since.
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
            changed[position] = _differences(before, walk.now())
    return changed


_Folded = tuple[Fold[Any], list[Step]]


class _Walk:
    """A stream in the order of recording, folded on demand."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._waiting: list[Entry] = []
        self._folded: _Folded | None = None

    def add(self, entry: Entry) -> None:
        """Add the entry that was recorded next."""
        self._entries.append(entry)
        self._waiting.append(entry)

    def now(self) -> _Folded:
        """The fold of all entries added so far, and its steps."""
        if self._waiting or self._folded is None:
            self._folded = self._extended() or fold(self._entries)
            self._waiting = []
        return self._folded

    def _extended(self) -> _Folded | None:
        if self._folded is None:
            return None
        memo, steps = self._folded
        further = extend(memo, self._waiting)
        return further and (further[0], [*steps, *further[1]])


def _differences(before: _Folded, after: _Folded) -> tuple[str, ...]:
    (old, steps), (new, others) = before, after
    now = {step.entry.event.position: step for step in others}
    clauses = [
        f"{step.entry.type} at position {step.entry.event.position} is now {_judgement(other)},"
        f" was {_judgement(step)}"
        for step in steps
        if _judgement(other := now[step.entry.event.position]) != _judgement(step)
    ]
    if (old.status, old.since) != (new.status, new.since):
        clauses.append(
            f"the status is {new.status} since {new.since:%Y-%m-%d %H:%M:%S},"
            f" was {old.status} since {old.since:%Y-%m-%d %H:%M:%S}"
        )
    return tuple(clauses)


def _judgement(step: Step) -> str:
    return f"{step.verdict}, {step.before} to {step.after}"
