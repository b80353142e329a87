"""Subscriptions: status, since when, and what the access policy needs."""

from datetime import datetime

from msgspec import Struct

from domain.catalog import BY_CATEGORY
from domain.fold import Fold, encode
from domain.subscription import State
from projections.projection import Projection


class Row(Struct, frozen=True, gc=False):
    """One row; amounts in minor units of ``currency``; ``memo`` is the fold, to be extended."""

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


def row(folded: Fold[State]) -> Row:
    """The row of one stream; ``created_at`` is its first entry's time where none is given."""
    state = folded.state
    return Row(
        subscription_id=state.id,
        customer_id=state.customer_id,
        status=folded.status,
        status_since=folded.since,
        created_at=state.created_at or folded.occurred_at,
        product_id=state.product_id,
        previous_billing_date=state.previous_billing_date,
        next_billing_date=state.next_billing_date,
        cancel_at_next_billing_date=state.cancel_at_next_billing_date,
        recurring_pre_tax_amount=state.recurring_pre_tax_amount,
        currency=state.currency,
        position=folded.position,
        snapshot_position=folded.snapshot_position,
        memo=encode(folded),
    )


SUBSCRIPTIONS = Projection[Fold[State]](
    name="subscriptions",
    key="subscription_id",
    columns=Row,
    row=row,
    filters=("status", "customer_id", "product_id"),
    aggregate=BY_CATEGORY["subscription"],
)
