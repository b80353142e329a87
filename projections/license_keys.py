"""Licence keys: status, holder and what they were sold with."""

from datetime import datetime

from msgspec import Struct

from domain.catalog import BY_CATEGORY
from domain.fold import Fold, encode
from domain.license_key import State
from projections.projection import Projection


class Row(Struct, frozen=True, gc=False):
    """One row; ``memo`` is the fold, to be extended."""

    license_key_id: str
    customer_id: str | None
    status: str
    status_since: datetime
    created_at: datetime
    product_id: str | None
    subscription_id: str | None
    payment_id: str | None
    expires_at: datetime | None
    key: str | None
    position: int
    snapshot_position: int
    memo: bytes


def row(folded: Fold[State]) -> Row:
    """The row of one stream; ``created_at`` is its first entry's time where none is given."""
    state = folded.state
    return Row(
        license_key_id=state.id,
        customer_id=state.customer_id,
        status=folded.status,
        status_since=folded.since,
        created_at=state.created_at or folded.occurred_at,
        product_id=state.product_id,
        subscription_id=state.subscription_id,
        payment_id=state.payment_id,
        expires_at=state.expires_at,
        key=state.key,
        position=folded.position,
        snapshot_position=folded.snapshot_position,
        memo=encode(folded),
    )


LICENSE_KEYS = Projection[Fold[State]](
    name="license_keys",
    key="license_key_id",
    columns=Row,
    row=row,
    filters=("status", "customer_id", "product_id", "subscription_id"),
    aggregate=BY_CATEGORY["license_key"],
)
