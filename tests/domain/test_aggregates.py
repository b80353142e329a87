"""What is particular to one aggregate."""

from itertools import permutations
from typing import Any

import msgspec
import pytest

from domain.events import Entry
from domain.fold import fold
from domain.reading import read
from tests.builders import NOON, at, event


def told(kind: str, data: dict[str, Any], seconds: float = 0, position: int = 1) -> Entry:
    document = {"business_id": "bus_1", "type": kind, "timestamp": at(seconds), "data": data}
    return read(event(msgspec.json.encode(document), position, sent_at=at(seconds)))


LEDGER = {"customer_id": "cus_1", "credit_entitlement_id": "cent_1"}


def ledger(before: object, after: object, seconds: float, kind: str = "credit.added") -> Entry:
    data = LEDGER | {
        "id": f"cle_{seconds}", "balance_before": before, "balance_after": after,
        "overage_after": "0", "created_at": at(seconds),
    }  # fmt: skip
    return told(kind, data, seconds, int(seconds) + 1)


def test_a_balance_is_known_by_customer_and_credit_and_the_warning_belongs_to_it() -> None:
    low = told("credit.balance_low", LEDGER | {"available_balance": "15"}, 9, 9)
    rows = [ledger("0", "100", 1), ledger("100", "15.0", 2, "credit.deducted"), low]
    assert {entry.stream for entry in rows} == {"credit-cus_1:cent_1"}
    state = fold(rows)[0].state
    assert (state.balance, state.overage, state.gaps, state.updated_at) == ("15", "0", 0, at(2))


def test_a_missing_ledger_row_shows_as_a_gap() -> None:
    assert fold([ledger("0", "100", 1), ledger("90", "80", 3)])[0].state.gaps == 1


def test_a_number_where_the_ledger_has_strings_is_the_same_amount() -> None:
    assert fold([ledger("0", "100.50", 1), ledger(100.5, 80, 2)])[0].state.balance == "80"


def test_a_dunning_attempt_is_known_by_its_subscription_and_its_time() -> None:
    data = {"subscription_id": "sub_1", "created_at": NOON, "customer_id": "cus_1"}
    started = told("dunning.started", data | {"status": "recovering"})
    recovered = told("dunning.recovered", data | {"status": "recovered"}, 9, 2)
    assert started.stream == recovered.stream == "dunning-sub_1:20260503T120000.000000Z"
    assert fold([started, recovered])[0].status == "recovered"


def test_grants_are_capitalised_on_the_wire_and_may_be_delivered_at_once_and_again() -> None:
    def grant(kind: str, status: str, seconds: float) -> Entry:
        data = {"id": "g_1", "status": status, "customer_id": "cus_1"}
        return told(f"entitlement_grant.{kind}", data, seconds, int(seconds) + 1)

    steps = fold([
        grant("created", "Delivered", 1),
        grant("revoked", "Revoked", 2),
        grant("delivered", "Delivered", 3),
    ])[1]  # fmt: skip
    assert [(s.verdict, s.after) for s in steps] == [
        ("applied", "delivered"), ("applied", "revoked"), ("applied", "delivered"),
    ]  # fmt: skip


def test_a_payout_that_succeeded_may_fail() -> None:
    kinds = [("created", "not_initiated"), ("success", "success"), ("failed", "failed")]
    entries = [
        told(f"payout.{kind}", {"payout_id": "p", "status": status}, n, n + 1)
        for n, (kind, status) in enumerate(kinds)
    ]
    assert [s.verdict for s in fold(entries)[1]] == ["applied"] * 3


def test_an_abandoned_checkout_is_known_by_its_payment() -> None:
    data = {"payment_id": "pay_1", "customer_id": "cus_1", "abandoned_at": NOON}
    folded, steps = fold([
        told("abandoned_checkout.detected", data | {"status": "recovering"}),
        told("abandoned_checkout.recovered", data | {"status": "recovered"}, 9, 2),
    ])  # fmt: skip
    assert (folded.status, [s.verdict for s in steps]) == ("recovered", ["applied", "applied"])


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_ledger_rows_of_one_instant_are_chained(order: tuple[int, ...]) -> None:
    rows = [ledger("0", "100", 1), ledger("100", "90", 2), ledger("90", "70", 3)]
    told_at_once = [
        told(
            "credit.deducted",
            LEDGER | {"id": f"cle_{n}", "created_at": at(5), "balance_before": before,
                      "balance_after": after},
            5, n,
        )
        for n, (before, after) in enumerate([("0", "100"), ("100", "90"), ("90", "70")])
    ]  # fmt: skip
    state = fold([told_at_once[n] for n in order])[0].state
    assert (state.balance, state.gaps) == ("70", 0)
    assert fold(rows)[0].state.balance == "70"


def test_a_ledger_row_told_twice_counts_once() -> None:
    twice = ledger("0", "100", 1)
    again = read(event(twice.event.body, 9, sent_at=at(1)))
    assert fold([twice, again])[0].state.gaps == 0
