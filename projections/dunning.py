"""Dunning attempts: status, and the subscription they are about."""

from datetime import datetime

from msgspec import Struct

from domain.catalog import BY_CATEGORY
from domain.dunning import State
from domain.fold import Fold, encode
from projections.projection import Projection


class Row(Struct, frozen=True, gc=False):
    """One row; ``memo`` is the fold, to be extended."""

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


def row(folded: Fold[State]) -> Row:
    """The row of one stream; ``created_at`` is its first entry's time where none is given."""
    state = folded.state
    return Row(
        dunning_id=state.id,
        customer_id=state.customer_id,
        status=folded.status,
        status_since=folded.since,
        created_at=state.created_at or folded.occurred_at,
        subscription_id=state.subscription_id,
        trigger_state=state.trigger_state,
        payment_id=state.payment_id,
        position=folded.position,
        snapshot_position=folded.snapshot_position,
        memo=encode(folded),
    )


DUNNING = Projection[Fold[State]](
    name="dunning",
    key="dunning_id",
    columns=Row,
    row=row,
    filters=("status", "customer_id", "subscription_id", "trigger_state"),
    aggregate=BY_CATEGORY["dunning"],
)
