"""What an entry did to its stream, and what a fold holds on its way from entry to entry."""

from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import Struct

from domain.events import Entry, Verdict

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
        before, after: the status on either side of the event; ``told`` is where the fact alone led.
        newer: the payload was rendered after the event.
        late: something that happened later was recorded earlier.
        revision: another telling of its webhook-id was recorded earlier.
        missing: the event types that would explain an inferred or unexpected step.
        prior, state: the state before the entry, None before the first one, and after it.
        stands: whether the snapshot counts from the event on.
        shown: what the snapshot did at the later moment from which it counts; None for most.
        other: the other reading that is open after the event, if one is.
    """

    entry: Entry
    before: str
    told: str
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


class Current(Struct):
    """Where a fold has come to; ``supplies`` is the position whose snapshot counts now.

    The other attributes are those of ``Fold``.
    """

    status: str
    since: datetime
    not_before: datetime
    state: Any
    supplies: int
    other: Reading[Any] | None
    open_until: datetime | None
