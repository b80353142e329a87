"""The index of events: the stream, customer, verdict and movements of each."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import Struct

from domain.events import Entry
from domain.fold import Fold
from domain.recurring import movements
from domain.steps import Step
from projections.projection import Projection


class Row(Struct, frozen=True, gc=False):
    """One event; ``stream`` and ``customer_id`` are None where it belongs to none.

    ``customer_id`` is the customer that the event names or, if it names none, that of its stream.
    ``movements`` lists what a subscription's event did to recurring revenue; the columns after it
    hold the time, the currency and the monthly amount of each movement, in minor units. All are
    None if nothing moved. They are columns of the event, not rows of their own, so that writing a
    row again leaves nothing stale behind.
    ``shown_at`` is the moment from which a snapshot counts that was rendered later than its event;
    ``undecided`` marks a snapshot that can be read in two ways. ``unread`` names the fields that
    could not be read; None if there are none.
    """

    position: int
    stream: str | None
    customer_id: str | None
    type: str
    occurred_at: datetime
    verdict: str
    status_from: str | None = None
    status_to: str | None = None
    newer: bool = False
    late: bool = False
    revision: bool = False
    undecided: bool = False
    shown_at: datetime | None = None
    movements: list[str] | None = None
    movement_times: list[datetime] | None = None
    movement_currencies: list[str | None] | None = None
    movement_amounts: list[int] | None = None
    unread: list[str] | None = None


class Placed(Struct, frozen=True, gc=False):
    """A step of a stream, and the customer that its event concerns."""

    step: Step
    customer_id: str | None


def placed(folded: Fold[Any], steps: Iterable[Step]) -> list[Placed]:
    """The steps of a stream with their customers: named by the event, or that of the stream."""
    owner = owner_of(folded)
    return [
        Placed(step, step.entry.customer.customer_id if step.entry.customer else owner)
        for step in steps
    ]


def owner_of(folded: Fold[Any]) -> str | None:
    """The customer of a stream, if its events name one."""
    owner: str | None = getattr(folded.state, "customer_id", None)
    return owner


def rows(event: Placed | Entry) -> tuple[Row]:
    """The row of an event: from its step or, where it belongs to no stream, from its entry."""
    return (_placed(event) if isinstance(event, Placed) else _unplaced(event),)


def _placed(event: Placed) -> Row:
    step = event.step
    entry, shown, moved = step.entry, step.shown, movements(step)
    after, shown_at, undecided = step.after, None, False
    if shown is not None:
        after, shown_at, undecided = step.leads_to, shown.at, step.undecided
    kinds: list[str] | None = None
    times: list[datetime] | None = None
    currencies: list[str | None] | None = None
    amounts: list[int] | None = None
    if moved:
        kinds, times = [one.kind for one in moved], [one.at for one in moved]
        currencies, amounts = [one.currency for one in moved], [one.amount for one in moved]
    return Row(
        entry.event.position, entry.stream, event.customer_id, entry.type, entry.occurred_at,
        step.verdict, step.before, after, step.newer, step.late, step.revision, undecided,
        shown_at, kinds, times, currencies, amounts, list(entry.unread) if entry.unread else None,
    )  # fmt: skip


def _unplaced(entry: Entry) -> Row:
    return Row(
        entry.event.position,
        entry.stream,
        entry.customer.customer_id if entry.customer else None,
        entry.type,
        entry.occurred_at,
        entry.verdict or "unknown",
        revision=entry.event.revision > 0,
        unread=list(entry.unread) if entry.unread else None,
    )


EVENTS = Projection[Placed | Entry](
    name="events", source="event", key="position", columns=Row, rows=rows
)
