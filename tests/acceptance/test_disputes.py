"""Disputes as work over HTTP."""

from datetime import timedelta

import pytest

from tests.acceptance.doors import Doors, deliver
from tests.acceptance.service import number
from tests.builders import at, body

# what the fixture has: dp_1, opened at 9 seconds, of 400 cents, of a payment that nobody told of


@pytest.fixture(scope="module")
def disputed(doors: Doors) -> Doors:
    cart = [{"product_id": "pdt_7", "quantity": 2}]
    contents = [
        body("subscription.active", "active", at(0), "sub_7", product_id="pdt_1"),
        body("payment.succeeded", "succeeded", at(1), "pay_7", total_amount=900, currency="EUR",
             subscription_id="sub_7", product_cart=cart),
        body("dispute.opened", "opened", at(0), "dp_7", customer=None, payment_id="pay_7",
             amount="900", currency="EUR", dispute_stage="pre_dispute", created_at=at(0)),
        body("dispute.opened", "opened", at(5), "dp_8", payment_id="pay_7", amount="50",
             currency="EUR", dispute_stage="dispute", created_at=at(5)),
        body("dispute.opened", "opened", at(5), "dp_9", created_at=at(4)),
        body("dispute.challenged", "challenged", at(6), "dp_9", created_at=at(4)),
    ]  # fmt: skip
    positions = [number(deliver(doors, content).json()["position"]) for content in contents]
    doors.service.await_position(doors.live, positions[-1])
    return doors


def ids(doors: Doors, query: str = "") -> list[str]:
    return [one["dispute_id"] for one in doors.get(f"disputes/due?{query}").json()["data"]]


def test_the_most_urgent_comes_first_with_its_deadline(disputed: Doors) -> None:
    first = disputed.get("disputes/due").json()["data"][0]
    assert ids(disputed) == ["dp_7", "dp_8", "dp_1"]
    assert first["respond_by"] == (at(0) + timedelta(days=7)).isoformat().replace("+00:00", "Z")
    assert (first["overdue"], first["link"]) == (True, "/v1/disputes/dp_7")


def test_a_dispute_itself_tells_its_deadline_while_it_awaits_an_answer(disputed: Doors) -> None:
    (first, *_) = disputed.get("disputes/due").json()["data"]
    one, answered = (disputed.get(f"disputes/{name}").json() for name in ("dp_7", "dp_9"))
    assert one["respond_by"] == first["respond_by"]
    assert answered["respond_by"] is None
    then = disputed.get(f"disputes/dp_9?as_of={at(5).isoformat().replace('+00:00', 'Z')}").json()
    assert then["respond_by"] == (at(4) + timedelta(days=7)).isoformat().replace("+00:00", "Z")
    listed = disputed.get("disputes?fields=dispute_id,respond_by").json()["data"]
    told = {dispute["dispute_id"]: dispute["respond_by"] for dispute in listed}
    assert (told["dp_7"], told["dp_9"]) == (first["respond_by"], None)
    # nothing tells when dp_1 was created: its first event counts
    assert told["dp_1"] == (at(9) + timedelta(days=7)).isoformat().replace("+00:00", "Z")
    assert "respond_by" not in disputed.get("payments/pay_7").json()


def test_it_says_who_paid_and_what_was_bought(disputed: Doors) -> None:
    first, second, third = disputed.get("disputes/due").json()["data"]
    # the dispute itself names nobody
    assert first["customer"] == {
        "customer_id": "cus_1", "email": "cus_1@example.com", "name": "Ada",
    }  # fmt: skip
    assert first["payment"] == {
        "payment_id": "pay_7", "status": "succeeded", "total_amount": 900, "currency": "EUR",
        "created_at": "2026-05-03T12:00:01Z", "refund_status": None,
        "product_cart": [{"product_id": "pdt_7", "quantity": 2}],
        "subscriptions": [{
            "subscription_id": "sub_7", "product_id": "pdt_1", "product_name": None,
            "status": "active",
        }],
    }  # fmt: skip
    assert second["payment"] == first["payment"]
    assert third["payment"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=challenged", ["dp_9"]),
        ("dispute_stage=dispute", ["dp_8"]),
        ("amount_gte=400&amount_lte=899", ["dp_1"]),
        ("currency=EUR&amount_lte=50", ["dp_8"]),
        ("created_at_lte=2026-05-03T12:00:00Z", ["dp_7"]),
        ("created_at_gte=2026-05-03T12:00:05Z", ["dp_8", "dp_1"]),
        ("status=won", []),
    ],
)
def test_filters_choose(disputed: Doors, query: str, found: list[str]) -> None:
    assert ids(disputed, query) == found


def test_pages_follow_each_other(disputed: Doors) -> None:
    page = disputed.get("disputes/due?limit=2").json()
    assert [one["dispute_id"] for one in page["data"]] == ["dp_7", "dp_8"]
    last = disputed.get(f"disputes/due?limit=2&cursor={page['next_cursor']}").json()
    assert ([one["dispute_id"] for one in last["data"]], last["next_cursor"]) == (["dp_1"], None)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("status=frozen", "is not one of opened"),
        ("cursor=dp_none", "cursor: 'dp_none'"),
        ("created_at_gte=monday", "created_at_gte: 'monday' is not a valid timestamp"),
        ("amount_gte=much", "amount_gte"),
        ("colour=red", "unknown parameter. Use status, dispute_stage"),
    ],
)
def test_what_is_wrong_is_named(disputed: Doors, query: str, said: str) -> None:
    answer = disputed.get(f"disputes/due?{query}")
    assert answer.status_code == 400
    assert said in answer.json()["detail"]


# last, since it adds to what the others ask for
def test_a_dispute_that_is_opened_again_may_be_answered_as_long_again(disputed: Doors) -> None:
    day = 86_400
    contents = [
        body(f"dispute.{kind}", kind, at(n * day), "dp_6", created_at=at(0))
        for kind, n in (("opened", 0), ("challenged", 2), ("won", 4), ("opened", 20))
    ]
    positions = [number(deliver(disputed, content).json()["position"]) for content in contents]
    disputed.service.await_position(disputed.live, positions[-1])
    deadline = (at(20 * day) + timedelta(days=7)).isoformat().replace("+00:00", "Z")
    assert disputed.get("disputes/dp_6").json()["respond_by"] == deadline
    page = disputed.get("disputes/due?limit=3").json()
    assert [one["dispute_id"] for one in page["data"]] == ["dp_7", "dp_8", "dp_1"]
    (last,) = disputed.get(f"disputes/due?cursor={page['next_cursor']}").json()["data"]
    assert (last["dispute_id"], last["respond_by"]) == ("dp_6", deadline)
    first = disputed.get(f"disputes/dp_6?as_of={at(day).isoformat().replace('+00:00', 'Z')}").json()
    assert first["respond_by"] == (at(0) + timedelta(days=7)).isoformat().replace("+00:00", "Z")
