"""What late events changed: nothing, or history."""

from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any

from domain.events import Entry
from domain.fold import Fold, extend, fold
from domain.steps import Step

_position = attrgetter("event.position")


def changes(entries: Sequence[Entry], late: Step) -> tuple[str, ...]:
    """What we concluded before ``late`` was recorded and do not conclude any more.

    Args:
        entries: all entries of the stream, in any order.
        late: the step of the late one among them.

    Returns:
        A clause for each entry that is seen otherwise since, and one for the status; none where
        the late event had no effect.
    """
    position = late.entry.event.position
    return all_changes(entries, {position})[position]


def all_changes(entries: Sequence[Entry], late: Collection[int]) -> Mapping[int, tuple[str, ...]]:
    """The changes that each of several late events made, by its position.

    One walk over the stream in the order in which it was recorded. The whole is folded again at
    each position of ``late``, and before it only where another late event was recorded since.
    """
    walk = _Walk()
    found: dict[int, tuple[str, ...]] = {}
    for entry in sorted(entries, key=_position):
        if len(found) == len(late):
            break
        position = entry.event.position
        before = walk.now() if position in late else None
        walk.enter(entry)
        if before is not None:
            found[position] = _differences(before, walk.now())
    return found


_Folded = tuple[Fold[Any], list[Step]]


class _Walk:
    """A stream as it was recorded, folded where somebody looks."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._waiting: list[Entry] = []
        self._folded: _Folded | None = None

    def enter(self, entry: Entry) -> None:
        """Let an entry be recorded."""
        self._entries.append(entry)
        self._waiting.append(entry)

    def now(self) -> _Folded:
        """The fold of all that has been recorded, and its steps."""
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
    said = [
        f"{step.entry.type} at position {step.entry.event.position} is now {_seen(other)},"
        f" was {_seen(step)}"
        for step in steps
        if _seen(other := now[step.entry.event.position]) != _seen(step)
    ]
    if (old.status, old.since) != (new.status, new.since):
        said.append(
            f"the status is {new.status} since {new.since:%Y-%m-%d %H:%M:%S},"
            f" was {old.status} since {old.since:%Y-%m-%d %H:%M:%S}"
        )
    return tuple(said)


def _seen(step: Step) -> str:
    return f"{step.verdict}, {step.before} to {step.after}"
