"""Credits: the balance of each customer in each credit."""

from datetime import datetime

from msgspec import Struct

from domain.catalog import BY_CATEGORY
from projections.streams import stream_projection


class Row(Struct, frozen=True, gc=False):
    """One row; amounts in units of the credit; ``memo`` is the stored fold."""

    credit_id: str
    customer_id: str | None
    status: str
    status_since: datetime
    created_at: datetime
    credit_entitlement_id: str
    updated_at: datetime | None
    balance: str | None
    overage: str | None
    gaps: int
    position: int
    snapshot_position: int
    memo: bytes


CREDITS = stream_projection(
    "credits",
    BY_CATEGORY["credit"],
    Row,
    filters=("customer_id", "credit_entitlement_id"),
)
