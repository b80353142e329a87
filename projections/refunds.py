"""Refunds: status, amount and the payment they return."""

from datetime import datetime

from msgspec import Struct

from domain.catalog import BY_CATEGORY
from projections.streams import stream_projection


class Row(Struct, frozen=True, gc=False):
    """One row; amounts in minor units of ``currency``; ``memo`` is the stored fold."""

    refund_id: str
    customer_id: str | None
    status: str
    status_since: datetime
    created_at: datetime
    payment_id: str | None
    amount: int | None
    currency: str | None
    is_partial: bool | None
    position: int
    snapshot_position: int
    memo: bytes


REFUNDS = stream_projection(
    "refunds",
    BY_CATEGORY["refund"],
    Row,
    filters=("status", "customer_id", "payment_id"),
)
