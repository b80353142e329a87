"""Dunning attempts: status, and the subscription they are about."""

from datetime import datetime

from msgspec import Struct

from domain.catalog import BY_CATEGORY
from projections.streams import stream_projection


class Row(Struct, frozen=True, gc=False):
    """One row; ``memo`` is the stored fold."""

    dunning_id: str
    customer_id: str | None
    status: str
    status_since: datetime
    created_at: datetime
    subscription_id: str
    trigger_state: str | None
    payment_id: str | None
    position: int
    snapshot_position: int
    memo: bytes


DUNNING = stream_projection(
    "dunning",
    BY_CATEGORY["dunning"],
    Row,
    filters=("status", "customer_id", "subscription_id", "trigger_state"),
)
