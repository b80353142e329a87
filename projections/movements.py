"""Movements: what each event of a subscription did to recurring revenue."""

from datetime import datetime

from msgspec import Struct

from domain.fold import Step
from domain.recurring import movement
from projections.projection import Projection


class Row(Struct, frozen=True, gc=False):
    """One event; ``mrr_from`` and ``mrr_to`` in minor units of ``currency`` a month.

    Every event has a row, also where ``kind`` is None: a late one may turn it into another.
    """

    position: int
    subscription_id: str
    occurred_at: datetime
    kind: str | None
    currency: str | None
    mrr_from: int
    mrr_to: int


def row(step: Step) -> Row:
    """The row of one step."""
    moved = movement(step)
    return Row(
        position=step.entry.event.position,
        subscription_id=step.entry.id,
        occurred_at=step.entry.occurred_at,
        kind=moved.kind,
        currency=moved.currency,
        mrr_from=moved.before,
        mrr_to=moved.after,
    )


MOVEMENTS = Projection[Step](name="movements", key="position", columns=Row, row=row)
