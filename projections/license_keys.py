"""Licence keys: status, holder and what they were sold with."""

from datetime import datetime

from msgspec import Struct

from domain.catalog import BY_CATEGORY
from projections.streams import stream_projection


class Row(Struct, frozen=True, gc=False):
    """One row; ``memo`` is the stored fold."""

    license_key_id: str
    customer_id: str | None
    status: str
    status_since: datetime
    created_at: datetime
    product_id: str | None
    subscription_id: str | None
    payment_id: str | None
    expires_at: datetime | None
    key: str | None
    position: int
    snapshot_position: int
    memo: bytes


LICENSE_KEYS = stream_projection(
    "license_keys",
    BY_CATEGORY["license_key"],
    Row,
    filters=("status", "customer_id", "product_id", "subscription_id"),
)
