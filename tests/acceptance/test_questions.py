"""The questions over HTTP, and how the answers look."""

import secrets

import pytest

from tests.acceptance.doors import Doors, deliver
from tests.acceptance.service import command, number
from tests.acceptance.test_clocks import iso
from tests.builders import SECRET, at, body


def test_a_list_is_paged_newest_first_without_gap_or_repetition(doors: Doors) -> None:
    seen: list[str] = []
    cursor = ""
    while True:
        page = doors.get(f"subscriptions?limit=2{cursor}").json()
        seen += [one["subscription_id"] for one in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == ["sub_4", "sub_3", "sub_2", "sub_1", "sub_0"]


def test_filters_choose(doors: Doors) -> None:
    def ids(query: str) -> list[str]:
        return [
            one["subscription_id"] for one in doors.get(f"subscriptions?{query}").json()["data"]
        ]

    assert ids("status=on_hold") == ["sub_0"]
    assert ids("status=on_hold&customer_id=cus_1") == ["sub_0"]
    assert ids("customer_id=cus_9") == []
    assert (
        doors.get("customers?email=cus_1@example.com").json()["data"][0]["customer_id"] == "cus_1"
    )


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("subscriptions?colour=red", "colour: unknown parameter. Use status, "),
        ("subscriptions?status=frozen", "is not one of pending, active"),
        ("subscriptions?limit=0", "limit: '0' is not valid. Use a whole number from 1 to 100."),
        ("subscriptions?limit=many", "limit"),
        ("subscriptions?cursor=rubbish", "cursor"),
        ("subscriptions/%00", "cannot store"),
        ("subscriptions/sub_0/history?type=x", "type: unknown parameter. Use as_of, known_at"),
        ("subscriptions?sort=amount", "is not one of -created_at, created_at, -status_since"),
        (
            "subscriptions?created_at_gte=May",
            "'May' is not a valid timestamp. Use RFC 3339 (2026-03-14T10:00:00Z) or a date",
        ),
        ("subscriptions?customer_id=", "customer_id: '' is not valid. Use 1 to 500 characters."),
        ("subscriptions?fields=Status", "Use names of fields, separated by commas"),
        ("customers/cus_1/access?as_of=yesterday", "is not a valid timestamp"),
        ("customers/cus_1/access?as_of=2026-05-03T12:00:00", "is not a valid timestamp"),
        ("customers/cus_1/access?known_at=2999-01-01T00:00:00Z", "must not be in the future"),
        (
            "subscriptions/sub_0?as_of=2026-05-03T12:00:00Z&known_at=2026-05-03T11:00:00Z",
            "after known_at",
        ),
        ("customers/cus_1/timeline?kind=invoice", "is not one of subscription, payment"),
        ("events?verdict=odd", "is not one of foreign"),
        ("events?late=yes", "is not one of true, false"),
        ("events?verdict=", "is not one of foreign"),
        ("events?after=zzz", "is not a position"),
        ("subscriptions?status=active&status=paused", "status: given more than once. Use it once."),
    ],
)
def test_a_parameter_that_is_wrong_is_named(doors: Doors, path: str, said: str) -> None:
    answer = doors.get(path)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-parameter")
    assert said in answer.json()["detail"]


def test_a_dispute_answers_in_our_status_and_in_the_providers(doors: Doors) -> None:
    one = doors.get("disputes/dp_1").json()
    assert (one["status"], one["dispute_status"], one["amount"]) == (
        "opened",
        "dispute_opened",
        "400",
    )
    assert one["status_since"] == "2026-05-03T12:00:09Z"


def test_nobody_is_entitled_of_whom_nothing_is_recorded(doors: Doors) -> None:
    answer = doors.get("customers/cus_nobody/access").json()
    assert (answer["entitled"], answer["until"], answer["because"]) == (False, None, [])


