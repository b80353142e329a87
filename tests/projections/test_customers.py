"""The row of a customer, and the state that is kept with it."""

from domain.customer import State, see
from projections.customers import CUSTOMERS, recall
from tests.builders import at, entry


def test_a_row_remembers_the_state_that_it_was_made_of() -> None:
    known: dict[str, State] = {}
    for told in (
        entry("subscription.active", "active", 5, position=1),
        entry("payment.succeeded", "succeeded", 9, position=2, identity="pay_1"),
    ):
        assert told.customer is not None
        see(known, told.customer, told.key, told.event.position)
    row = CUSTOMERS.row(known["cus_1"])
    assert (row.customer_id, row.email, row.name) == ("cus_1", "cus_1@example.com", "Ada")
    assert (row.created_at, row.position, row.snapshot_position) == (at(5), 2, 2)
    assert recall(row.memo) == known["cus_1"]
