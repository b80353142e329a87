"""Sentences: when, what with its id and amount, and where it left the resource."""

from typing import Any

import pytest

from domain.catalog import AGGREGATES
from domain.currency import exponent, minor, money
from domain.fold import fold
from domain.reading import read
from domain.story import sentence
from tests.builders import at, body, event


def told(kind: str, status: str, **fields: Any) -> str:  # noqa: ANN401 - as JSON is
    (step,) = fold([read(event(body(kind, status, at(0), **fields)))])[1]
    return sentence(step).partition(";")[0]


@pytest.mark.parametrize(
    ("kind", "status", "fields", "said"),
    [
        ("refund.succeeded", "succeeded",
         {"identity": "ref_1", "amount": 500, "currency": "EUR"},
         "refund ref_1 of 5.00 EUR succeeded"),
        ("payment.succeeded", "succeeded",
         {"identity": "pay_1", "total_amount": 1900, "currency": "JPY"},
         "payment pay_1 of 1,900 JPY succeeded"),
        ("payment.failed", "failed",
         {"identity": "pay_2", "total_amount": 1250, "currency": "KWD"},
         "payment pay_2 of 1.250 KWD was declined or failed"),
        ("payment.succeeded", "succeeded", {"identity": "pay_3"}, "payment pay_3 succeeded"),
        ("payment.succeeded", "succeeded",
         {"identity": "pay_4", "total_amount": 500}, "payment pay_4 of 500 minor units succeeded"),
        # text, and text with a point: in units of the currency
        ("dispute.opened", "opened", {"identity": "dp_1", "amount": "1900", "currency": "EUR"},
         "the customer opened dispute dp_1 of 19.00 EUR"),
        ("dispute.opened", "opened", {"identity": "dp_1", "amount": "19.00", "currency": "EUR"},
         "the customer opened dispute dp_1 of 19.00 EUR"),
        ("dispute.opened", "opened", {"identity": "dp_1", "amount": "1.250", "currency": "KWD"},
         "the customer opened dispute dp_1 of 1.250 KWD"),
        ("subscription.active", "active",
         {"identity": "sub_1", "recurring_pre_tax_amount": 1900, "currency": "eur"},
         "subscription sub_1 at 19.00 EUR was activated"),
        ("subscription.renewed", "active", {"identity": "sub_1"},
         "a period of subscription sub_1 was paid, now active"),
        ("subscription.gifted", "active", {"identity": "sub_1"},
         ("subscription.gifted of subscription sub_1 is not an event that this version knows,"
          " now active")),
        ("license_key.created", "active", {"identity": "lic_1", "key": "ABCD"},
         "licence key lic_1 was made, now active"),
    ],
)  # fmt: skip
def test_an_event_is_told_with_its_id_and_its_amount(
    kind: str, status: str, fields: dict[str, Any], said: str
) -> None:
    assert told(kind, status, **fields) == f"3 May 2026 12:00: {said}"


def test_a_status_that_stays_is_said_to_stay() -> None:
    bodies = [body("subscription.on_hold", "on_hold", at(n), "sub_1") for n in range(2)]
    told = [read(event(content, n)) for n, content in enumerate(bodies, start=1)]
    first, second = (sentence(step) for step in fold(told)[1])
    assert ": subscription sub_1 was put on hold: a payment failed; " in first
    assert ": subscription sub_1 was put on hold: a payment failed, still on hold; " in second


def test_the_words_of_every_event_name_the_resource() -> None:
    words = {event: said for one in AGGREGATES for event, said in one.lifecycle.words.items()}
    assert {event for event, said in words.items() if said.count("{it}") != 1} == set()


def test_money_is_written_as_it_is_read() -> None:
    for currency in ("EUR", "JPY", "KWD"):
        for amount in (0, 5, -5, 99, -1999, 123_456_789, 10**15 - 1):
            text = money(amount, currency).removesuffix(f" {currency}")
            assert minor(text.replace(",", ""), currency) == amount
            assert len(text.partition(".")[2]) == exponent(currency)


def test_no_amount_is_too_large_to_be_written() -> None:
    assert money(-(10**30) - 5, "EUR") == f"-{10**28:,}.05 EUR"
    assert money(10**30, "JPY") == f"{10**30:,} JPY"
