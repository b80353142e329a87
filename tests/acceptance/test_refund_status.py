"""The refund status of a payment follows the refunds in the book, as no event of its own does."""

from typing import Any

import pytest

from tests.acceptance.doors import Doors, deliver
from tests.acceptance.service import number
from tests.builders import at, body

# of each payment what it took, what its snapshot says, its refunds, and what is right
PAYMENTS: dict[str, tuple[int | None, str | None, list[dict[str, Any]], str | None]] = {
    "pay_none": (900, None, [], None),
    "pay_part": (900, None, [{"amount": 300}], "partial"),
    "pay_parts": (900, None, [{"amount": 300}, {"amount": 600}], "full"),
    "pay_whole": (900, "partial", [{"amount": 900}], "full"),
    "pay_said": (900, "full", [{"amount": 300}], "full"),
    "pay_strange": (900, "reversed", [{"amount": 900}], "reversed"),
    "pay_failed": (900, None, [{"amount": 900, "status": "failed"}], None),
    "pay_zero": (900, None, [{"amount": 0}], None),
    "pay_other": (900, None, [{"amount": 900, "currency": "JPY"}], None),
    "pay_yen_whole": (900, None, [{"amount": 5, "currency": "JPY", "is_partial": False}], "full"),
    "pay_yen_part": (
        900,
        None,
        [{"amount": 900, "currency": "JPY", "is_partial": True}],
        "partial",
    ),
    "pay_untold": (900, None, [{"amount": None, "is_partial": False}], "full"),
    "pay_unknown": (None, None, [{"amount": 5}], "partial"),
}


@pytest.fixture(scope="module")
def refunded(doors: Doors) -> Doors:
    for name, (total, said, refunds, _) in PAYMENTS.items():
        contents = [
            body("payment.succeeded", "succeeded", at(1), name, total_amount=total,
                 currency="EUR", refund_status=said)
        ]  # fmt: skip
        for nth, refund in enumerate(refunds):
            status = refund.get("status", "succeeded")
            fields = {"currency": "EUR", "amount": 0, **refund, "status": status}
            identity = f"ref_{name}_{nth}"
            contents.append(
                body(f"refund.{status}", status, at(9), identity, payment_id=name,
                     **{k: v for k, v in fields.items() if k != "status"})
            )  # fmt: skip
        for content in contents:
            position = number(deliver(doors, content).json()["position"])
    dispute = body("dispute.opened", "opened", at(9), "dp_5", payment_id="pay_part")
    position = number(deliver(doors, dispute).json()["position"])
    doors.service.await_position(doors.live, position)
    return doors


def test_one_payment_and_the_list_say_what_was_refunded(refunded: Doors) -> None:
    listed = refunded.get("payments?fields=payment_id,refund_status").json()["data"]
    right = {name: status for name, (*_, status) in PAYMENTS.items()}
    assert {one["payment_id"]: one["refund_status"] for one in listed} == right
    alone = {name: refunded.get(f"payments/{name}").json()["refund_status"] for name in PAYMENTS}
    assert alone == right


def test_a_disputed_payment_says_it_too(refunded: Doors) -> None:
    due = {one["dispute_id"]: one for one in refunded.get("disputes/due").json()["data"]}
    assert due["dp_5"]["payment"]["refund_status"] == "partial"


def test_as_of_a_moment_it_is_what_the_snapshot_said(refunded: Doors) -> None:
    then = refunded.get("payments/pay_part?as_of=2026-05-03T12:00:05Z").json()
    assert then["refund_status"] is None
