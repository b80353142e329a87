"""What a payload leaves out and an earlier one told is not lost; over HTTP."""

import csv
from datetime import UTC, datetime, timedelta
from typing import Any

from service.ingest.signature import signed_headers
from tests.acceptance.doors import Doors, deliver
from tests.acceptance.service import number
from tests.builders import SECRET, at, body


def tell(doors: Doors, content: bytes) -> int:
    """Deliver a webhook, and wait until it is projected."""
    position = number(deliver(doors, content).json()["position"])
    doors.service.await_position(doors.live, position)
    return position


def test_what_names_nobody_concerns_the_customer_of_its_stream_or_payment(doors: Doors) -> None:
    told = [
        ("subscription.active", "active", "sub_n", "cus_n", None),
        ("subscription.on_hold", "on_hold", "sub_n", None, None),
        # of a payment that is told of later
        ("refund.succeeded", "succeeded", "ref_n", None, "pay_n"),
        ("dispute.opened", "opened", "dp_n", None, "pay_n"),
        ("payment.succeeded", "succeeded", "pay_n", "cus_n", None),
        ("payment.succeeded", "succeeded", "pay_nobody", None, None),
        ("refund.succeeded", "succeeded", "ref_nobody", None, "pay_nobody"),
    ]
    places = []
    for n, (kind, status, identity, who, payment_id) in enumerate(told):
        extra = {"payment_id": payment_id} if payment_id else {}
        places.append(deliver(doors, body(kind, status, at(n), identity, who, **extra)).json())
    first, last = (number(places[n]["position"]) for n in (0, -1))
    doors.service.await_position(doors.live, last)
    hers = {"subscription-sub_n", "refund-ref_n", "dispute-dp_n", "payment-pay_n"}

    timeline = doors.get("customers/cus_n/timeline").json()["data"]
    assert [e["type"] for e in timeline] == [kind for kind, *_ in told[4::-1]]
    events = doors.get("events?customer_id=cus_n").json()["data"]
    assert [e["type"] for e in events] == [kind for kind, *_ in told[:5]]
    changes = doors.get(f"changes?after={first - 1}").json()["data"]
    assert {f"{c['kind']}-{c['id']}" for c in changes if c["customer_id"] == "cus_n"} == hers
    assert {c["customer_id"] for c in changes[5:]} == {None}
    assert {e["customer_id"] for e in (*timeline, *events)} == {"cus_n"}
    one = doors.get(f"events/{first + 3}").json()
    assert (one["type"], one["customer_id"]) == ("dispute.opened", "cus_n")
    assert doors.get(f"events/{last}").json()["customer_id"] is None
    assert len(doors.get("events?customer_id=cus_n&type=dispute.opened").json()["data"]) == 1


def test_what_a_snapshot_leaves_out_is_shown_as_an_earlier_one_told_it(doors: Doors) -> None:
    ends = "2099-12-01T00:00:00Z"
    told: dict[str, Any] = {
        "currency": "EUR", "next_billing_date": ends, "cancel_at_next_billing_date": True,
        "payment_id": "pay_kept", "cancelled_at": "2026-05-03T11:00:00Z",
    }  # fmt: skip
    tell(doors, body("subscription.active", "active", at(0), "sub_kept", "cus_kept", **told))
    later = {"next_billing_date": None, "quantity": 3}
    tell(doors, body("subscription.updated", "active", at(60), "sub_kept", None, **later))
    kept = {
        "currency": "EUR", "next_billing_date": ends, "cancel_at_next_billing_date": True,
        "payment_id": "pay_kept", "quantity": 3, "customer": {"customer_id": "cus_kept"},
    }  # fmt: skip
    one = doors.get("subscriptions/sub_kept").json()
    assert kept.items() <= one.items()
    # what may be null is null; what was never told is not there
    assert not {"cancelled_at", "product_id", "trial_period_days", "id"} & one.keys()

    (listed,) = doors.get("subscriptions?customer_id=cus_kept").json()["data"]
    assert kept.items() <= listed.items()
    past = doors.get("subscriptions/sub_kept?as_of=2026-05-03T13:00:00Z").json()
    assert kept.items() <= past.items()
    headers = {"authorization": f"Bearer {doors.live}", "accept": "text/csv"}
    answer = doors.service.client.get("/v1/subscriptions?customer_id=cus_kept", headers=headers)
    (row,) = csv.DictReader(answer.text.splitlines())
    assert (row["currency"], row["next_billing_date"], row["customer.customer_id"]) == (
        "EUR", ends, "cus_kept",
    )  # fmt: skip


def test_what_a_fold_reads_in_another_form_is_not_shown_for_the_providers(doors: Doors) -> None:
    tell(doors, body("dispute.opened", "opened", at(0), "dp_kept", amount="400", currency="EUR"))
    tell(doors, body("dispute.challenged", "challenged", at(60), "dp_kept"))
    one = doors.get("disputes/dp_kept").json()
    assert one["currency"] == "EUR"
    assert "amount" not in one
    # a flag of which nothing was told is not false
    tell(doors, body("subscription.active", "active", at(0), "sub_flag"))
    assert "cancel_at_next_billing_date" not in doors.get("subscriptions/sub_flag").json()


def test_an_address_is_the_latest_that_was_told_and_none_is_forgotten(doors: Doors) -> None:
    def told(kind: str, status: str, when: datetime, sent: datetime, **details: str) -> None:
        customer = {"customer_id": "cus_moved", **details}
        content = body(kind, status, when, "moved_1", customer)
        headers = signed_headers(SECRET, f"msg_{kind}_{sent}", sent, content)
        answer = doors.service.client.post("/webhooks/live", content=content, headers=headers)
        assert answer.status_code == 200, answer.text
        doors.service.await_position(doors.live, number(answer.json()["position"]))

    now = datetime.now(UTC)
    early = now - timedelta(seconds=200)
    told("subscription.renewed", "active", early, early, email="old@example.com", name="Mo")
    # happened before, and was sent when the address had changed
    before = early - timedelta(seconds=1)
    told("payment.succeeded", "succeeded", before, now, email="new@example.com")
    one = doors.get("customers/cus_moved").json()
    assert (one["email"], one["name"]) == ("new@example.com", "Mo")
    # an event that was sent at once and knows only the name
    told("subscription.updated", "active", now, now, name="Mona")
    one = doors.get("customers/cus_moved").json()
    assert (one["email"], one["name"]) == ("new@example.com", "Mona")
    (found,) = doors.get("search?q=new@example.com").json()["data"]
    assert (found["id"], found["label"]) == ("cus_moved", "Mona <new@example.com>")
