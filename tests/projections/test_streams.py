"""Rows of streams: each column has its source, and the type of its source."""

from datetime import datetime
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from domain.catalog import BY_CATEGORY
from domain.fold import decode, fold
from projections.catalog import STREAMS
from projections.projection import Projection
from projections.streams import stream_rows
from tests.builders import NOON, at, entry
from tests.entries import events

EVERY = pytest.mark.parametrize("projection", STREAMS, ids=lambda p: p.name)

DERIVED = {"created_at", "memo", "subscription_ids", "paid_until", "opened_at", "product_ids"}
OF_FOLD = {"status", "status_since", "position", "snapshot_position"}


@EVERY
def test_a_column_has_the_type_of_the_state_that_it_is_copied_from(
    projection: Projection[Any],
) -> None:
    assert projection.aggregate is not None
    state = get_type_hints(projection.aggregate.state)
    columns = get_type_hints(projection.columns)
    key, *copied = [name for name in columns if name not in DERIVED | OF_FOLD]
    assert (key, columns.pop(key)) == (projection.key, state["id"])
    for name in copied:
        assert columns[name] in (state[name], state[name] | None), name


@EVERY
@given(data=st.data())
def test_a_row_is_what_its_fold_says(projection: Projection[Any], data: st.DataObject) -> None:
    assert projection.aggregate is not None
    folded = fold(data.draw(events(projection.aggregate)))[0]
    (row,) = projection.rows(folded)
    values = {name: getattr(row, name) for name in projection.column_names}
    assert values.pop(projection.key) == folded.state.id
    assert (values.pop("status"), values.pop("status_since")) == (folded.status, folded.since)
    assert values.pop("position") == folded.position
    assert values.pop("snapshot_position") == folded.snapshot_position
    assert values.pop("created_at") == (folded.state.created_at or folded.occurred_at)
    assert decode(projection.aggregate.category, values.pop("memo")) == folded
    for name in values.keys() - DERIVED:
        assert values[name] == getattr(folded.state, name), name


def test_a_column_without_a_source_is_refused() -> None:
    class Wrong(Struct):
        payment_id: str
        colour: str

    with pytest.raises(ValueError, match=r"payment: no source for the columns \['colour'\]"):
        stream_rows(BY_CATEGORY["payment"], Wrong)


@pytest.mark.parametrize(
    ("told", "opened"),
    [
        ([("dispute.opened", "opened", 10)], NOON),
        ([("dispute.opened", "opened", 10), ("dispute.challenged", "challenged", 20)], NOON),
        ([("dispute.opened", "opened", 10), ("dispute.won", "won", 20),
          ("dispute.opened", "opened", 30)], at(30)),
    ],
    ids=["once", "answered", "again"],
)  # fmt: skip
def test_a_dispute_was_opened_when_it_last_began_to_await_an_answer(
    told: list[tuple[str, str, float]], opened: datetime
) -> None:
    rows = [
        entry(kind, status, seconds, position=n, created_at=NOON)
        for n, (kind, status, seconds) in enumerate(told, 1)
    ]
    (disputes,) = [one for one in STREAMS if one.name == "disputes"]
    (row,) = disputes.rows(fold(rows)[0])
    assert row.opened_at == opened


def test_a_payment_counts_until_the_end_of_its_latest_period() -> None:
    periods = [
        {"subscription_id": f"sub_{n}", "starts_at": at(0), "ends_at": at(n)} for n in (5, 9, 7)
    ]
    told = entry("payment.succeeded", "succeeded", 1, position=1, service_periods=periods)
    (payments,) = [one for one in STREAMS if one.name == "payments"]
    (row,) = payments.rows(fold([told])[0])
    assert (row.paid_until, row.subscription_ids) == (at(9), ["sub_5", "sub_7", "sub_9"])
