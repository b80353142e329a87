"""Access as a login, a page and a nightly job ask for it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from service.api.access import FRESH_SECONDS
from service.api.access_body import MOST_CUSTOMERS
from tests.acceptance.doors import Doors, deliver
from tests.acceptance.service import number
from tests.builders import at, body

PERIOD = {"next_billing_date": datetime(2099, 1, 1, tzinfo=UTC)}


def tell(doors: Doors, *contents: bytes) -> str:
    """Deliver, and wait until it shows; the position of the last."""
    position = "0"
    for content in contents:
        position = deliver(doors, content).json()["position"]
    doors.service.await_position(doors.live, number(position))
    return position


def active(identity: str, customer: str, **fields: Any) -> bytes:  # noqa: ANN401
    return body("subscription.active", "active", at(0), identity, customer, **fields)


def ask(doors: Doors, content: Any, key: str | None = None, query: str = "") -> httpx.Response:  # noqa: ANN401
    raw = content if isinstance(content, bytes) else msgspec.json.encode(content)
    headers = {"authorization": f"Bearer {key or doors.live}"}
    return doors.service.client.post(f"/v1/access{query}", content=raw, headers=headers)


def test_an_id_of_which_the_book_holds_nothing_is_not_known(doors: Doors) -> None:
    tell(
        doors,
        body("payment.processing", "processing", at(0), "pay_kn", "cus_kn_tried"),
        active("sub_kn", "cus_kn", **PERIOD),
    )
    for customer, known, state in (
        ("cus_kn", True, "active"),
        # the book has heard of the customer, but nothing decides
        ("cus_kn_tried", True, "never"),
        ("cus_kn_mistyped", False, "never"),
        ("CUS_KN", False, "never"),
    ):
        answer = doors.get(f"customers/{customer}/access")
        told = answer.json()
        assert answer.status_code == 200
        assert (told["known"], told["state"], told["hint"]) == (known, state, None)
        assert told["entitled"] == (state == "active")


def test_an_address_is_answered_with_what_to_ask(doors: Doors) -> None:
    customer = {"customer_id": "cus_hint", "email": "ada+x@example.com"}
    tell(doors, body("subscription.active", "active", at(0), "sub_hint", customer, **PERIOD))
    told = doors.get("customers/Ada%2Bx@example.com/access").json()
    assert (told["entitled"], told["known"]) == (False, False)
    path = told["hint"].partition("/v1/")[2]
    assert path == "customers?email=Ada%2Bx%40example.com"
    assert [one["customer_id"] for one in doors.get(path).json()["data"]] == ["cus_hint"]


def test_what_was_known_is_told_of_the_past_too(doors: Doors) -> None:
    before = doors.get("customers/cus_then/access").json()
    tell(doors, active("sub_then", "cus_then", **PERIOD))
    then = f"as_of={before['at']}&known_at={before['position']}"
    again = doors.get(f"customers/cus_then/access?{then}").json()
    assert {**again, "position": ""} == {**before, "position": ""}
    for query, known in (
        ("as_of=2026-05-02", False),
        ("as_of=2026-05-03", True),
        (f"known_at={before['position']}", False),
        (f"known_at={before['at']}", False),
        (f"known_at={datetime.now(UTC).date()}", True),
        ("known_at=0", False),
    ):
        told = doors.get(f"customers/cus_then/access?{query}").json()
        assert told["known"] == told["entitled"] == known, query
        assert told["state"] == ("active" if known else "never"), query


def test_only_an_answer_that_lets_in_may_be_kept(doors: Doors) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=30)
    tell(
        doors,
        active("sub_c1", "cus_c_long", **PERIOD),
        active("sub_c2", "cus_c_soon", next_billing_date=soon),
        active("sub_c3", "cus_c_open"),
        body("subscription.on_hold", "on_hold", at(0), "sub_c4", "cus_c_held"),
    )

    def kept(path: str) -> str:
        return doors.get(f"customers/{path}").headers["cache-control"]

    assert kept("cus_c_long/access") == f"private, max-age={FRESH_SECONDS}"
    assert kept("cus_c_long/access?fields=entitled") == f"private, max-age={FRESH_SECONDS}"
    assert kept("cus_c_open/access") == f"private, max-age={FRESH_SECONDS}"
    # not beyond a date that may decide otherwise
    assert 0 < int(kept("cus_c_soon/access").partition("max-age=")[2]) <= 30
    for path in (
        "cus_c_held/access", "cus_c_nobody/access", "cus_c_long/access?as_of=2026-05-04",
        "cus_c_long",
    ):  # fmt: skip
        assert kept(path) == "private, no-cache", path
    assert ask(doors, {"customer_ids": ["cus_c_long"]}).headers["cache-control"] == "no-store"


def test_many_are_answered_as_each_is_alone(told: Doors) -> None:
    customers = ["cus_nobody", "cus_1", "ada@example.com", "cus/1?", "cus_2"]
    for query in (
        "",
        "as_of=2026-05-03T12:00:30Z",
        "as_of=2026-05-02",
        "known_at=1",
        "fields=state",
    ):
        members: dict[str, Any] = dict(part.split("=") for part in query.split("&") if part)
        if "fields" in members:
            members["fields"] = [members["fields"]]
        answer = ask(told, {"customer_ids": customers, **members})
        assert answer.status_code == 200, answer.text
        whole = answer.json()
        assert whole["position"] == answer.headers["daybook-position"]
        alone = []
        for customer in customers:
            escaped = customer.replace("/", "%2F").replace("?", "%3F")
            alone.append(told.get(f"customers/{escaped}/access?{query}").json())
        assert [comparable(one) for one in whole["data"]] == [comparable(one) for one in alone]
        assert {one["position"] for one in whole["data"]} == {whole["position"]}


def comparable(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what differs from question to question."""
    moment = answer.get("at", "")
    return {**answer, "at": moment if moment.startswith("2026-05") else ""}


