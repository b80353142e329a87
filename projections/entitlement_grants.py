"""Entitlement grants: status, holder and what they were given with."""

from datetime import datetime

from msgspec import Struct

from domain.catalog import BY_CATEGORY
from projections.streams import stream_projection


class Row(Struct, frozen=True, gc=False):
    """One row; ``memo`` is the stored fold."""

    entitlement_grant_id: str
    customer_id: str | None
    status: str
    status_since: datetime
    created_at: datetime
    entitlement_id: str | None
    integration_type: str | None
    subscription_id: str | None
    payment_id: str | None
    license_key: str | None
    position: int
    snapshot_position: int
    memo: bytes


ENTITLEMENT_GRANTS = stream_projection(
    "entitlement_grants",
    BY_CATEGORY["entitlement_grant"],
    Row,
    filters=("status", "customer_id", "entitlement_id", "subscription_id", "integration_type"),
)
