"""The index of events: the stream, customer and verdict of each."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from domain import dispute, payment, payout, refund, subscription
from domain.events import Entry
from domain.fold import Fold
from domain.steps import Step
from domain.story import money_of
from projections.projection import Projection

_DATED = (payment.State, refund.State, dispute.State, payout.State)
"""What figures count by the date on which it was made, or reached its status."""

EARLY = timedelta(hours=1)
"""How long before the date on which something was made it may have happened, by other clocks."""

_NAME = 200
"""How much of a product's name is kept, in characters."""


class Row(Struct, frozen=True, gc=False):
    """One event; ``stream`` and ``customer_id`` are None where it belongs to none.

    ``customer_id`` is the customer that the event names or, if it names none, that of its stream.
    ``named_product`` is a product whose name the event tells.
    ``amount`` is that of the resource after the event, in minor units of ``currency``.
    ``shown_at`` is the moment from which a snapshot counts that was rendered later than its event;
    ``undecided`` marks a snapshot that can be read in two ways. ``unread`` names the fields that
    could not be read; None if there are none. ``retold`` is whether it tells otherwise than
    its resource is now: of something that is paid the date, of a subscription the product. It tells
    the past of a figure from its present.
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
    unread: list[str] | None = None
    amount: int | None = None
    currency: str | None = None
    named_product: str | None = None
    product_name: str | None = None
    retold: bool = False


class Placed(Struct, frozen=True, gc=False):
    """A step of a stream, the customer that its event concerns, and whether it was retold."""

    step: Step
    customer_id: str | None
    retold: bool = False


def placed(folded: Fold[Any], steps: Iterable[Step]) -> list[Placed]:
    """The steps of a stream with their customers: named by the event, or that of the stream."""
    owner, state = owner_of(folded), folded.state
    found: list[Placed] = []
    for step in steps:
        entry, retold = step.entry, False
        if isinstance(state, subscription.State):
            retold = entry.payload.product_id != state.product_id
        elif isinstance(state, _DATED):
            made, happened = state.created_at or folded.occurred_at, entry.key[0]
            retold = (entry.payload.created_at or happened) != made or made - happened > EARLY
        customer_id = entry.customer.customer_id if entry.customer else owner
        found.append(Placed(step, customer_id, retold))
    return found


def changes_others(memo: Fold[Any], entries: Iterable[Entry]) -> bool:
    """Whether entries may change what ``placed`` says of those that were recorded before them."""
    owner, state = owner_of(memo), memo.state
    if any(entry.customer and entry.customer.customer_id != owner for entry in entries):
        return True
    if isinstance(state, subscription.State):
        return any(entry.payload.product_id not in {None, state.product_id} for entry in entries)
    return isinstance(state, _DATED) and any(
        entry.payload.created_at not in {None, state.created_at} for entry in entries
    )


def owner_of(folded: Fold[Any]) -> str | None:
    """The customer of a stream, if its events name one."""
    owner: str | None = getattr(folded.state, "customer_id", None)
    return owner


def position_of(event: Placed | Entry) -> int:
    """The position of an event."""
    entry = event.step.entry if isinstance(event, Placed) else event
    return entry.event.position


def rows(event: Placed | Entry) -> tuple[Row]:
    """The row of an event: from its step or, where it belongs to no stream, from its entry."""
    return (_placed(event) if isinstance(event, Placed) else _unplaced(event),)


def _placed(event: Placed) -> Row:
    step = event.step
    entry, shown = step.entry, step.shown
    after, shown_at, undecided = step.after, None, False
    if shown is not None:
        after, shown_at, undecided = step.leads_to, shown.at, step.undecided
    named: tuple[str | None, str | None] = None, None
    if isinstance(entry.payload, subscription.Payload) and entry.payload.product_name:
        named = entry.payload.product_id, entry.payload.product_name[:_NAME]
    return Row(
        entry.event.position, entry.stream, event.customer_id, entry.type, entry.occurred_at,
        step.verdict, step.before, after, step.newer, step.late, step.revision, undecided,
        shown_at, list(entry.unread) if entry.unread else None, *money_of(step),
        *named, event.retold,
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
