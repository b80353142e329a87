"""Subscriptions: status, since when, and what the access policy needs."""

from datetime import datetime

from msgspec import Struct

from domain.catalog import BY_CATEGORY
from projections.streams import stream_projection


class Row(Struct, frozen=True, gc=False):
    """One row; amounts in minor units of ``currency``; ``memo`` is the stored fold."""

    subscription_id: str
    customer_id: str | None
    status: str
    status_since: datetime
    created_at: datetime
    product_id: str | None
    previous_billing_date: datetime | None
    next_billing_date: datetime | None
    cancel_at_next_billing_date: bool
    recurring_pre_tax_amount: int | None
    currency: str | None
    position: int
    snapshot_position: int
    memo: bytes


SUBSCRIPTIONS = stream_projection(
    "subscriptions",
    BY_CATEGORY["subscription"],
    Row,
    filters=("status", "customer_id", "product_id"),
)
