"""The documents that the API answers, and what their fields mean."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from domain.access import Because
from domain.machine import START
from domain.payment import Period
from domain.steps import Step
from domain.story import headline, reported_after, sentence


class AccessAnswer(Struct, frozen=True):
    """Whether a customer is entitled at a moment, until when (null is open), because of what.

    ``stale`` says that it rests on a stream that is set aside: what came since is not in it.
    """

    customer_id: str
    entitled: bool
    until: datetime | None
    because: tuple[Because, ...]
    stale: bool
    position: str
    at: datetime


class Page(Struct, frozen=True):
    """A page of a list; ``next_cursor`` asks for the next one, null at the end."""

    data: list[dict[str, Any]]
    next_cursor: str | None
    position: str


class RelatedRefund(Struct, frozen=True):
    """A refund of a payment; the amount in minor units of ``currency``."""

    refund_id: str
    status: str
    amount: int | None
    currency: str | None


class RelatedDispute(Struct, frozen=True):
    """A dispute of a payment; the amount in minor units of ``currency``."""

    dispute_id: str
    status: str
    amount: int | None
    currency: str | None


class RelatedPayment(Struct, frozen=True):
    """A payment of a subscription; the amount in minor units of ``currency``."""

    payment_id: str
    status: str
    total_amount: int | None
    currency: str | None
    periods: list[Period]


class HistoryEntry(Struct, frozen=True):
    """One event of a resource, in the order in which the world went.

    ``from`` and ``to`` are the status on either side, null before the beginning; where the payload
    was rendered later than the event, it counts from ``shown_at`` on. ``changed`` says
    what a late event changed in what was concluded before; empty where it had no effect. ``body``
    leads to the exact bytes.
    """

    event_position: str
    type: str
    occurred_at: datetime
    sent_at: datetime
    recorded_at: datetime
    status_from: str | None = field(name="from")
    status_to: str | None = field(name="to")
    verdict: str
    newer: bool
    late: bool
    revision: bool
    undecided: bool
    shown_at: datetime | None
    missing: tuple[str, ...]
    unread: tuple[str, ...]
    changed: tuple[str, ...]
    what: str
    body: str


class History(Struct, frozen=True):
    """Events of a resource; ``next_cursor`` asks for the next ones, null at the end."""

    stream: str
    data: list[HistoryEntry]
    next_cursor: str | None
    position: str


class IndexedEvent(Struct, frozen=True):
    """One event as the index has it; ``from`` and ``to`` are null where it belongs to no stream.

    ``unread`` names the fields that could not be read.
    """

    event_position: str
    type: str
    stream: str | None
    customer_id: str | None
    occurred_at: datetime
    sent_at: datetime
    recorded_at: datetime
    webhook_id: str
    verdict: str
    status_from: str | None = field(name="from")
    status_to: str | None = field(name="to")
    newer: bool
    late: bool
    revision: bool
    undecided: bool
    shown_at: datetime | None
    unread: list[str]
    what: str
    body: str


class EventPage(Struct, frozen=True):
    """A page of events; ``next_cursor`` asks for the next one, null at the end."""

    data: list[IndexedEvent]
    next_cursor: str | None
    position: str


class Count(Struct, frozen=True):
    """How many events of one type got one verdict; ``latest_position`` is the newest of them."""

    verdict: str
    type: str
    count: int
    latest_position: str


class Counts(Struct, frozen=True):
    """Counts per verdict that needs attention, and type: what is new shows on its first day."""

    data: list[Count]
    position: str


class EventAnswer(Struct, frozen=True):
    """One event: what is stored of it, and what we think of it.

    ``stream``, ``type``, ``occurred_at`` and ``verdict`` are null until it is projected;
    ``headers`` is null for a key without the scope `audit`.
    """

    event_position: str
    source: str
    webhook_id: str
    sent_at: datetime
    recorded_at: datetime
    headers: dict[str, Any] | None
    verified_by: str | None
    body_sha256: str
    body_length: int
    link: str
    body: str
    type: str | None
    stream: str | None
    customer_id: str | None
    occurred_at: datetime | None
    verdict: str | None
    newer: bool
    late: bool
    revision: bool
    undecided: bool
    shown_at: datetime | None
    unread: list[str]
    position: str


def shown(status: str) -> str | None:
    """A status as it is answered: the one before the beginning has no name."""
    return None if status == START else status


def history_entry(step: Step, changed: tuple[str, ...]) -> HistoryEntry:
    """A step, as it is answered; ``changed`` is what it changed by being late."""
    entry = step.entry
    event = entry.event
    return HistoryEntry(
        event_position=str(event.position),
        type=entry.type,
        occurred_at=entry.occurred_at,
        sent_at=event.sent_at,
        recorded_at=event.recorded_at,
        status_from=shown(step.before),
        status_to=shown(step.leads_to),
        verdict=step.verdict,
        newer=step.newer,
        late=step.late,
        revision=step.revision,
        undecided=step.undecided,
        shown_at=step.shown.at if step.shown else None,
        missing=step.missing,
        unread=entry.unread,
        changed=changed,
        what=sentence(step),
        body=f"/v1/events/{event.position}/body",
    )


def indexed_event(row: Mapping[str, Any]) -> IndexedEvent:
    """A row of the index, as it is answered."""
    before, after = row["status_from"] or START, row["status_to"] or START
    said = headline(row["type"], before, after, row["occurred_at"], row["shown_at"])
    if row["stream"] is None:
        said = f"Belongs to no resource: {row['verdict']}"
    reported = reported_after(row["recorded_at"] - row["occurred_at"])
    return IndexedEvent(
        event_position=str(row["position"]),
        type=row["type"],
        stream=row["stream"],
        customer_id=row["customer_id"],
        occurred_at=row["occurred_at"],
        sent_at=row["sent_at"],
        recorded_at=row["recorded_at"],
        webhook_id=row["webhook_id"],
        verdict=row["verdict"],
        status_from=shown(before),
        status_to=shown(after),
        newer=row["newer"],
        late=row["late"],
        revision=row["revision"],
        undecided=row["undecided"],
        shown_at=row["shown_at"],
        unread=row["unread"] or [],
        what=f"{said}; {reported}.",
        body=f"/v1/events/{row['position']}/body",
    )
