"""What holds for each aggregate alike, shown on walks along its own table."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalog import AGGREGATES, BY_CATEGORY, Aggregate
from domain.events import Entry, _read_with_care, entry_of, read, read_at_once
from domain.fold import Fold, Step, decode, encode, extend, fold
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


@EVERY
@settings(max_examples=150)
@given(data=st.data())
def test_extending_is_folding(aggregate: Aggregate, data: st.DataObject) -> None:
    entries = data.draw(events(aggregate))
    whole, all_steps = fold(entries)
    memo: Fold[Any] | None = None
    done: list[Entry] = []
    steps: dict[int, Step] = {}
    rest = list(entries)
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        batch, rest = rest[:size], rest[size:]
        stored = decode(aggregate.category, encode(memo)) if memo else None
        extended = extend(stored, batch) if stored else fold(batch)
        done.extend(batch)
        memo, stepped = extended or fold(done)
        steps |= {s.entry.event.position: s for s in stepped}
    assert memo == whole
    assert steps == {s.entry.event.position: s for s in all_steps}


@EVERY
@settings(max_examples=60)
@given(data=st.data())
def test_no_order_of_arrival_changes_state_or_verdicts(
    aggregate: Aggregate, data: st.DataObject
) -> None:
    entries = data.draw(events(aggregate))
    first = fold(entries)[0]
    other = fold(data.draw(st.permutations(entries)))[0]
    assert first == other


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=3,
)
TIMES = st.sampled_from([
    "2026-05-03T12:00:00Z", "2026-05-03T12:00:00+02:00", "9999-12-31T23:59:59-12:00",
    "0001-01-01T00:00:00+14:00", "2026-05-03T12:00:00", "soon", None, 7,
])  # fmt: skip


@settings(max_examples=400)
@given(data=st.data(), business=st.sampled_from([None, "b", "other"]))
def test_the_quick_way_of_reading_is_the_careful_one(
    data: st.DataObject, business: str | None
) -> None:
    aggregate = data.draw(st.sampled_from(AGGREGATES))
    kinds = [*aggregate.lifecycle.events, f"{aggregate.category}.strange", "payout.not_initiated"]
    payload: Any = aggregate.payload
    names = [f.encode_name for f in msgspec.structs.fields(payload)]
    fields = data.draw(st.dictionaries(st.sampled_from(names), JSON | TIMES, max_size=4))
    document = {
        "business_id": data.draw(st.sampled_from(["b", "other", None, 5])),
        "type": data.draw(st.sampled_from(kinds)),
        "timestamp": data.draw(TIMES),
        "data": {**IDENTITY.get(aggregate.category, {"id": "i"}), **fields},
    }
    order = data.draw(st.permutations(list(document)))
    recorded = event(msgspec.json.encode({name: document[name] for name in order}))
    quick = read_at_once(recorded.body, business)
    careful = _read_with_care(recorded, business)
    assert quick is None or entry_of(recorded, *quick, ()) == careful


def test_every_category_of_the_walks_exists() -> None:
    assert IDENTITY.keys() <= BY_CATEGORY.keys()
