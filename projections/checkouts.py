"""Abandoned checkouts: status, and the payment that recovered them."""

from datetime import datetime

from msgspec import Struct

from domain.catalog import BY_CATEGORY
from projections.streams import stream_projection


class Row(Struct, frozen=True, gc=False):
    """One row; ``memo`` is the stored fold."""

    payment_id: str
    customer_id: str | None
    status: str
    status_since: datetime
    created_at: datetime
    abandonment_reason: str | None
    recovered_payment_id: str | None
    position: int
    snapshot_position: int
    memo: bytes


CHECKOUTS = stream_projection(
    "checkouts",
    BY_CATEGORY["abandoned_checkout"],
    Row,
    filters=("status", "customer_id", "abandonment_reason"),
)
