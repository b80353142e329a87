"""The index of events: for each position the stream, the customer, the verdict, what moved."""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from domain.events import Entry
from domain.recurring import movement
from domain.steps import Step
from projections.projection import Projection


class Row(Struct, frozen=True, gc=False):
    """One event; ``stream`` and ``customer_id`` are None where it belongs to none.

    ``moved`` says what a subscription's event did to recurring revenue; ``mrr_from`` and
    ``mrr_to``, in minor units of ``currency`` a month, are None where it did nothing.
    ``shown_at`` is the moment from which its snapshot counts, where that was rendered later than
    the event; ``undecided`` says that the snapshot can be read in two ways.
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
    moved: str | None = None
    currency: str | None = None
    mrr_from: int | None = None
    mrr_to: int | None = None


def row(done: Step | Entry) -> Row:
    """The row of an event, from the step it took in its stream or, without one, as it was read."""
    entry = done.entry if isinstance(done, Step) else done
    position, stream, kind, at = entry.event.position, entry.stream, entry.type, entry.occurred_at
    customer = entry.customer.customer_id if entry.customer else None
    if not isinstance(done, Step):
        revision = entry.event.revision > 0
        return Row(
            position, stream, customer, kind, at, done.verdict or "unknown", revision=revision
        )
    took = Row(
        position, stream, customer, kind, at, done.verdict, done.before, done.leads_to,
        done.newer, done.late, done.revision, done.undecided, done.shown.at if done.shown else None,
    )  # fmt: skip
    moved = movement(done)
    if moved is None:
        return took
    return replace(
        took, moved=moved.kind, currency=moved.currency, mrr_from=moved.before, mrr_to=moved.after
    )


EVENTS = Projection[Step | Entry](name="events", key="position", columns=Row, row=row)
