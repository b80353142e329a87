"""Payouts: status and amount."""

from datetime import datetime

from msgspec import Struct

from domain.catalog import BY_CATEGORY
from projections.streams import stream_projection


class Row(Struct, frozen=True, gc=False):
    """One row; amounts in minor units of ``currency``; ``memo`` is the stored fold."""

    payout_id: str
    status: str
    status_since: datetime
    created_at: datetime
    updated_at: datetime | None
    amount: int | None
    fee: int | None
    currency: str | None
    position: int
    snapshot_position: int
    memo: bytes


PAYOUTS = stream_projection(
    "payouts",
    BY_CATEGORY["payout"],
    Row,
    filters=("status", "currency"),
)
