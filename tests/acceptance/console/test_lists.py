"""Lists of what belongs to a customer or a subscription: page by page, however much it is."""

import re

from tests.acceptance.console.browsing import signed_in
from tests.acceptance.doors import Doors
from tests.acceptance.service import number
from tests.builders import SECRET, at, body

PAYMENTS, SHOWN, A_PAGE = 31, 20, 25


def ids(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a class="id" [^>]*>(pay_list_\d+)</a>', page)


def link(page: str, name: str) -> str:
    found = re.search(f'<a[^>]* href="([^"]*)">{name}</a>', page)
    assert found, name
    return found[1].replace("&amp;", "&")


def test_all_payments_of_a_subscription_and_of_a_customer_are_a_click_away(doors: Doors) -> None:
    customer = {"customer_id": "cus_list", "email": "list@example.com"}
    doors.service.deliver(
        "live", SECRET, body("subscription.active", "active", at(0), "sub_list", customer=customer)
    )
    last = None
    for n in range(PAYMENTS):
        content = body(
            "payment.succeeded", "succeeded", at(n), f"pay_list_{n:02}", created_at=at(n),
            subscription_id="sub_list", customer=customer, total_amount=100, currency="EUR",
        )  # fmt: skip
        last = doors.service.deliver("live", SECRET, content)
    assert last
    doors.service.await_position(doors.live, number(last.json()["position"]))
    newest = [f"pay_list_{n:02}" for n in reversed(range(PAYMENTS))]
    with signed_in(doors, doors.live) as client:
        for path, name in (
            ("subscriptions/sub_list", "All payments of this subscription"),
            ("customers/cus_list", "All payments of this customer"),
        ):
            page = client.get(f"/console/live/{path}").text
            assert ids(page) == newest[:SHOWN]
            first = client.get(link(page, name))
            assert first.status_code == 200
            assert ids(first.text) == newest[:A_PAGE]
            # a status, and the next page, are of the same
            failed = client.get(link(first.text, "failed")).text
            assert "There are none in this status" in failed
            assert ids(client.get(link(first.text, "Older")).text) == newest[A_PAGE:]
