"""Payments: status, amount and what they paid for."""

from datetime import datetime

from msgspec import Struct

from domain.catalog import BY_CATEGORY
from domain.fold import Fold, encode
from domain.payment import State
from projections.projection import Projection


class Row(Struct, frozen=True, gc=False):
    """One row; amounts in minor units of ``currency``; ``memo`` is the fold, to be extended.

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
    position: int
    snapshot_position: int
    memo: bytes


def row(folded: Fold[State]) -> Row:
    """The row of one stream; ``created_at`` is its first entry's time where none is given."""
    state = folded.state
    return Row(
        payment_id=state.id,
        customer_id=state.customer_id,
        status=folded.status,
        status_since=folded.since,
        created_at=state.created_at or folded.occurred_at,
        subscription_ids=list(state.subscription_ids),
        paid_until=max((period.ends_at for period in state.periods), default=None),
        total_amount=state.total_amount,
        currency=state.currency,
        refund_status=state.refund_status,
        invoice_id=state.invoice_id,
        is_update_payment_method=state.is_update_payment_method,
        position=folded.position,
        snapshot_position=folded.snapshot_position,
        memo=encode(folded),
    )


PAYMENTS = Projection[Fold[State]](
    name="payments",
    key="payment_id",
    columns=Row,
    row=row,
    filters=("status", "customer_id", "subscription_id", "currency"),
    aggregate=BY_CATEGORY["payment"],
)
