"""Disputes: status, stage, amount and the payment in dispute."""

from datetime import datetime

from msgspec import Struct

from domain.catalog import BY_CATEGORY
from domain.dispute import AWAITING, State
from domain.fold import Fold
from projections.streams import stream_projection


class Row(Struct, frozen=True, gc=False):
    """One row; amounts in minor units of ``currency``; ``memo`` is the stored fold.

    ``opened_at`` is when it was last opened: the time for a response counts from then.
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
    """When a dispute was opened; if it awaits a response again, when it was last opened."""
    again = folded.status == AWAITING and folded.since > folded.occurred_at
    return folded.since if again else folded.state.created_at or folded.occurred_at


DISPUTES = stream_projection(
    "disputes",
    BY_CATEGORY["dispute"],
    Row,
    filters=("status", "customer_id", "payment_id", "dispute_stage"),
    opened_at=opened_at,
)
