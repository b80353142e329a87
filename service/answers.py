"""The documents that the API answers, and what their fields mean."""

from datetime import datetime
from typing import Any

from msgspec import Struct, field

from domain.access import Because
from domain.fold import Step
from domain.machine import START
from domain.story import sentence


class AccessAnswer(Struct, frozen=True):
    """Whether a customer is entitled now, until when (UTC; null is open), because of what."""

    customer_id: str
    entitled: bool
    until: datetime | None
    because: tuple[Because, ...]
    position: str


class Page(Struct, frozen=True):
    """A page of a list, newest first; ``next_cursor`` asks for the next one, null at the end."""

    data: list[dict[str, Any]]
    next_cursor: str | None
    position: str


class HistoryEntry(Struct, frozen=True):
    """One event of a resource, in the order in which the world went.

    ``from`` and ``to`` are the status on either side, null before the beginning. ``body`` leads
    to the exact bytes.
    """

    position: str
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
    missing: tuple[str, ...]
    unread: tuple[str, ...]
    what: str
    body: str


class History(Struct, frozen=True):
    """All events of a resource."""

    stream: str
    entries: list[HistoryEntry]
    position: str


class EventAnswer(Struct, frozen=True):
    """One event: what is stored of it, and what we think of it.

    ``stream``, ``type``, ``occurred_at`` and ``verdict`` are null until it is projected.
    """

    event_position: str
    source: str
    webhook_id: str
    sent_at: datetime
    recorded_at: datetime
    headers: dict[str, Any]
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
    position: str


def shown(status: str) -> str | None:
    """A status as it is answered: the one before the beginning has no name."""
    return None if status == START else status


def history_entry(step: Step) -> HistoryEntry:
    """A step, as it is answered."""
    entry = step.entry
    event = entry.event
    return HistoryEntry(
        position=str(event.position),
        type=entry.type,
        occurred_at=entry.occurred_at,
        sent_at=event.sent_at,
        recorded_at=event.recorded_at,
        status_from=shown(step.before),
        status_to=shown(step.after),
        verdict=step.verdict,
        newer=step.newer,
        late=step.late,
        revision=step.revision,
        missing=step.missing,
        unread=entry.unread,
        what=sentence(step),
        body=f"/v1/events/{event.position}/body",
    )
