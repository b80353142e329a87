"""When a snapshot was rendered: evidence, never an assumption.

A snapshot was rendered at some moment between its event and its sending. Whether a retry or a
replay renders again is not documented, so a delivery that was sent within seconds of its event
pins what was true then, and of any other the moment is inferred from what it shows.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from domain.catalog import Aggregate
from domain.events import Entry
from domain.machine import Lifecycle
from domain.steps import Step

TOLERANCE = timedelta(seconds=5)
"""How far apart the clocks of an event and of its sending may be, and how soon is at once."""

SECOND = timedelta(seconds=1)
"""``sent_at`` is cut to whole seconds."""

_NO_EVIDENCE = frozenset({"status", "customer"})
"""The lifecycle judges a status, and a customer changes without the resource."""

DESCRIBING = ("updated", "plan_changed", "update_payment_method")
"""The events that may change any field of a resource, and back again."""


def is_late(entry: Entry) -> bool:
    """Whether an entry was sent so long after its event that its snapshot may be newer."""
    return entry.event.sent_at - entry.key[0] > TOLERANCE


def pins(entry: Entry) -> bool:
    """Whether the snapshot shows what was true at the moment of its event."""
    return not is_late(entry)


def rendered_after(aggregate: Aggregate, entry: Entry) -> datetime | None:
    """The latest moment of the past that a late snapshot names; None where it names none.

    ``updated_at`` decides alone where the payload has it.
    """
    until = entry.event.sent_at + TOLERANCE
    if aggregate.updated_at is not None:
        updated: datetime | None = aggregate.updated_at(entry.payload)
        if updated is not None:
            return max(entry.key[0], updated) if updated <= until else None
    if aggregate.times is None:
        return None
    named = [at for at in aggregate.times(entry.payload) if at is not None]
    return max((at for at in named if entry.key[0] < at <= until), default=None)


def told_before(ordered: Sequence[Entry], index: int) -> list[Entry]:
    """The entries of the same fact that were sent before this one, in the order of sending."""
    entry, start = ordered[index], index
    while start and is_same_fact(ordered[start - 1], entry):
        start -= 1
    return list(ordered[start:index])


def is_same_fact(one: Entry, other: Entry) -> bool:
    """Whether two entries of a stream tell of the same type at the same instant."""
    return one.key[:2] == other.key[:2] and one.type == other.type


def is_repeated(ordered: Sequence[Entry], index: int) -> bool:
    """Whether an entry shows what the one before it, of the same fact, showed."""
    one, other = ordered[index], ordered[index - 1]
    if one.event.body_sha256 == other.event.body_sha256:
        return True
    # a replay that names a moment of its own
    return one.occurred_at != other.occurred_at and one.payload == other.payload


def is_raced(aggregate: Aggregate, ordered: Sequence[Entry], index: int, first: Step) -> bool:
    """Whether a second telling may show less than the first, though it was sent later.

    Where other facts happened in the same seconds, either may have been rendered between them; it
    then shows nothing but what was true before, or what the first shows.
    """
    entry = ordered[index]
    at = entry.key[0]
    if not any(at < other.key[0] <= at + TOLERANCE for other in ordered[index + 1 :]):
        return False
    if first.prior is None:
        return True
    shown = aggregate.evolve(first.prior, entry.payload)
    return all(
        getattr(shown, name) == getattr(first.prior, name) for name in differing(shown, first.state)
    )


def contradicts_neighbours(ordered: Sequence[Entry], index: int) -> bool:
    """Whether the entries around a late one agree on a field in which it differs from both.

    Both must pin what they show. An event that may change the field is no contradiction.
    """
    entry = ordered[index]
    if not 0 < index < len(ordered) - 1 or entry.type.partition(".")[2] in DESCRIBING:
        return False
    before, after = ordered[index - 1], ordered[index + 1]
    if not (pins(before) and pins(after)):
        return False
    for name in entry.payload.__struct_fields__:
        if name in _NO_EVIDENCE:
            continue
        shown, earlier = getattr(entry.payload, name), getattr(before.payload, name)
        if shown is not None and earlier is not None and shown != earlier:
            later = getattr(after.payload, name)
            if later == earlier:
                return True
    return False


def is_explained(
    life: Lifecycle, status: str, seen: str, rest: Sequence[Entry], until: datetime
) -> bool:
    """Whether the facts of ``rest`` before ``until`` lead from ``status`` to ``seen``."""
    for entry in rest:
        if entry.key[0] >= until:
            return False
        status = life.step(status, entry.type) or status
        if status == seen:
            return True
    return False


def differing(one: Any, other: Any) -> list[str]:  # noqa: ANN401 - states of an aggregate
    """The names of the fields in which two states differ."""
    return [n for n in one.__struct_fields__ if getattr(one, n) != getattr(other, n)]
