"""The movements of recurring revenue: one row each, none where nothing moved."""

from typing import Any

from domain.fold import fold
from domain.reading import read
from projections.events import placed
from projections.movements import Row, rows
from tests.builders import at, entry, event

BODY: dict[str, Any] = {
    "recurring_pre_tax_amount": 1000,
    "currency": "EUR",
    "payment_frequency_interval": "Month",
    "payment_frequency_count": 1,
    "product_id": "pdt_1",
}


def test_an_event_shows_what_it_moved() -> None:
    told = [
        entry("subscription.active", "active", 5, position=1, **BODY),
        entry("subscription.renewed", "active", 9, position=2, **BODY),
    ]
    first, second = map(rows, placed(*fold(told)))
    stream = "subscription-x_1"
    assert first == [Row(1, 0, stream, at(5), "new", "EUR", 1000, "pdt_1", None, 0)]
    assert second == ()


def test_a_change_of_currency_leaves_one_and_enters_the_other() -> None:
    told = [
        entry("subscription.active", "active", 5, position=1, **BODY),
        entry("subscription.updated", "active", 9, position=2, **{**BODY, "currency": "USD"}),
    ]
    _, moved = map(rows, placed(*fold(told)))
    assert [(row.number, row.kind, row.currency, row.amount) for row in moved] == [
        (0, "switched_from", "EUR", -1000), (1, "switched_to", "USD", 1000)
    ]  # fmt: skip


def test_what_belongs_to_no_stream_moves_nothing() -> None:
    assert rows(read(event(b"not JSON", 7))) == ()
