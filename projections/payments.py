"""Payments: status, amount and what they paid for."""

from datetime import datetime

from msgspec import Struct

from domain.catalog import BY_CATEGORY
from domain.fold import Fold
from domain.payment import State
from projections.streams import stream_projection


class Row(Struct, frozen=True, gc=False):
    """One row; amounts in minor units of ``currency``; ``memo`` is the stored fold.

    ``paid_until`` is the latest end of the periods that it paid for.
    """

    payment_id: str
    customer_id: str | None
    status: str
    status_since: datetime
    created_at: datetime
    subscription_ids: list[str]
    paid_until: datetime | None
    total_amount: int | None
    currency: str | None
    refund_status: str | None
    invoice_id: str | None
    is_update_payment_method: bool
    product_ids: list[str]
    position: int
    snapshot_position: int
    memo: bytes


def _paid_until(fold: Fold[State]) -> datetime | None:
    return max((period.ends_at for period in fold.state.periods), default=None)


PAYMENTS = stream_projection(
    "payments",
    BY_CATEGORY["payment"],
    Row,
    filters=("status", "customer_id", "subscription_id", "currency"),
    subscription_ids=lambda fold: list(fold.state.subscription_ids),
    paid_until=_paid_until,
    product_ids=lambda fold: list(fold.state.product_ids),
)
