"""What an entry did to its stream, and what a fold holds on its way from entry to entry."""

from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import Struct

from domain.events import Entry, Verdict
from domain.machine import Lifecycle

S = TypeVar("S")


class Reading(Struct, Generic[S], frozen=True, array_like=True, gc=False):
    """Another status that a stream may have, where nothing decides between two readings.

    The attributes are those of ``Fold``.
    """

    status: str
    since: datetime
    not_before: datetime
    state: S


class Shown(Struct, frozen=True, gc=False):
    """What a snapshot did that was rendered later than its own event.

    Attributes:
        at: the moment from which it counts: one that it names, or else its sending.
        before, after: the status on either side of that moment.
        prior, state: the state on either side.
        other: the other reading of what came before, where nothing decides.
    """

    at: datetime
    before: str
    after: str
    prior: Any
    state: Any
    other: Reading[Any] | None


class Step(Struct, frozen=True, gc=False):
    """What one entry did to its stream.

    Attributes:
        before, after: the status on either side of the event; ``implied`` is the one
            that the fact alone leads to.
        newer: the payload was rendered after the event.
        late: something that happened later was recorded earlier.
        revision: another telling of its webhook-id was recorded earlier.
        missing: the event types that would explain an inferred or unexpected step.
        prior, state: the state before the entry, None before the first one, and after it.
        stands: whether the snapshot counts from the event on.
        shown: what the snapshot did at the later moment from which it counts; None for most.
        other: the other reading that is open after the event, if one is.
        began: of an observation, ``since`` and ``not_before`` of the status that it begins, where
            they differ from the moment at which it stands.
    """

    entry: Entry
    before: str
    implied: str
    after: str
    verdict: Verdict
    newer: bool = False
    late: bool = False
    revision: bool = False
    missing: tuple[str, ...] = ()
    prior: Any = None
    state: Any = None
    stands: bool = True
    shown: Shown | None = None
    other: Reading[Any] | None = None
    began: tuple[datetime, datetime] | None = None

    @property
    def at(self) -> datetime:
        """When the fact happened, by the earliest telling of it."""
        return self.entry.key[0]

    @property
    def leads_to(self) -> str:
        """The status to which the entry led in the end, by its fact or by its snapshot."""
        shown = self.shown
        return shown.after if shown is not None and shown.after != shown.before else self.after

    @property
    def undecided(self) -> bool:
        """Whether the snapshot can be read in two ways, of which one has another status."""
        return self.shown is not None and self.shown.other is not None


class Supply(Struct, frozen=True, array_like=True, gc=False):
    """Which snapshot supplies the fields of a resource.

    Attributes:
        position: of the latest whole snapshot; of the latest row of a list where none is whole.
        whole: whether that snapshot is a whole one.
        overlaid: whether a row of a list told some fields later.
    """

    position: int
    whole: bool = True
    overlaid: bool = False

    def after(self, entry: Entry) -> "Supply":
        """What supplies the fields once a snapshot counts."""
        if entry.observed is None or not entry.observed.listed:
            return Supply(entry.event.position)
        if self.position and self.whole:
            return Supply(self.position, overlaid=True)
        return Supply(entry.event.position, whole=False)


NOTHING = Supply(0)


class Current(Struct):
    """Where a fold has come to; ``supplies`` says whose snapshot counts now.

    The other attributes are those of ``Fold``.
    """

    status: str
    since: datetime
    not_before: datetime
    previous: tuple[tuple[str, datetime], ...]
    state: Any
    supplies: Supply
    other: Reading[Any] | None
    open_until: datetime | None

    def move(self, status: str, at: datetime, not_before: datetime) -> None:
        """Let another status begin."""
        self.previous = ((self.status, self.not_before),)
        if self.other is not None:
            self.previous += ((self.other.status, self.other.not_before),)
        self.status, self.since, self.not_before = status, at, not_before


def judge(
    life: Lifecycle, entry: Entry, before: str, fact: str | None, after: str
) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict on an entry, and the event types that seem to be missing.

    Args:
        life: the lifecycle of its stream.
        entry: the entry.
        before: the status before it.
        fact: where its type leads from there; None where the lifecycle has no such edge.
        after: the status after it.

    An observation has no fact: it agrees with where the facts led, or something is missing.
    """
    seen = entry.status if entry.status in life.known else None
    known = entry.type in life.ranks or entry.observed is not None
    if not known or (entry.status is not None and seen is None):
        return "unknown", ()
    if fact is None:
        missing = life.missing(before, (seen,) if seen else ())
        if not missing or entry.type in missing:
            missing = life.missing(before, life.sources(entry.type))
        # of what never began, nothing is unexpected: its beginning is missing
        return "inferred" if before == life.initial else "unexpected", missing
    if after != fact and not life.is_silent(fact, after):
        # of what was read before any event, the book merely began later
        first = entry.observed is not None and before == life.initial
        return "inferred", () if first else life.missing(fact, (after,))
    return "confirmed" if after == before else "applied", ()