def test_a_cursor_belongs_to_its_list_and_filters(doors: Doors) -> None:
    def cursor(path: str) -> str:
        return str(doors.get(path).json()["next_cursor"])

    place = cursor("subscriptions?limit=1&status=active")
    assert doors.get(f"subscriptions?status=active&cursor={place}&limit=3").status_code == 200
    for path in (
        f"subscriptions?cursor={place}",
        f"subscriptions?status=on_hold&cursor={place}",
        f"payments?status=succeeded&cursor={place}",
        f"events?cursor={cursor('customers/cus_1/timeline?limit=1&sort=occurred_at')}",
        f"subscriptions/sub_0/history?cursor={cursor('customers/cus_1/timeline?limit=1')}",
        f"customers/cus_1/timeline?kind=refund&cursor={cursor('customers/cus_1/timeline?limit=1')}",
    ):
        answer = doors.get(path).json()
        assert (answer["type"], answer["parameter"]) == ("/problems/invalid-parameter", "cursor")
        assert "belongs to another list or other filters" in answer["detail"]
    sorted_ = doors.get(f"subscriptions?status=active&cursor={place}&sort=created_at").json()
    assert "sorted by -created_at, not by created_at" in sorted_["detail"]


def test_an_id_with_a_slash_can_be_asked_for(doors: Doors) -> None:
    content = body("subscription.active", "active", at(3), "sub/1/history", "cus/1 %2F")
    position = deliver(doors, content).json()["position"]
    doors.service.await_position(doors.live, number(position))
    (found,) = doors.get("search?q=sub/1/history").json()["data"]
    assert found["link"] == "/v1/subscriptions/sub%2F1%2Fhistory"
    for path in (found["link"], found["link"].replace("%2F", "%2f")):
        one = doors.get(path.removeprefix("/v1/"))
        assert one.json()["subscription_id"] == "sub/1/history"
    (entry,) = doors.get("subscriptions/sub%2F1%2Fhistory/history").json()["data"]
    assert entry["event_position"] == str(number(position))
    access = doors.get("customers/cus%2F1%20%252F/access").json()
    assert (access["customer_id"], access["entitled"]) == ("cus/1 %2F", True)
    assert len(doors.get("customers/cus%2F1%20%252F/timeline").json()["data"]) == 1
    assert doors.get("subscriptions/sub/1").status_code == 404
    for path in ("nothing/a%2Fb", "subscriptions%2Fsub_0", "subscriptions/%2F", "events/1%2Fbody"):
        answer = doors.get(path)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found"), path


@pytest.mark.parametrize(
    "path", ["subscriptions/sub_9", "customers/c9", "events/999", "events/x", "payments/p/history"]
)
def test_what_is_not_there_is_not_found(doors: Doors, path: str) -> None:
    assert (doors.get(path).status_code, doors.get(path).json()["type"]) == (
        404,
        "/problems/not-found",
    )


