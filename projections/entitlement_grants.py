"""Entitlement grants: status, holder and what they were given with."""

from datetime import datetime

from msgspec import Struct

from domain.catalog import BY_CATEGORY
from domain.entitlement_grant import State
from domain.fold import Fold, encode
from projections.projection import Projection


class Row(Struct, frozen=True, gc=False):
    """One row; ``memo`` is the fold, to be extended."""

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


def row(folded: Fold[State]) -> Row:
    """The row of one stream; ``created_at`` is its first entry's time where none is given."""
    state = folded.state
    return Row(
        entitlement_grant_id=state.id,
        customer_id=state.customer_id,
        status=folded.status,
        status_since=folded.since,
        created_at=state.created_at or folded.occurred_at,
        entitlement_id=state.entitlement_id,
        integration_type=state.integration_type,
        subscription_id=state.subscription_id,
        payment_id=state.payment_id,
        license_key=state.license_key,
        position=folded.position,
        snapshot_position=folded.snapshot_position,
        memo=encode(folded),
    )


ENTITLEMENT_GRANTS = Projection[Fold[State]](
    name="entitlement_grants",
    key="entitlement_grant_id",
    columns=Row,
    row=row,
    filters=("status", "customer_id", "entitlement_id", "subscription_id", "integration_type"),
    aggregate=BY_CATEGORY["entitlement_grant"],
)
