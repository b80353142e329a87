"""When a snapshot was rendered: evidence, never an assumption.

A snapshot was rendered at some moment between its event and its sending. Whether a retry or a
replay renders again is not documented, so a delivery that was sent within seconds of its event
pins what was true then, and of any other the moment is inferred from what it shows.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from domain.catalog import Aggregate
from domain.events import TOLERANCE, Entry
from domain.machine import Lifecycle
from domain.steps import Step

SECOND = timedelta(seconds=1)
"""``sent_at`` is cut to whole seconds."""

_NO_EVIDENCE = frozenset({"status", "told_pending", "customer", "customer_id"})
"""The lifecycle judges a status, and a customer changes without the resource."""

_FEW = 64
"""How many entries are looked at to explain one: more of them in a few seconds tell nothing new."""

RETRIES = timedelta(hours=28)
"""The provider's last retry goes out 27 hours and 35 minutes after the event."""

DESCRIBING = ("updated", "plan_changed", "update_payment_method")
"""The events that may change any field of a resource, and back again."""


def is_late(entry: Entry) -> bool:
    """Whether an entry was sent so long after its event that its snapshot may be newer.

    An observation never is: it stands at the earliest moment at which it can have been rendered.
    """
    return entry.event.sent_at - entry.key[0] > TOLERANCE and entry.observed is None


class Rendered(Struct, frozen=True, gc=False):
    """Between which moments a snapshot was rendered that is newer than its event.

    ``named`` is the latest moment that it names itself, None where it names none after its event.
    """

    after: datetime
    until: datetime
    named: datetime | None


def rendered_later(  # noqa: PLR0913, PLR0917 - a place in a stream, and what came before
    aggregate: Aggregate,
    ordered: Sequence[Entry],
    index: int,
    implied: str,
    seen: str | None,
    first: Step | None,
    earlier_at: datetime | None,
) -> Rendered | None:
    """When the snapshot of a late entry was rendered; None where it agrees with its own event.

    Args:
        aggregate: of the stream.
        ordered: the stream.
        index: the place of the entry.
        implied: the status to which its fact led.
        seen: the status that the snapshot shows, None where it shows none that is known.
        first: the step of the first telling of the same fact; None where this is it.
        earlier_at: when the same webhook-id sent it before; None if it did not.
    """
    entry, life = ordered[index], aggregate.lifecycle
    at, updates, named = entry.key[0], aggregate.updated_at, _latest_named(aggregate, entry)
    following = _next_moment(ordered, index)
    passed = following is not None and named is not None and following <= named
    if updates is not None and updates(entry.payload) is not None:
        # it decides alone
        if named is None or not (passed or named - at > TOLERANCE):
            return None
        return Rendered(named, named + SECOND, named)
    until = entry.event.sent_at + SECOND
    if first is not None:
        # another body under the same id: it was rendered again
        again = earlier_at or (None if is_raced(aggregate, ordered, index, first) else at)
        after, agrees = again, seen is None or implied == seen
    else:
        after = named if passed and named is not None and named - at > TOLERANCE else None
        if after is None and contradicts_neighbours(ordered, index):
            after = following
        # what never began has no status to contradict; and the provider may move on silently
        agrees = seen is None or implied in {seen, life.initial} or life.is_silent(implied, seen)
    if after is None and agrees:
        return None
    if after is None and is_explained(
        life, implied, seen or "", ordered, index + 1, at + TOLERANCE
    ):
        return Rendered(at, until, named)
    # what was not rendered in the seconds of its event was rendered for one of the last attempts
    after = max(after or at, named or at, entry.event.sent_at - RETRIES)
    return Rendered(after, until, named)


def _next_moment(ordered: Sequence[Entry], index: int) -> datetime | None:
    """The next moment at which something happened to a stream, after that of an entry."""
    at = ordered[index].key[0]
    place = bisect_right(ordered, at, lo=index, key=_moment)
    return ordered[place].key[0] if place < len(ordered) else None


def _moment(entry: Entry) -> datetime:
    return entry.key[0]


