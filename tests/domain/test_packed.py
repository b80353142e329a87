"""What is folded from packed entries is what is folded from the bodies."""

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalog import Aggregate
from domain.fold import fold
from domain.packed import pack, packed, unpack
from projections.catalog import BY_CATEGORY
from projections.events import EVENTS, placed
from tests.domain.test_every_aggregate import EVERY, events


@EVERY
@settings(max_examples=100)
@given(data=st.data())
def test_packed_entries_fold_into_the_same_rows(aggregate: Aggregate, data: st.DataObject) -> None:
    entries = data.draw(events(aggregate))
    folded, steps = fold(entries)
    kept = [packed(e.event, e.type, e.occurred_at, e.payload, e.unread) for e in entries]
    again, stepped = fold(unpack(aggregate, pack(kept)))
    shows = BY_CATEGORY[aggregate.category]
    assert shows.row(again) == shows.row(folded)
    rows = [EVENTS.row(one) for one in placed(folded, steps)]
    assert [EVENTS.row(one) for one in placed(again, stepped)] == rows
