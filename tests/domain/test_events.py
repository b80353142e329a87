import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.payload import Customer
from domain.reading import read, snapshot
from tests.builders import NOON, body, event


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (b"", "unreadable"),
        (b"not json", "unreadable"),
        (b"[1]", "unreadable"),
        (b'{"data":{}}', "unreadable"),
        (b'{"type":"\xff"}', "unreadable"),
        (b"[" * 100_000, "unreadable"),
        (b'{"type":"subscription.active","data":{"status":"active"}}', "unreadable"),
        (b'{"type":"subscription.active","data":{"subscription_id":"a\\u0000"}}', "unreadable"),
        (b'{"type":"brand.created","timestamp":"2026-05-03T12:00:00Z","data":{}}', "unknown"),
        (b'{"type":"subscription.born","data":{}}', "unknown"),
    ],
)
def test_what_cannot_be_understood_says_so(content: bytes, verdict: str) -> None:
    entry = read(event(content))
    assert (entry.verdict, entry.stream) == (verdict, None)


@given(st.binary(max_size=200))
def test_no_bytes_make_reading_fail(content: bytes) -> None:
    assert read(event(content)).verdict in {"unreadable", "unknown", None}


@given(
    st.dictionaries(
        st.sampled_from(["subscription_id", "status", "customer", "created_at", "quantity", "x"]),
        st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists),
    )
)
def test_no_value_of_any_field_makes_reading_fail(data: dict[str, object]) -> None:
    content = msgspec.json.encode({"type": "subscription.active", "timestamp": NOON, "data": data})
    read(event(content))


def test_another_business_than_the_books_is_foreign_and_in_no_stream() -> None:
    entry = read(event(body("subscription.active", "active")), business_id="bus_other")
    assert (entry.verdict, entry.stream) == ("foreign", None)


def test_a_field_that_cannot_be_read_is_named_and_does_not_cost_the_event() -> None:
    content = body("subscription.active", "active", quantity=["two"], next_billing_date=7)
    entry = read(event(content))
    assert entry.verdict is None
    assert set(entry.unread) == {"quantity", "next_billing_date"}
    assert entry.payload.product_id is None
    assert entry.status == "active"


def test_a_number_where_a_string_is_documented_is_read() -> None:
    entry = read(event(body("subscription.active", "active", product_id="p", quantity="3")))
    assert (entry.payload.quantity, entry.unread) == (3, ())


def test_a_time_that_cannot_be_read_gives_way_to_when_it_was_sent() -> None:
    content = b'{"type":"subscription.active","timestamp":"soon","data":{"subscription_id":"s"}}'
    entry = read(event(content))
    assert (entry.occurred_at, entry.unread) == (NOON, ("timestamp",))


@pytest.mark.parametrize(
    ("sent", "ours"), [("dispute_opened", "opened"), ("OPENED", "opened"), (None, None)]
)
def test_statuses_are_spelled_our_way(sent: str | None, ours: str | None) -> None:
    content = body("dispute.opened", None, dispute_status=sent)
    assert read(event(content)).status == ours


def test_the_snapshot_keeps_the_bytes_of_its_fields() -> None:
    content = b'{"type":"x","data":{"amount": 1.50, "new_field": {"a":[1 ,2]}}}'
    assert {k: bytes(v) for k, v in snapshot(content).items()} == {
        "amount": b"1.50",
        "new_field": b'{"a":[1 ,2]}',
    }


def test_an_older_name_of_a_type_is_read_as_the_newer_one() -> None:
    content = b'{"type":"payout.not_initiated","data":{"payout_id":"p","status":"not_initiated"}}'
    assert read(event(content)).type == "payout.created"


def test_whom_it_concerns_is_not_lost_with_a_strange_name() -> None:
    customer = {"customer_id": "cus_9", "email": {"odd": 1}, "name": "A\0"}
    entry = read(event(body("subscription.active", "active", customer=customer)))
    assert entry.customer == Customer("cus_9", None, None)
    assert set(entry.unread) == {"customer.email", "customer.name"}


@pytest.mark.parametrize("timestamp", [b'"2026-05-03T12:00:00"', b"5", b"null", b"{}"])
def test_a_body_that_can_be_read_has_a_snapshot(timestamp: bytes) -> None:
    content = b'{"type":"payout.created","timestamp":%b,"business_id":5,"data":{"payout_id":"p"}}'
    assert read(event(content % timestamp)).stream == "payout-p"
    assert snapshot(content % timestamp)["payout_id"] == msgspec.Raw(b'"p"')
