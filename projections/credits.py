"""Credits: the balance of each customer in each credit."""

from datetime import datetime

from msgspec import Struct

from domain.catalog import BY_CATEGORY
from domain.credit import State
from domain.fold import Fold, encode
from projections.projection import Projection


class Row(Struct, frozen=True, gc=False):
    """One row; amounts in units of the credit; ``memo`` is the fold, to be extended."""

    credit_id: str
    customer_id: str | None
    status: str
    status_since: datetime
    created_at: datetime
    credit_entitlement_id: str
    updated_at: datetime | None
    balance: str | None
    overage: str | None
    gaps: int
    position: int
    snapshot_position: int
    memo: bytes


def row(folded: Fold[State]) -> Row:
    """The row of one stream; ``created_at`` is its first entry's time where none is given."""
    state = folded.state
    return Row(
        credit_id=state.id,
        customer_id=state.customer_id,
        status=folded.status,
        status_since=folded.since,
        created_at=state.created_at or folded.occurred_at,
        credit_entitlement_id=state.credit_entitlement_id,
        updated_at=state.updated_at,
        balance=state.balance,
        overage=state.overage,
        gaps=state.gaps,
        position=folded.position,
        snapshot_position=folded.snapshot_position,
        memo=encode(folded),
    )


CREDITS = Projection[Fold[State]](
    name="credits",
    key="credit_id",
    columns=Row,
    row=row,
    filters=("customer_id", "credit_entitlement_id"),
    aggregate=BY_CATEGORY["credit"],
)
