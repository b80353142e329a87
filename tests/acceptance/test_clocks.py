"""Questions about the past, by either clock."""

import time
from datetime import UTC, datetime, timedelta

from tests.acceptance.doors import Doors, deliver
from tests.acceptance.service import number
from tests.builders import at, body


def test_both_clocks(doors: Doors) -> None:
    deliver(doors, body("subscription.active", "active", at(0), "sub_c", customer="cus_c"))
    time.sleep(0.01)
    between = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    held = body("subscription.on_hold", "on_hold", at(50), "sub_c", customer="cus_c")
    last = deliver(doors, held).json()["position"]
    doors.service.await_position(doors.live, number(last))

    def entitled(query: str) -> bool:
        return bool(doors.get(f"customers/cus_c/access?{query}").json()["entitled"])

    assert not entitled("")
    assert entitled(f"as_of={iso(20)}")
    assert not entitled(f"as_of={iso(60)}")
    assert entitled(f"known_at={between}")
    assert entitled(f"as_of={iso(60)}&known_at={between}")
    assert not entitled(f"as_of={iso(-1)}")
    assert doors.get(f"subscriptions/sub_c?as_of={iso(20)}").json()["status"] == "active"
    assert doors.get(f"subscriptions/sub_c?as_of={iso(-1)}").status_code == 404
    entries = doors.get(f"subscriptions/sub_c/history?known_at={between}").json()["data"]
    assert [e["to"] for e in entries] == ["active"]
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    live = doors.get("subscriptions/sub_c").json()
    past = doors.get(f"subscriptions/sub_c?as_of={now}").json()
    assert past == {k: v for k, v in live.items() if k not in {"related", "paid_until"}}


def test_they_give_it_again_where_the_providers_clock_is_ahead(doors: Doors) -> None:
    moment = datetime.now(UTC) + timedelta(minutes=3)
    told = body("subscription.active", "active", moment, "sub_ahead", customer="cus_ahead")
    last = deliver(doors, told).json()["position"]
    doors.service.await_position(doors.live, number(last))
    access = doors.get("customers/cus_ahead/access").json()
    assert access["entitled"]
    both = f"as_of={access['at']}&known_at={access['position']}"
    assert doors.get(f"customers/cus_ahead/access?{both}").json() == access


def test_an_answers_moment_and_position_give_it_again(doors: Doors) -> None:
    first = deliver(doors, body("subscription.active", "active", at(0), "sub_k", customer="cus_k"))
    doors.service.await_position(doors.live, number(first.json()["position"]))
    access = doors.get("customers/cus_k/access").json()
    one = doors.get("subscriptions/sub_k").json()
    held = body("subscription.on_hold", "on_hold", at(50), "sub_k", customer="cus_k")
    last = deliver(doors, held).json()["position"]
    doors.service.await_position(doors.live, number(last))

    both = f"as_of={access['at']}&known_at={access['position']}"
    again = doors.get(f"customers/cus_k/access?{both}").json()
    assert again == {**access, "position": last}
    # the moment asked about is when that position was recorded
    known = doors.get(f"customers/cus_k/access?known_at={access['position']}").json()
    event = doors.get(f"events/{access['position']}").json()
    assert (known["entitled"], known["at"]) == (True, event["recorded_at"])
    past = doors.get(f"subscriptions/sub_k?known_at={one['position']}").json()
    computed = {"related", "paid_until", "position"}
    assert past == {k: v for k, v in one.items() if k not in computed} | {"position": last}
    entries = doors.get(f"subscriptions/sub_k/history?known_at={one['position']}").json()["data"]
    assert [e["to"] for e in entries] == ["active"]
    assert doors.get("subscriptions/sub_k/history?known_at=0").status_code == 404
    assert not doors.get("customers/cus_k/access?known_at=0").json()["entitled"]


def test_a_day_is_asked_about_by_its_end(doors: Doors) -> None:
    told = body("subscription.active", "active", at(0), "sub_d", customer="cus_d")
    position = deliver(doors, told).json()["position"]
    doors.service.await_position(doors.live, number(position))
    today = datetime.now(UTC).date()
    for query, status in (
        ("as_of=2026-05-02", 404), ("as_of=2026-05-03", 200), (f"as_of={today}", 200),
        (f"known_at={today}", 200), ("known_at=2026-05-02", 404),
        (f"as_of={today}&known_at={today}", 200), ("as_of=2999-01-01", 400),
        ("known_at=2999-01-01", 400), ("known_at=999999", 400), ("as_of=1", 400),
    ):  # fmt: skip
        assert doors.get(f"subscriptions/sub_d?{query}").status_code == status, query
    at_end = doors.get("customers/cus_d/access?as_of=2026-05-03").json()
    assert (at_end["entitled"], at_end["at"]) == (True, "2026-05-03T23:59:59.999999Z")


def iso(seconds: float) -> str:
    return at(seconds).isoformat().replace("+00:00", "Z")
