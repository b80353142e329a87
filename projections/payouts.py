"""Payouts: status and amount."""

from datetime import datetime

from msgspec import Struct

from domain.catalog import BY_CATEGORY
from domain.fold import Fold, encode
from domain.payout import State
from projections.projection import Projection


class Row(Struct, frozen=True, gc=False):
    """One row; amounts in minor units of ``currency``; ``memo`` is the fold, to be extended."""

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


def row(folded: Fold[State]) -> Row:
    """The row of one stream; ``created_at`` is its first entry's time where none is given."""
    state = folded.state
    return Row(
        payout_id=state.id,
        status=folded.status,
        status_since=folded.since,
        created_at=state.created_at or folded.occurred_at,
        updated_at=state.updated_at,
        amount=state.amount,
        fee=state.fee,
        currency=state.currency,
        position=folded.position,
        snapshot_position=folded.snapshot_position,
        memo=encode(folded),
    )


PAYOUTS = Projection[Fold[State]](
    name="payouts",
    key="payout_id",
    columns=Row,
    row=row,
    filters=("status", "currency"),
    aggregate=BY_CATEGORY["payout"],
)