def test_many_wait_for_a_position_and_keep_to_their_book(doors: Doors) -> None:
    position = deliver(doors, active("sub_m", "cus_m", **PERIOD)).json()["position"]
    question = {"customer_ids": ["cus_m"], "min_position": position}
    assert ask(doors, question).json()["data"][0]["entitled"]
    assert not ask(doors, {"customer_ids": ["cus_m"]}, doors.test).json()["data"][0]["known"]
    beyond = {"customer_ids": ["cus_m"], "min_position": "1-00000000"}
    assert ask(doors, beyond).json()["type"] == "/problems/book-was-restored"
    unsigned = doors.service.client.post("/v1/access", json=question)
    assert unsigned.status_code == 401


def test_a_thousand_are_answered_in_one_question(doors: Doors) -> None:
    tell(doors, active("sub_t", "cus_t_0500", **PERIOD))
    customers = [f"cus_t_{n:04}" for n in range(MOST_CUSTOMERS)]
    data = ask(doors, {"customer_ids": customers}).json()["data"]
    assert [one["customer_id"] for one in data] == customers
    assert [one["customer_id"] for one in data if one["entitled"]] == ["cus_t_0500"]


ONE = ["cus_1"]


@pytest.mark.parametrize(
    ("content", "name", "detail"),
    [
        ({}, "", "missing required field `customer_ids`"),
        ([], "", "Expected `object`"),
        ({"customer_ids": []}, "customer_ids", "0 are given. Use 1 to 1,000"),
        ({"customer_ids": "cus_1"}, "customer_ids", "Expected `array`"),
        ({"customer_ids": [1]}, "customer_ids", "Expected `str`"),
        ({"customer_ids": ["a", ""]}, "customer_ids", "customer_ids[1]: has 0 characters"),
        ({"customer_ids": ["a", "b" * 501]}, "customer_ids", "customer_ids[1]: has 501 characters"),
        ({"customer_ids": ["a", "b", "a"]}, "customer_ids", "[2]: 'a' is customer_ids[0] too"),
        ({"customer_ids": [f"{n}" for n in range(1001)]}, "customer_ids", "1,001 are given"),
        ({"customer_ids": ONE, "colour": "red"}, "", "unknown field `colour`"),
        ({"customer_ids": ONE, "as_of": "yesterday"}, "as_of", "Use RFC 3339"),
        ({"customer_ids": ONE, "as_of": "2999-01-01"}, "as_of", "must not be in the future"),
        ({"customer_ids": ONE, "known_at": "soon"}, "known_at", "or a position"),
        ({"customer_ids": ONE, "min_position": 8}, "min_position", "Expected `str | null`"),
        ({"customer_ids": ONE, "min_position": "x"}, "min_position", "is not a position"),
        ({"customer_ids": ONE, "stale": "no"}, "stale", "is not one of ok"),
        ({"customer_ids": ONE, "fields": ["A"]}, "fields", "names of fields"),
    ],
)  # fmt: skip
def test_a_wrong_body_is_told_what_is_wrong(
    doors: Doors, content: Any, name: str, detail: str  # noqa: ANN401
) -> None:  # fmt: skip
    answer = ask(doors, content)
    told = answer.json()
    assert (answer.status_code, told["type"]) == (400, "/problems/invalid-parameter"), told
    assert told["parameter"] == name
    assert detail in told["detail"]


def test_a_member_that_there_is_not_is_told_which_there_are(doors: Doors) -> None:
    told = ask(doors, {"customer_ids": ONE, "colour": "red"}).json()
    assert told["allowed"] == [
        "customer_ids", "as_of", "known_at", "fields", "min_position", "stale",
    ]  # fmt: skip
    told = ask(doors, {"customer_ids": ONE, "min_position": 8}).json()
    assert told["allowed"] == ["a text, as in a query"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"customer_ids": ["\\ud800"]}'])
def test_a_body_that_is_not_json_is_told_how_it_looks(doors: Doors, content: bytes) -> None:
    told = ask(doors, content).json()
    assert told["type"] == "/problems/bad-request"
    assert '{"customer_ids":["cus_1","cus_2"]}' in told["detail"]


def test_what_cannot_be_recorded_and_what_is_endless_is_refused(doors: Doors) -> None:
    assert ask(doors, {"customer_ids": ["a\0b"]}).status_code == 400
    assert ask(doors, b" " * (1 << 20) + b"{}").status_code == 413
    # the limit on webhooks is another
    assert ask(doors, {"customer_ids": [f"cus_{n:020}" for n in range(1000)]}).status_code == 200
    astray = ask(doors, {"customer_ids": ONE}, query="?min_position=1").json()
    assert (astray["parameter"], astray["status"]) == ("min_position", 400)


def test_absent_members_may_be_null(doors: Doors) -> None:
    nothing = dict.fromkeys(("as_of", "known_at", "fields", "min_position", "stale"))
    assert ask(doors, {"customer_ids": ONE, **nothing}).status_code == 200
