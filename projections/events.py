"""The index of events: for each position the stream, the customer, the verdict, what moved."""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from domain.events import Entry
from domain.recurring import movements
from domain.steps import Step
from projections.projection import Projection


class Row(Struct, frozen=True, gc=False):
    """One event; ``stream`` and ``customer_id`` are None where it belongs to none.

    ``movements`` says what a subscription's event did to recurring revenue, and the columns after
    it when each movement was, in which currency, and the amount of a month in minor units of that;
    all are None where nothing moved. They are columns of the event, and no rows of their own, so
    that a row that is written again leaves none behind.
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
    movements: list[str] | None = None
    movement_times: list[datetime] | None = None
    movement_currencies: list[str | None] | None = None
    movement_amounts: list[int] | None = None


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
    moved = movements(done)
    if not moved:
        return took
    return replace(
        took,
        movements=[one.kind for one in moved],
        movement_times=[one.at for one in moved],
        movement_currencies=[one.currency for one in moved],
        movement_amounts=[one.amount for one in moved],
    )


EVENTS = Projection[Step | Entry](name="events", key="position", columns=Row, row=row)
