"""How a folded resource is answered: the provider's latest snapshot, and what we know beside."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, get_type_hints

import msgspec
from msgspec import Raw

from domain import events
from domain.catalog import Aggregate
from domain.customer import State as Customer
from domain.dispute import AWAITING
from domain.dispute import State as Dispute
from domain.fold import Fold, decode
from projections.customers import CUSTOMERS, recall
from projections.disputes import DISPUTES, opened_at
from projections.projection import Projection
from service.queries.answers import shown

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

    What the snapshot leaves out, and an earlier one told, is shown as the fold keeps it. ``status``
    is ours; ``provider_status`` is the word that the snapshot has, known or not; ``other_status``
    is set where nothing decides between two readings. A dispute may be answered ``response_days``
    after its opening.
    """
    seen = events.snapshot(body)
    beside = {name: getattr(folded.state, name) for name in BESIDE if hasattr(folded.state, name)}
    if projection is DISPUTES:
        beside["respond_by"] = _respond_by(folded, response_days)
    return {
        **seen,
        **_kept(folded.state, seen, projection.aggregate),
        **beside,
        projection.key: folded.state.id,
        "status": shown(folded.status),
        "status_since": folded.since,
        "other_status": folded.other and shown(folded.other.status),
        "provider_status": seen.get("dispute_status", seen.get("status")),
        "verdicts": folded.verdicts,
        "event_position": str(folded.position),
    }


def _kept(state: Any, seen: Mapping[str, Raw], aggregate: Aggregate | None) -> dict[str, Any]:  # noqa: ANN401
    """What a state knows, under the provider's names, of what a snapshot leaves out or has null."""
    if aggregate is None:
        return {}
    kept: dict[str, Any] = {}
    for name in _alike(aggregate):
        value = getattr(state, name)
        # a flag that is false may never have been told
        if value is not None and value is not False and _is_null(seen.get(name)):
            kept[name] = value
    customer_id = getattr(state, "customer_id", None)
    names_customer = "customer" in aggregate.payload.__struct_fields__  # type: ignore[attr-defined]
    if names_customer and customer_id and _is_null(seen.get("customer")):
        kept["customer"] = {"customer_id": customer_id}
    return kept


@cache
def _alike(aggregate: Aggregate) -> tuple[str, ...]:
    """The fields that a state has as the provider does: of the same name and of the same type."""
    fields, hints = msgspec.structs.fields(aggregate.payload), get_type_hints(aggregate.payload)  # type: ignore[arg-type]
    provided = {f.encode_name: hints[f.name] for f in fields}
    return tuple(
        name
        for name, kind in get_type_hints(aggregate.state).items()
        # a state's flag is false where the payload's may be absent
        if name in provided and kind in {provided[name], bool}
    )


def _is_null(value: Raw | None) -> bool:
    return value is None or bytes(value) == b"null"


def _respond_by(folded: Fold[Dispute], response_days: int) -> datetime | None:
    if folded.status != AWAITING:
        return None
    return opened_at(folded) + timedelta(days=response_days)


def _customer(state: Customer, body: bytes | None) -> dict[str, Any]:
    details = events.snapshot(body).get("customer") if body else None
    known = msgspec.json.decode(details, type=dict[str, Raw]) if details else {}
    newest = {"email": state.email, "name": state.name}
    return {
        **known,
        "customer_id": state.id,
        **{name: value for name, value in newest.items() if value is not None},
        "created_at": state.occurred_at,
        "event_position": str(state.position),
    }
