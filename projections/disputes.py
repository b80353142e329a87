"""Disputes: status, stage, amount and the payment in dispute."""

from datetime import datetime

from msgspec import Struct

from domain.catalog import BY_CATEGORY
from domain.dispute import AWAITING, State
from domain.fold import Fold, encode
from projections.projection import Projection


class Row(Struct, frozen=True, gc=False):
    """One row; amounts in minor units of ``currency``; ``memo`` is the fold, to be extended.

    ``opened_at`` is when it was opened last: the days for an answer count from then.
    """

    dispute_id: str
    customer_id: str | None
    status: str
    status_since: datetime
    created_at: datetime
    opened_at: datetime
    payment_id: str | None
    dispute_stage: str | None
    amount: int | None
    currency: str | None
    position: int
    snapshot_position: int
    memo: bytes


def opened_at(folded: Fold[State]) -> datetime:
    """When a dispute was opened: the last time, where it awaits an answer again."""
    again = folded.status == AWAITING and folded.since > folded.occurred_at
    return folded.since if again else folded.state.created_at or folded.occurred_at


def row(folded: Fold[State]) -> Row:
    """The row of one stream; ``created_at`` is its first entry's time where none is given."""
    state = folded.state
    return Row(
        dispute_id=state.id,
        customer_id=state.customer_id,
        status=folded.status,
        status_since=folded.since,
        created_at=state.created_at or folded.occurred_at,
        opened_at=opened_at(folded),
        payment_id=state.payment_id,
        dispute_stage=state.dispute_stage,
        amount=state.amount,
        currency=state.currency,
        position=folded.position,
        snapshot_position=folded.snapshot_position,
        memo=encode(folded),
    )


DISPUTES = Projection[Fold[State]](
    name="disputes",
    key="dispute_id",
    columns=Row,
    row=row,
    filters=("status", "customer_id", "payment_id", "dispute_stage"),
    aggregate=BY_CATEGORY["dispute"],
)