def _latest_named(aggregate: Aggregate, entry: Entry) -> datetime | None:
    """The latest moment of the past that a late snapshot names; None where it names none.

    ``updated_at`` decides alone where the payload has it.
    """
    at, until = entry.key[0], entry.event.sent_at + TOLERANCE
    if aggregate.updated_at is not None:
        updated: datetime | None = aggregate.updated_at(entry.payload)
        if updated is not None:
            return max(at, updated) if updated <= until else None
    # a replay may name a moment of its own for the same fact
    named = (entry.occurred_at, *(aggregate.times(entry.payload) if aggregate.times else ()))
    return max((t for t in named if t and at < t <= until), default=None)


def is_same_fact(one: Entry, other: Entry) -> bool:
    """Whether two deliveries of a stream tell of the same type at the same instant."""
    if one.observed is not None or other.observed is not None:
        return False
    return one.key[:2] == other.key[:2] and one.type == other.type


def is_repeated(
    ordered: Sequence[Entry], index: int, updated_at: Callable[[Any], Any] | None
) -> bool:
    """Whether an entry shows no more than the one before it, of the same fact, showed."""
    one, other = ordered[index], ordered[index - 1]
    if one.event.body_sha256 == other.event.body_sha256:
        return True
    if updated_at is not None:
        moments = updated_at(one.payload), updated_at(other.payload)
        return None not in moments and moments[0] < moments[1]
    if not is_late(one):
        return False
    # a replay that names a moment of its own
    return one.occurred_at != other.occurred_at and one.payload == other.payload


def is_raced(aggregate: Aggregate, ordered: Sequence[Entry], index: int, first: Step) -> bool:
    """Whether a second telling may show less than the first, though it was sent later.

    Where other facts happened in the same seconds, either may have been rendered between them; it
    then shows nothing but what was true before, or what the first shows. What was sent after the
    last retry was dispatched again, and so rendered later.
    """
    entry = ordered[index]
    at = entry.key[0]
    burst = _burst(ordered, index)
    if entry.event.sent_at - at > RETRIES or not burst or burst[-1].key[0] == at:
        return False
    if aggregate.times is not None:
        times = [[t for t in aggregate.times(e.payload) if t] for e in (entry, first.entry)]
        if max(times[0], default=at) < max(times[1], default=at):
            return True
    earlier = [o for o in ordered[max(0, index - _FEW) : index] if at - o.key[0] <= TOLERANCE]
    if first.prior is None or any(is_late(o) for o in earlier if not is_same_fact(o, entry)):
        return any(other.type.partition(".")[2] in DESCRIBING for other in burst)
    shown = aggregate.evolve(first.prior, entry.payload)
    return all(
        getattr(shown, name) == getattr(first.prior, name) for name in differing(shown, first.state)
    )


def _burst(ordered: Sequence[Entry], index: int) -> list[Entry]:
    """The next entries, of those within seconds of an entry."""
    at = ordered[index].key[0]
    following = ordered[index + 1 : index + 1 + _FEW]
    return [other for other in following if other.key[0] - at <= TOLERANCE]


def contradicts_neighbours(ordered: Sequence[Entry], index: int) -> bool:
    """Whether the entries around a late one agree on a field in which it differs from both.

    Both must pin what they show. An event that may change the field does not contradict.
    """
    entry = ordered[index]
    if not 0 < index < len(ordered) - 1 or entry.type.partition(".")[2] in DESCRIBING:
        return False
    before, after = ordered[index - 1], ordered[index + 1]
    # it was rendered before it was sent
    if is_late(before) or is_late(after) or after.key[0] >= entry.event.sent_at + SECOND:
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


def is_explained(  # noqa: PLR0913, PLR0917 - two statuses and a part of a stream
    life: Lifecycle,
    status: str,
    seen: str,
    ordered: Sequence[Entry],
    start: int,
    until: datetime,
) -> bool:
    """Whether the facts from ``start`` on and before ``until`` lead from ``status`` to ``seen``."""
    for place in range(start, min(start + _FEW, len(ordered))):
        entry = ordered[place]
        if entry.key[0] >= until:
            return False
        status = life.step(status, entry.type) or status
        if status == seen:
            return True
    return False


def differing(one: Any, other: Any) -> list[str]:  # noqa: ANN401 - states of an aggregate
    """The names of the fields in which two states differ, but for whose they are."""
    names = [n for n in one.__struct_fields__ if getattr(one, n) != getattr(other, n)]
    return [name for name in names if name not in _NO_EVIDENCE]
