"""How a folded resource is answered: the provider's latest snapshot, and what we know beside."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Raw

from domain import events
from domain.customer import State as Customer
from domain.dispute import AWAITING
from domain.dispute import State as Dispute
from domain.fold import Fold, decode
from projections.customers import CUSTOMERS, recall
from projections.disputes import DISPUTES, opened_at
from projections.projection import Projection
from service.answers import shown

BESIDE = ("subscription_ids", "balance", "overage", "gaps")
"""What a fold knows and a single snapshot may not show."""


def document(
    projection: Projection[Any], row: Mapping[str, Any], response_days: int
) -> dict[str, Any]:
    """A row of a read model, with the body of the event that supplies its snapshot."""
    if projection is CUSTOMERS:
        return _customer(recall(row["memo"]), row["body"])
    category = projection.aggregate.category if projection.aggregate else ""
    told = resource(projection, decode(category, row["memo"]), row["body"], response_days)
    # its stream is set aside: what came since is not in it
    return {**told, "stale": True} if row["stale"] else told


def resource(
    projection: Projection[Any], folded: Fold[Any], body: bytes, response_days: int
) -> dict[str, Any]:
    """A fold, with the body of the event that supplies its snapshot.

    ``status`` is ours; ``provider_status`` is the word that the snapshot has, known or not. A
    dispute may be answered ``response_days`` after its opening.
    """
    seen = _fields(body)
    beside = {name: getattr(folded.state, name) for name in BESIDE if hasattr(folded.state, name)}
    if projection is DISPUTES:
        beside["respond_by"] = _respond_by(folded, response_days)
    return {
        **seen,
        **beside,
        projection.key: folded.state.id,
        "status": shown(folded.status),
        "status_since": folded.since,
        "provider_status": seen.get("dispute_status", seen.get("status")),
        "verdicts": folded.verdicts,
        "event_position": str(folded.position),
    }


def _respond_by(folded: Fold[Dispute], response_days: int) -> datetime | None:
    if folded.status != AWAITING:
        return None
    return opened_at(folded) + timedelta(days=response_days)


def _customer(state: Customer, body: bytes | None) -> dict[str, Any]:
    details = _fields(body).get("customer") if body else None
    known = msgspec.json.decode(details, type=dict[str, Raw]) if details else {}
    return {
        **known,
        "customer_id": state.id,
        "created_at": state.occurred_at,
        "event_position": str(state.position),
    }


def _fields(body: bytes) -> dict[str, Raw]:
    # one answer is one line, however the provider laid out its own
    return events.snapshot(msgspec.json.format(body, indent=-1) if b"\n" in body else body)
