"""Active subscriptions whose renewal is overdue, the longest first."""

from tests.acceptance.doors import Doors, deliver
from tests.acceptance.service import number
from tests.builders import at, body

DAY = 86_400


def test_renewals_that_have_not_come_are_listed(doors: Doors) -> None:
    def told(identity: str, days: int, kind: str = "active", **fields: object) -> None:
        content = body(
            f"subscription.{kind}", kind, at(len(last)), identity, f"cus_{identity}",
            created_at=at(0),
            next_billing_date=at(days * DAY), product_id="pdt_r", currency="EUR",
            recurring_pre_tax_amount=900, **fields,
        )  # fmt: skip
        last.append(number(deliver(doors, content).json()["position"]))

    last: list[int] = []
    told("sub_second", 10)
    told("sub_first", 5)
    told("sub_ahead", 90_000)
    told("sub_ends", 5, cancel_at_next_billing_date=True)
    told("sub_held", 5, kind="on_hold")
    told("sub_renewed", 5)
    told("sub_renewed", 90_000, kind="active")
    doors.service.await_position(doors.live, last[-1])

    path = "subscriptions/overdue?product_id=pdt_r"
    first, second = doors.get(path).json()["data"]
    assert (first["subscription_id"], second["subscription_id"]) == ("sub_first", "sub_second")
    assert first["overdue_days"] - second["overdue_days"] == 5
    assert first["customer"] == {
        "customer_id": "cus_sub_first", "email": "cus_sub_first@example.com", "name": "Ada",
    }  # fmt: skip
    access = doors.get("customers/cus_sub_first/access").json()
    assert access["because"][0]["rule"] == "renewal_awaited"
    page = doors.get(f"{path}&limit=1").json()
    rest = doors.get(f"{path}&limit=1&cursor={page['next_cursor']}").json()
    assert (page["data"], rest["data"], rest["next_cursor"]) == ([first], [second], None)
    hours = first["overdue_days"] * 24
    assert doors.get(f"{path}&hours_gte={hours}").json()["data"] == [first]
    assert doors.get(f"{path}&format=csv").text.count("\r\n") == 3
