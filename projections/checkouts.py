"""Abandoned checkouts: status, and the payment that recovered them."""

from datetime import datetime

from msgspec import Struct

from domain.abandoned_checkout import State
from domain.catalog import BY_CATEGORY
from domain.fold import Fold, encode
from projections.projection import Projection


class Row(Struct, frozen=True, gc=False):
    """One row; ``memo`` is the fold, to be extended."""

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


def row(folded: Fold[State]) -> Row:
    """The row of one stream; ``created_at`` is its first entry's time where none is given."""
    state = folded.state
    return Row(
        payment_id=state.id,
        customer_id=state.customer_id,
        status=folded.status,
        status_since=folded.since,
        created_at=state.created_at or folded.occurred_at,
        abandonment_reason=state.abandonment_reason,
        recovered_payment_id=state.recovered_payment_id,
        position=folded.position,
        snapshot_position=folded.snapshot_position,
        memo=encode(folded),
    )


CHECKOUTS = Projection[Fold[State]](
    name="checkouts",
    key="payment_id",
    columns=Row,
    row=row,
    filters=("status", "customer_id", "abandonment_reason"),
    aggregate=BY_CATEGORY["abandoned_checkout"],
)
