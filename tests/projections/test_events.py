"""The index of events: what an event did to its stream, and whom it concerns."""

from domain.fold import fold
from domain.reading import read
from projections.events import Row, placed, rows
from tests.builders import at, entry, event


def test_an_event_without_a_stream_shows_how_it_was_read() -> None:
    entry = read(event(b"not JSON", 7))
    assert rows(entry) == (Row(7, None, None, entry.type, entry.occurred_at, "unreadable"),)


def test_an_event_shows_its_step() -> None:
    told = [entry("subscription.active", "active", 5, position=1)]
    ((shown,),) = map(rows, placed(*fold(told)))
    assert (shown.stream, shown.customer_id) == ("subscription-x_1", "cus_1")
    assert (shown.verdict, shown.status_from, shown.status_to) == ("applied", "pending", "active")


def test_an_event_that_names_nobody_belongs_to_the_customer_of_its_stream() -> None:
    told = [
        entry("subscription.active", "active", 5, position=1),
        entry("subscription.updated", "active", 9, position=2, customer=None),
        entry("subscription.updated", "active", 12, position=3, customer="cus_2"),
    ]
    before = [row for one in placed(*fold(told[:2])) for row in rows(one)]
    assert [row.customer_id for row in before] == ["cus_1", "cus_1"]
    *_, (last,) = map(rows, placed(*fold(told)))
    assert last.customer_id == "cus_2"


def test_an_event_that_tells_otherwise_than_its_resource_is_now_says_so() -> None:
    plan = "subscription.updated"
    told = [
        entry("subscription.active", "active", 5, position=1, product_id="pdt_a"),
        entry(plan, "active", 9, position=2, product_id="pdt_b"),
        entry(plan, "active", 12, position=3, product_id="pdt_b"),
    ]
    assert [row.retold for one in placed(*fold(told)) for row in rows(one)] == [True, False, False]
    paid = [
        entry("payment.processing", "processing", 0, position=1, created_at=at(5_000)),
        entry("payment.succeeded", "succeeded", 5, position=2, created_at=at(-60)),
        entry("payment.succeeded", "succeeded", 9_000, position=3, created_at=at(5_000)),
    ]
    # the first happened more than an hour before it was made, and the second tells another date
    assert [row.retold for one in placed(*fold(paid)) for row in rows(one)] == [True, True, False]


def test_a_snapshot_that_was_rendered_later_shows_since_when_it_counts() -> None:
    told = [
        entry("subscription.active", "on_hold", 0, position=1, sent=7200),
        entry("subscription.on_hold", "on_hold", 3600, position=2),
    ]
    (first,), _ = map(rows, placed(*fold(told)))
    assert (first.newer, first.shown_at) == (True, at(7200))
