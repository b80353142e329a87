"""What a late event changed: nothing, or history."""

from collections.abc import Sequence

from domain.events import Entry
from domain.fold import fold
from domain.steps import Step


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
    earlier = [e for e in entries if e.event.position < position]
    before, old = fold(earlier)
    after, new = fold([*earlier, late.entry])
    now = {step.entry.event.position: step for step in new}
    said = [
        f"{step.entry.type} at position {step.entry.event.position} is now {_seen(other)},"
        f" was {_seen(step)}"
        for step in old
        if _seen(other := now[step.entry.event.position]) != _seen(step)
    ]
    if (before.status, before.since) != (after.status, after.since):
        said.append(
            f"the status is {after.status} since {after.since:%Y-%m-%d %H:%M:%S},"
            f" was {before.status} since {before.since:%Y-%m-%d %H:%M:%S}"
        )
    return tuple(said)


def _seen(step: Step) -> str:
    return f"{step.verdict}, {step.before} to {step.after}"
