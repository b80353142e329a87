"""Entries of any aggregate, at random."""

from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st

from domain.catalog import AGGREGATES, Aggregate
from domain.events import Entry
from domain.reading import read
from tests.builders import at, event

EVERY = pytest.mark.parametrize("aggregate", AGGREGATES, ids=lambda a: a.category)

IDENTITY = {
    "subscription": {"subscription_id": "s"},
    "payment": {"payment_id": "p"},
    "refund": {"refund_id": "r"},
    "dispute": {"dispute_id": "d"},
    "payout": {"payout_id": "o"},
    "credit": {"customer_id": "c", "credit_entitlement_id": "e"},
    "abandoned_checkout": {"payment_id": "p"},
    "dunning": {"subscription_id": "s"},
}


@st.composite
def events(draw: st.DrawFn, aggregate: Aggregate, most: int = 8) -> list[Entry]:
    """Any facts at all, with any snapshots: what no provider would send is among them."""
    life = aggregate.lifecycle
    told = []
    for position in range(1, draw(st.integers(1, most)) + 1):
        second = draw(st.sampled_from([0.0, 1.0, 1.5, 60.0, 4000.0]))
        status = draw(st.sampled_from([None, "strange", *life.statuses]))
        data: dict[str, Any] = IDENTITY.get(aggregate.category, {"id": "i"}) | {
            "dispute_status" if aggregate.category == "dispute" else "status": status
        }
        if aggregate.category == "credit":
            amounts = st.sampled_from(["0", "10", "20", "30"])
            made = at(draw(st.sampled_from([0, 1, 2])))
            data |= {
                "id": draw(st.sampled_from([None, "a", "b", "c"])), "created_at": made,
                "balance_before": draw(amounts), "balance_after": draw(amounts | st.none()),
            }  # fmt: skip
        kind = draw(st.sampled_from([*life.events, f"{aggregate.category}.strange"]))
        document = {"business_id": "b", "type": kind, "timestamp": at(second), "data": data}
        sent = at(second + draw(st.sampled_from([0, 2, 5000])))
        webhook_id = draw(st.sampled_from(["m1", "m2", f"m-{position}"]))
        told.append(read(event(msgspec.json.encode(document), position, webhook_id, sent)))
    # the store keeps the first of a kind
    kept: dict[tuple[str, bytes], Entry] = {}
    for entry in told:
        kept.setdefault((entry.event.webhook_id, entry.event.body_sha256), entry)
    return list(kept.values())
