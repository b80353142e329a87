"""What events tell of customers: the state that is stored, and descriptions that are new."""

from domain.customer import State
from domain.payload import Customer
from projections.customers import CUSTOMERS, known_after, recall
from tests.builders import at, entry

ENTRIES = [
    entry("subscription.active", "active", 5, position=1),
    entry("subscription.updated", "active", 7, position=2, customer=None),
    entry("payment.succeeded", "succeeded", 9, position=3, identity="pay_1"),
]


def states(*entries: int) -> dict[str, State]:
    return {one.state.id: one.state for one in known_after([ENTRIES[n] for n in entries], {})}


def test_a_row_stores_the_state_that_it_was_made_of() -> None:
    (known,) = known_after(ENTRIES, {})
    (row,) = CUSTOMERS.rows(known)
    assert (row.customer_id, row.email, row.name) == ("cus_1", "cus_1@example.com", "Ada")
    assert (row.created_at, row.position, row.snapshot_position) == (at(5), 3, 3)
    assert recall(row.memo) == known.state


def test_customers_are_known_on_from_what_was_known_before() -> None:
    (whole,) = known_after(ENTRIES, {})
    (later,) = known_after(ENTRIES[2:], states(0, 1))
    assert later.state == whole.state
    assert known_after([ENTRIES[1]], states(0)) == []


def test_a_description_is_new_once() -> None:
    described = Customer("cus_1", "cus_1@example.com", "Ada")
    (whole,) = known_after(ENTRIES, {})
    assert [*whole.descriptions] == [described]
    (later,) = known_after(ENTRIES[2:], states(0))
    assert [*later.descriptions] == []
