"""The documents that queries return, with the meaning of their fields."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from domain.access import Because
from domain.access_state import AccessState
from domain.machine import START
from domain.payment import Period
from domain.steps import Step
from domain.story import Told, headline, money_of, reported_after, sentence
from service.store.chain import Source


class AccessAnswer(Struct, frozen=True):
    """Whether a customer is entitled at a moment, until when (null: no end), and why.

    ``known`` says whether the book holds anything of this id: where not, it may be mistyped, and
    ``hint`` says what to ask if it is an e-mail address. ``stale`` says that later events are not
    included: it rests on a parked stream, or denies while the read models are behind the book.
    """

    customer_id: str
    entitled: bool
    state: AccessState
    known: bool
    until: datetime | None
    because: tuple[Because, ...]
    hint: str | None
    stale: bool
    position: str
    at: datetime


class AccessAnswers(Struct, frozen=True):
    """The answer for each customer, in the order of the question."""

    data: list[AccessAnswer]
    position: str


class Page(Struct, frozen=True):
    """A page of a list; pass ``next_cursor`` for the next one, null on the last."""

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
    """One event of a resource, in the order things happened.

    ``source`` is ``webhook``, or ``api`` if the resource was read at the provider: then ``type`` is
    null, and it ``occurred_at`` the earliest moment at which the answer can have been rendered.
    ``from`` and ``to`` are the status before and after it, null before the first. If the payload
    was rendered later than the event, it counts from ``shown_at`` on. ``changed`` lists earlier
    conclusions that a late event changed. ``body`` is the path of the exact bytes.
    """

    event_position: str
    source: Source
    type: str | None
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
    amount: int | None
    currency: str | None
    what: str
    body: str


class History(Struct, frozen=True):
    """Events of a resource; pass ``next_cursor`` for more, null on the last page."""

    stream: str
    data: list[HistoryEntry]
    next_cursor: str | None
    position: str


class IndexedEvent(Struct, frozen=True):
    """One event of the index; ``from`` and ``to`` are null if it belongs to no stream.

    ``source`` is ``webhook``, or ``api`` if the resource was read at the provider: then ``type``
    and ``webhook_id`` are null.
    ``unread`` lists the fields that could not be read.
    """

    event_position: str
    source: Source
    type: str | None
    stream: str | None
    customer_id: str | None
    occurred_at: datetime
    sent_at: datetime
    recorded_at: datetime
    webhook_id: str | None
    verdict: str
    status_from: str | None = field(name="from")
    status_to: str | None = field(name="to")
    newer: bool
    late: bool
    revision: bool
    undecided: bool
    shown_at: datetime | None
    unread: list[str]
    amount: int | None
    currency: str | None
    what: str
    body: str


class EventPage(Struct, frozen=True):
    """A page of events; pass ``next_cursor`` for the next one, null on the last."""

    data: list[IndexedEvent]
    next_cursor: str | None
    position: str


class Count(Struct, frozen=True):
    """The number of events with one type and verdict; ``latest_position`` is the newest."""

    verdict: str
    type: str
    count: int
    latest_position: str


class Counts(Struct, frozen=True):
    """Counts by verdict that needs attention, and type: new types show on their first day."""

    data: list[Count]
    position: str


class EventAnswer(Struct, frozen=True):
    """One event: what is stored of it, and our verdict on it.

    ``stream``, ``type``, ``occurred_at`` and ``verdict`` are null until it is projected;
    ``headers`` is null for a key without the scope `audit`; of a resource that was read at the
    provider (``source`` is ``api``) it says what was asked, and ``webhook_id`` is null.
    """

    event_position: str
    source: Source
    webhook_id: str | None
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


def status_or_null(status: str) -> str | None:
    """A status, or None for the one before the first event."""
    return None if status == START else status


def history_entry(step: Step, changed: tuple[str, ...]) -> HistoryEntry:
    """A step as an entry of a history; ``changed`` is what it changed by being late."""
    entry = step.entry
    event = entry.event
    amount, currency = money_of(step)
    return HistoryEntry(
        event_position=str(event.position),
        source="webhook" if entry.observed is None else "api",
        type=entry.type if entry.observed is None else None,
        occurred_at=entry.occurred_at,
        sent_at=event.sent_at,
        recorded_at=event.recorded_at,
        status_from=status_or_null(step.before),
        status_to=status_or_null(step.leads_to),
        verdict=step.verdict,
        newer=step.newer,
        late=step.late,
        revision=step.revision,
        undecided=step.undecided,
        shown_at=step.shown.at if step.shown else None,
        missing=step.missing,
        unread=entry.unread,
        changed=changed,
        amount=amount,
        currency=currency,
        what=sentence(step),
        body=f"/v1/events/{event.position}/body",
    )


def indexed_event(row: Mapping[str, Any]) -> IndexedEvent:
    """A row of the event index as an answer."""
    before, after = row["status_from"] or START, row["status_to"] or START
    summary = _headline(row, before, after)
    delivered = row["source"] == "webhook"
    if delivered:
        summary = f"{summary}; {reported_after(row['recorded_at'] - row['occurred_at'])}"
    return IndexedEvent(
        event_position=str(row["position"]),
        source=row["source"],
        type=row["type"] if delivered else None,
        stream=row["stream"],
        customer_id=row["customer_id"],
        occurred_at=row["occurred_at"],
        sent_at=row["sent_at"],
        recorded_at=row["recorded_at"],
        webhook_id=row["webhook_id"] if delivered else None,
        verdict=row["verdict"],
        status_from=status_or_null(before),
        status_to=status_or_null(after),
        newer=row["newer"],
        late=row["late"],
        revision=row["revision"],
        undecided=row["undecided"],
        shown_at=row["shown_at"],
        unread=row["unread"] or [],
        amount=row["amount"],
        currency=row["currency"],
        what=f"{summary}.",
        body=f"/v1/events/{row['position']}/body",
    )


def _headline(row: Mapping[str, Any], before: str, after: str) -> str:
    if row["stream"] is None:
        return f"An event that belongs to no resource: {row['verdict']}"
    return headline(
        Told(
            stream=row["stream"],
            kind=row["type"],
            before=before,
            after=after,
            at=row["occurred_at"],
            shown_at=row["shown_at"],
            amount=row["amount"],
            currency=row["currency"],
        )
    )
