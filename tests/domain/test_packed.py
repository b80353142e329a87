"""What is folded from packed entries is what is folded from the bodies."""

from hypothesis import given
from hypothesis import strategies as st

from domain.catalog import SUBSCRIPTION, Aggregate
from domain.fold import fold
from domain.packed import pack, packed, unpack
from domain.reading import read
from projections.catalog import BY_CATEGORY
from projections.events import EVENTS, placed
from tests.builders import body, event
from tests.entries import EVERY, events
from tests.examples import examples


@EVERY
@examples(20)
@given(data=st.data())
def test_packed_entries_fold_into_the_same_rows(aggregate: Aggregate, data: st.DataObject) -> None:
    entries = data.draw(events(aggregate))
    folded, steps = fold(entries)
    kept = [packed(e.event, e.type, e.occurred_at, e.payload, e.unread) for e in entries]
    again, stepped = fold(unpack(aggregate, pack(kept)))
    shows = BY_CATEGORY[aggregate.category]
    assert shows.rows(again) == shows.rows(folded)
    rows = [EVENTS.rows(one) for one in placed(folded, steps)]
    assert [EVENTS.rows(one) for one in placed(again, stepped)] == rows


def test_what_was_unread_is_unread_in_a_rebuild_too() -> None:
    content = body("subscription.active", "active", quantity=[], metadata=[])
    entry = read(event(content))
    (again,) = unpack(SUBSCRIPTION, pack([packed(entry.event, entry.type, entry.occurred_at,
                                                 entry.payload, entry.unread)]))  # fmt: skip
    assert again.unread == entry.unread == ("quantity", "metadata")
    ((row,),) = [EVENTS.rows(one) for one in placed(*fold([again]))]
    assert row.unread == ["quantity", "metadata"]