def test_a_key_opens_its_own_book_only(doors: Doors) -> None:
    assert doors.get("subscriptions/sub_0").status_code == 200
    assert doors.get("subscriptions/sub_0", doors.test).status_code == 404


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer nope", "Basic eDp5", "Bearer dbk_live_x_y"]
)
def test_without_a_key_nothing_is_learnt(doors: Doors, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header}
    for path in ("subscriptions/sub_0", "subscriptions/nope", "events/1/body"):
        answer = doors.service.client.get(f"/v1/{path}", headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (401, "/problems/unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


def test_what_needs_attention_is_listed_and_counted(doors: Doors) -> None:
    deliver(doors, body("subscription.frozen", "active", at(70), "sub_f", customer="cus_f"))
    late = body("subscription.updated", "active", at(30), "sub_0")
    position = deliver(doors, late).json()["position"]
    doors.service.await_position(doors.live, number(position))
    unknown = doors.get("events?verdict=unknown,unexpected&type=subscription.frozen").json()["data"]
    assert [(e["stream"], e["verdict"]) for e in unknown] == [("subscription-sub_f", "unknown")]
    lates = doors.get("events?late=true&stream=subscription-sub_0").json()["data"]
    assert [(e["event_position"], e["from"], e["to"]) for e in lates] == [
        (str(number(position)), "active", "active")
    ]
    counts = doors.get("events/counts").json()["data"]
    assert {"verdict": "unknown", "type": "subscription.frozen", "count": 1}.items() <= next(
        c for c in counts if c["type"] == "subscription.frozen"
    ).items()


def test_events_are_paged_in_the_order_of_recording(doors: Doors) -> None:
    first = doors.get("events?limit=3").json()
    assert [e["event_position"] for e in first["data"]] == ["1", "2", "3"]
    second = doors.get(f"events?limit=3&cursor={first['next_cursor']}").json()
    assert [e["event_position"] for e in second["data"]] == ["4", "5", "6"]


def test_a_timeline_interleaves_everything_of_a_customer(doors: Doors) -> None:
    last = None
    for n, (kind, status, identity) in enumerate([
        ("subscription.active", "active", "sub_t"), ("payment.succeeded", "succeeded", "pay_t"),
        ("refund.succeeded", "succeeded", "ref_t"), ("dispute.opened", "opened", "dp_t"),
    ]):  # fmt: skip
        # the dispute names no customer, and is the customer's by its payment
        who = None if identity == "dp_t" else "cus_t"
        last = deliver(doors, body(kind, status, at(n), identity, who, payment_id="pay_t"))
    assert last
    doors.service.await_position(doors.live, number(last.json()["position"]))
    seen: list[str] = []
    cursor = ""
    while True:
        page = doors.get(f"customers/cus_t/timeline?limit=2{cursor}").json()
        seen += [e["stream"] for e in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == ["dispute-dp_t", "refund-ref_t", "payment-pay_t", "subscription-sub_t"]
    only = doors.get("customers/cus_t/timeline?kind=payment,refund").json()["data"]
    assert [e["type"] for e in only] == ["refund.succeeded", "payment.succeeded"]
    assert only[1]["what"].startswith("3 May 2026 12:00: payment pay_t succeeded; reported")


def test_relations_appear_in_either_order(doors: Doors) -> None:
    period = {
        "subscription_id": "sub_r",
        "starts_at": at(0),
        "ends_at": at(9),
        "proration_factor": 1,
    }
    refund = body("refund.succeeded", "succeeded", at(3), "ref_r", payment_id="pay_r", amount=5)
    payment = body(
        "payment.succeeded", "succeeded", at(1), "pay_r", total_amount=1900, currency="EUR",
        subscription_id=None, subscription_ids=["sub_r", "sub_s"], service_periods=[period],
    )  # fmt: skip
    last = None
    for content in (refund, payment, body("subscription.active", "active", at(0), "sub_r")):
        last = deliver(doors, content)
    assert last
    doors.service.await_position(doors.live, number(last.json()["position"]))
    one = doors.get("payments/pay_r").json()
    assert one["subscription_ids"] == ["sub_r", "sub_s"]
    assert [r["refund_id"] for r in one["related"]["refunds"]] == ["ref_r"]
    subscription = doors.get("subscriptions/sub_r").json()
    assert subscription["paid_until"] == iso(9)
    assert [p["payment_id"] for p in subscription["related"]["payments"]] == ["pay_r"]
    assert [
        p["payment_id"] for p in doors.get("payments?subscription_id=sub_s").json()["data"]
    ] == ["pay_r"]


def test_an_event_with_a_very_long_webhook_id_is_shown_as_any_other(doors: Doors) -> None:
    webhook_id = "msg_" + secrets.token_hex(3_500)
    content = body("payment.succeeded", "succeeded", at(5), "pay_long", customer="cus_long")
    position = doors.service.deliver("live", SECRET, content, webhook_id).json()["position"]
    doors.service.await_position(doors.live, number(position))
    found = doors.get(f"search?q={webhook_id}").json()["data"]
    assert [(hit["kind"], hit["id"], hit["matched"]) for hit in found] == [
        ("event", str(number(position)), "webhook_id")
    ]
    assert doors.get(f"search?q={webhook_id[:-1]}").json()["data"] == []
    assert doors.get(f"events/{position}").json()["webhook_id"] == webhook_id
    (indexed,) = doors.get("events?customer_id=cus_long").json()["data"]
    assert indexed["webhook_id"] == webhook_id
    (entry,) = doors.get("payments/pay_long/history").json()["data"]
    assert (entry["event_position"], entry["verdict"]) == (str(number(position)), "applied")
    here = {"cwd": doors.service._cwd, "env": doors.service._env}
    command("verify", "read-models", **here)  # type: ignore[arg-type]
