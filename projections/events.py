"""The index of events: for each position the stream, the customer and the verdict."""

from datetime import datetime

from msgspec import Struct

from domain.events import Entry
from domain.fold import Step
from projections.projection import Projection


class Row(Struct, frozen=True, gc=False):
    """One event; ``stream`` and ``customer_id`` are None where it belongs to none."""

    position: int
    stream: str | None
    customer_id: str | None
    type: str
    occurred_at: datetime
    verdict: str
    status_from: str | None
    status_to: str | None
    newer: bool
    late: bool
    revision: bool


def row(done: Step | Entry) -> Row:
    """The row of an event, from the step it took in its stream or, without one, as it was read."""
    if isinstance(done, Step):
        entry, verdict = done.entry, done.verdict
        statuses: tuple[str | None, str | None] = (done.before, done.after)
        marks = (done.newer, done.late, done.revision)
    else:
        entry, verdict = done, done.verdict or "unknown"
        statuses = None, None
        marks = (False, False, False)
    return Row(
        entry.event.position,
        entry.stream,
        entry.customer.customer_id if entry.customer else None,
        entry.type,
        entry.occurred_at,
        verdict,
        *statuses,
        *marks,
    )


EVENTS = Projection[Step | Entry](name="events", key="position", columns=Row, row=row)
