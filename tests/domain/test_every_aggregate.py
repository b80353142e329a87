"""What holds for each aggregate alike, shown on walks along its own table."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalog import BY_CATEGORY, Aggregate
from domain.events import Entry
from domain.fold import Fold, decode, encode, extend, fold
from domain.payload import Count, Digits, Minor, Moment, Name
from domain.reading import read
from domain.steps import Step
from tests.builders import at, event
from tests.entries import EVERY, IDENTITY, events
from tests.examples import examples


@EVERY
@examples(12)
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
@examples(10)
@given(data=st.data())
def test_no_order_of_arrival_changes_state_or_verdicts(
    aggregate: Aggregate, data: st.DataObject
) -> None:
    entries = data.draw(events(aggregate))
    first = fold(entries)[0]
    other = fold(data.draw(st.permutations(entries)))[0]
    assert first == other


REQUIRED = {
    "subscription": "product_id created_at previous_billing_date next_billing_date"
    " cancel_at_next_billing_date trial_period_days quantity recurring_pre_tax_amount currency"
    " payment_frequency_interval payment_frequency_count on_demand",
    "payment": "created_at total_amount currency settlement_amount settlement_currency"
    " is_update_payment_method",
    "refund": "payment_id created_at is_partial",
    "dispute": "payment_id created_at dispute_stage amount currency",
    "license_key": "customer_id product_id created_at key",
    "entitlement_grant": "customer_id entitlement_id integration_type created_at",
    "payout": "created_at updated_at amount fee currency",
    "abandoned_checkout": "customer_id abandonment_reason abandoned_at",
    "dunning": "customer_id trigger_state",
}
"""What the provider's SDK calls required, besides identities; a credit's balances are a chain."""

SAID: dict[Any, st.SearchStrategy[Any]] = {
    Moment | None: st.sampled_from([at(0), at(1)]),
    Minor | None: st.integers(0, 2),
    Count | None: st.integers(0, 2),
    Digits | Minor | None: st.sampled_from(["0", "90", 0, 100]),
    bool | None: st.booleans(),
    Name | None: st.sampled_from(["one", "other"]),
}
LEFT_OUT = st.sampled_from(["absent", None, {"unreadable": 1}])


@pytest.mark.parametrize("category", REQUIRED)
@examples(10)
@given(data=st.data())
def test_a_required_field_that_a_later_snapshot_leaves_out_stays_as_it_was(
    category: str, data: st.DataObject
) -> None:
    aggregate = BY_CATEGORY[category]
    payload: Any = aggregate.payload
    types = {f.encode_name: f.type for f in msgspec.structs.fields(payload)}
    known = {name: data.draw(SAID[types[name]], name) for name in REQUIRED[category].split()}
    sparse, full = [known], [known]
    for _ in range(data.draw(st.integers(1, 3))):
        left_out = {name: data.draw(LEFT_OUT, name) for name in known if data.draw(st.booleans())}
        said = {name: data.draw(SAID[types[name]]) for name in known.keys() - left_out.keys()}
        known = known | said
        full.append(known)
        sparse.append(said | {n: how for n, how in left_out.items() if how != "absent"})
    kind = data.draw(st.sampled_from([aggregate.lifecycle.events[0], f"{category}.gifted"]))
    assert told(category, kind, sparse) == told(category, kind, full)


def told(category: str, kind: str, snapshots: list[dict[str, Any]]) -> Any:  # noqa: ANN401
    """The state after these snapshots, one a second."""
    entries = []
    for second, snapshot in enumerate(snapshots, 1):
        data = IDENTITY.get(category, {"id": "i"}) | snapshot
        document = {"business_id": "b", "type": kind, "timestamp": at(second), "data": data}
        entries.append(read(event(msgspec.json.encode(document), second, f"m-{second}")))
    return fold(entries)[0].state


@EVERY
def test_each_field_of_a_state_is_the_one_of_that_name(aggregate: Aggregate) -> None:
    payload: Any = aggregate.payload
    values = {
        field.encode_name: value
        for number, field in enumerate(msgspec.structs.fields(payload), 1)
        for value in (at(number).isoformat(), f"text {number}", number, number % 2 == 0)
        if _fits(value, field.type)
    }
    seen = msgspec.convert({**IDENTITY.get(aggregate.category, {"id": "i"}), **values}, payload)
    state = aggregate.evolve(None, seen)
    shared = {*seen.__struct_fields__} & {*state.__struct_fields__} - {"id"}
    told = {name for name in shared if getattr(seen, name) is not None}
    assert {name: getattr(state, name) for name in told} == {
        name: getattr(seen, name) for name in told
    }
    assert len({str(getattr(seen, name)) for name in told}) > len(told) / 2


def _fits(value: object, kind: Any) -> bool:  # noqa: ANN401
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def test_every_category_of_the_walks_exists() -> None:
    assert IDENTITY.keys() <= BY_CATEGORY.keys()
