"""What all answers have in common: order, ranges, fields, tags, positions and problems."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from service.problems import KINDS
from tests.acceptance.doors import Doors, deliver
from tests.acceptance.service import number
from tests.acceptance.walk import questions
from tests.builders import at, body

READS = [
    "subscriptions", "subscriptions/sub_0", "subscriptions/sub_0/history", "customers",
    "customers/cus_1", "customers/cus_1/access", "customers/cus_1/timeline", "events?limit=5",
    "events/1", "events/1/body", "disputes/dp_1", "payments",
]  # fmt: skip


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["subscription_id"] for one in answer.json()["data"]]


@pytest.mark.parametrize("path", READS)
def test_every_read_says_its_position_and_knows_what_the_caller_knows(
    doors: Doors, path: str
) -> None:
    first = doors.get(path)
    assert number(first.headers["daybook-position"]) >= 7
    if not path.endswith("/body"):
        assert first.headers["daybook-position"] == first.json()["position"]
    # who is let in may be let in for a while; all else is asked about again
    fresh = "max-age=60" if path.endswith("/access") else "no-cache"
    assert first.headers["cache-control"] == f"private, {fresh}"
    headers = {"authorization": f"Bearer {doors.live}", "if-none-match": first.headers["etag"]}
    # something happens elsewhere in the book: the position moves, and the answer is the same
    unrelated = body("payout.created", "not_initiated", at(1), "unused", None, payout_id=path)
    position = deliver(doors, unrelated).json()["position"]
    doors.service.await_position(doors.live, number(position))
    again = doors.service.client.get(f"/v1/{path}", headers=headers)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert number(again.headers["daybook-position"]) >= number(position)
    other = doors.service.client.get(f"/v1/{path}", headers={**headers, "if-none-match": '"x"'})
    assert other.status_code == 200


def test_a_tag_changes_with_what_is_told(doors: Doors) -> None:
    path = "subscriptions/sub_tag"
    deliver(doors, body("subscription.active", "active", at(0), "sub_tag"))
    last = deliver(doors, body("subscription.renewed", "active", at(5), "sub_tag")).json()
    doors.service.await_position(doors.live, number(last["position"]))
    before = doors.get(path)
    paid = body(
        "payment.succeeded", "succeeded", at(6), "pay_tag",
        subscription_id="sub_tag", total_amount=5, currency="EUR",
    )  # fmt: skip
    last = deliver(doors, paid).json()
    doors.service.await_position(doors.live, number(last["position"]))
    after = doors.get(path)
    # the payment is shown with the subscription, whose own row did not change
    assert before.json()["event_position"] == after.json()["event_position"]
    assert before.headers["etag"] != after.headers["etag"]


def test_lists_are_sorted_as_asked_and_a_cursor_keeps_the_order(doors: Doors) -> None:
    customer = {"customer_id": "cus_sort", "email": "s@example.com", "name": "S"}
    for n in range(3):
        active = ("subscription.active", "active", at(n), f"sub_s{n}", customer)
        deliver(doors, body(*active, created_at=at(n)))
    last = deliver(doors, body("subscription.on_hold", "on_hold", at(50), "sub_s1", customer,
                               created_at=at(1))).json()  # fmt: skip
    doors.service.await_position(doors.live, number(last["position"]))
    ours = "subscriptions?customer_id=cus_sort"
    assert ids(doors.get(f"{ours}")) == ["sub_s2", "sub_s1", "sub_s0"]
    assert ids(doors.get(f"{ours}&sort=created_at")) == ["sub_s0", "sub_s1", "sub_s2"]
    assert ids(doors.get(f"{ours}&sort=-status_since")) == ["sub_s1", "sub_s2", "sub_s0"]
    first = doors.get(f"{ours}&sort=status_since&limit=1")
    cursor = first.json()["next_cursor"]
    rest = doors.get(f"{ours}&cursor={cursor}")
    assert ids(first) + ids(rest) == ["sub_s0", "sub_s2", "sub_s1"]
    other = doors.get(f"{ours}&cursor={cursor}&sort=created_at")
    assert (other.status_code, other.json()["parameter"]) == (400, "cursor")
    foreign = doors.get(f"events?cursor={cursor}")
    assert (foreign.status_code, foreign.json()["parameter"]) == (400, "cursor")


def test_ranges_include_their_ends(doors: Doors) -> None:
    page = "subscriptions?customer_id=cus_1&sort=created_at"
    some = f"{page}&created_at_gte={iso(1)}&created_at_lte={iso(3)}"
    assert ids(doors.get(some)) == ["sub_1", "sub_2", "sub_3"]
    timeline = doors.get(f"customers/cus_1/timeline?occurred_at_gte={iso(1)}"
                         f"&occurred_at_lte={iso(2)}&sort=occurred_at").json()["data"]  # fmt: skip
    assert [e["stream"] for e in timeline][:2] == ["subscription-sub_1", "subscription-sub_2"]
    assert {e["occurred_at"] for e in timeline} == {iso(1), iso(2)}


def test_a_plain_date_in_a_range_is_the_whole_day(doors: Doors) -> None:
    customer = {"customer_id": "cus_day", "email": "d@example.com", "name": "D"}
    moments = ["2026-05-02T23:59:59.999999Z", "2026-05-03T00:00:00Z", "2026-05-03T23:59:59.999999Z",
               "2026-05-04T00:00:00Z"]  # fmt: skip
    for n, moment in enumerate(moments):
        active = ("subscription.active", "active", at(n), f"sub_d{n}", customer)
        told = deliver(doors, body(*active, created_at=moment)).json()
        doors.service.await_position(doors.live, number(told["position"]))
    page = "subscriptions?customer_id=cus_day&sort=created_at"
    assert ids(doors.get(f"{page}&created_at_gte=2026-05-03")) == ["sub_d1", "sub_d2", "sub_d3"]
    assert ids(doors.get(f"{page}&created_at_lte=2026-05-03")) == ["sub_d0", "sub_d1", "sub_d2"]
    for wrong in ("2026-02-30", "2026-5-3", "20260503", "2026-05-03T10:00:00"):
        refused = doors.get(f"{page}&created_at_gte={wrong}")
        assert refused.status_code == 400
        assert "a date (2026-03-14)" in refused.json()["allowed"][0]


def iso(seconds: float) -> str:
    return at(seconds).isoformat().replace("+00:00", "Z")


def test_fields_thin_every_answer(doors: Doors) -> None:
    wanted = "fields=status,subscription_id"
    one = doors.get(f"subscriptions/sub_0?{wanted}").json()
    assert set(one) == {"status", "subscription_id", "position"}
    page = doors.get(f"subscriptions?{wanted}&fields=unheard_of").json()
    assert {frozenset(entry) for entry in page["data"]} == {frozenset(wanted[7:].split(","))}
    events = doors.get("events?fields=type&limit=2").json()["data"]
    assert [set(event) for event in events] == [{"type"}, {"type"}]
    history = doors.get("subscriptions/sub_0/history?fields=from,to").json()["data"]
    assert {"from": "active", "to": "on_hold"} in history
    assert set(doors.get("events/1?fields=link").json()) == {"link", "position"}
    alone = doors.get("customers/cus_1/access?fields=position")
    assert alone.json() == {"position": alone.headers["daybook-position"]}


def test_every_question_refuses_fields_that_it_does_not_have(told: Doors) -> None:
    client = told.service.client
    headers = {"authorization": f"Bearer {told.live}"}

    def ask(path: str) -> Any:  # noqa: ANN401 - as JSON is
        return client.get(path, headers=headers).raise_for_status().json()

    for operation_id, path in questions(ask("/schema/openapi.json"), ask).items():
        if not path.startswith("/v1/") or operation_id == "get_event_body":
            continue
        asked = f"{path}{'&' if '?' in path else '?'}fields=unheard_of"
        for accept in ("application/json", "text/csv"):
            refused = client.get(asked, headers={**headers, "accept": accept})
            assert refused.status_code == 400, path
            problem = refused.json()
            assert (problem["parameter"], problem["given"]) == ("fields", "unheard_of")
            whole = ask(path)
            rows: list[dict[str, Any]] = whole.get("data", [whole])
            assert {name for row in rows for name in row} <= {*problem["allowed"]}, path


def test_a_field_of_the_provider_may_be_selected_where_others_lack_it(doors: Doors) -> None:
    told = deliver(doors, body("subscription.updated", "active", at(70), "sub_1", colour="red"))
    doors.service.await_position(doors.live, number(told.json()["position"]))
    assert doors.get("subscriptions/sub_1?fields=colour").json()["colour"] == "red"
    page = doors.get("subscriptions?fields=colour&limit=100").json()["data"]
    assert {"colour": "red"} in page
    assert {} in page
    assert doors.get("subscriptions/sub_2?fields=colour,status").json()["status"] == "active"
    assert doors.get("subscriptions/sub_2?fields=colour").status_code == 400
    assert doors.get("changes/stream?fields=colour").status_code == 400


def test_every_question_is_thinned_alike(told: Doors) -> None:
    client = told.service.client
    headers = {"authorization": f"Bearer {told.live}"}

    def ask(path: str) -> Any:  # noqa: ANN401 - as JSON is
        return client.get(path, headers=headers).raise_for_status().json()

    document = ask("/schema/openapi.json")
    by_id = {o["operationId"]: o for item in document["paths"].values() for o in item.values()}
    for operation_id, path in questions(document, ask).items():
        if not path.startswith("/v1/") or operation_id == "get_event_body":
            continue
        whole = ask(path)
        rows = whole.get("data", [whole])
        (fields,) = (p for p in by_id[operation_id]["parameters"] if p["name"] == "fields")
        name = next(iter(rows[0])) if rows else fields["schema"]["items"]["enum"][0]
        thin = ask(f"{path}{'&' if '?' in path else '?'}fields={name}")
        if "data" in whole:
            assert set(thin) == set(whole), path
            assert [{*row} for row in thin["data"]] == [{name}] * len(rows), path
        else:
            assert set(thin) == {name} | ({"position"} & set(whole)), path


def test_events_go_backwards_too(doors: Doors) -> None:
    first = doors.get("events?sort=-position&limit=2").json()
    second = doors.get(f"events?limit=2&cursor={first['next_cursor']}").json()
    places = [number(e["event_position"]) for e in first["data"] + second["data"]]
    assert places == list(range(places[0], places[0] - 4, -1))


def test_events_of_a_time_range_are_those_recorded_in_it(doors: Doors) -> None:
    whole = doors.get("events?limit=100").json()["data"]
    times = [event["recorded_at"] for event in whole]
    first, last = times[1], times[4]
    found = doors.get(f"events?recorded_at_gte={first}&recorded_at_lte={last}&limit=100")
    # a fraction is written only where there is one: as texts they have another order
    among = [e for e, t in zip(whole, map(moment, times), strict=True)
             if moment(first) <= t <= moment(last)]  # fmt: skip
    assert 0 < len(among) < len(whole)
    assert found.json()["data"] == among
    later = doors.get(f"events?recorded_at_gte={first}&after=3&recorded_at_lte={times[-1]}")
    assert later.json()["data"][0]["event_position"] == "4"
    paged: list[dict[str, Any]] = []
    window = f"events?recorded_at_lte={last}&limit=2"
    query: str | None = f"{window}&sort=-position"
    while query:
        page = doors.get(query).json()
        paged += page["data"]
        query = page["next_cursor"] and f"{window}&cursor={page['next_cursor']}"
    assert paged == [e for e in whole[::-1] if moment(e["recorded_at"]) <= moment(last)]
    today = datetime.fromisoformat(times[-1]).date()
    assert doors.get(f"events?recorded_at_gte={today + timedelta(2)}").json()["data"] == []


def test_a_field_of_the_provider_called_position_is_told(doors: Doors) -> None:
    """The tag is made of what the answer tells, whatever the provider calls its fields."""
    told: dict[str, Any] = {"position": "x", "at": "1", "next_cursor": "y"}
    tags, last = [], 0
    for seconds, fields in enumerate((told, {**told, "at": "2"}, {**told, "next_cursor": "z"})):
        content = body("subscription.updated", "active", at(seconds), "sub_p", **fields)
        last = number(deliver(doors, content).json()["position"])
        doors.service.await_position(doors.live, last)
        answer = doors.get("subscriptions/sub_p?fields=position,at,next_cursor")
        assert answer.headers["daybook-position"] == answer.json()["position"]
        assert number(answer.json()["position"]) >= last
        tags.append(answer.headers["etag"])
    assert len(set(tags)) == len(tags)
    # the exact bytes of an event are no answer with a position of their own
    raw = doors.get(f"events/{last}/body")
    assert b'"position":"x"' in raw.content
    assert number(raw.headers["daybook-position"]) >= last


def moment(told: str) -> datetime:
    return datetime.fromisoformat(told)


def test_a_history_is_paged(doors: Doors) -> None:
    places = [
        number(deliver(doors, told).json()["position"])
        for told in (body("subscription.updated", "active", at(n), "sub_h") for n in range(5))
    ]
    doors.service.await_position(doors.live, places[-1])
    path = "subscriptions/sub_h/history"
    for sort, expected in (("occurred_at", places), ("-occurred_at", places[::-1])):
        seen: list[int] = []
        query = f"sort={sort}"
        while query:
            page = doors.get(f"{path}?limit=2&{query}").json()
            seen += [int(e["event_position"]) for e in page["data"]]
            query = page["next_cursor"] and f"cursor={page['next_cursor']}"
        assert seen == expected


def test_a_list_of_values_comes_in_either_form(doors: Doors) -> None:
    joined = doors.get("events?verdict=inferred,unknown").json()["data"]
    apart = doors.get("events?verdict=inferred&verdict=unknown").json()["data"]
    assert joined == apart != []


@pytest.mark.parametrize(
    ("query", "parameter", "given", "allowed"),
    [
        ("limit=0", "limit", "0", ["a whole number from 1 to 100"]),
        ("status=odd", "status", "odd", ["pending", "active", "past_due", "on_hold", "paused",
                                         "cancelled", "expired", "failed"]),
        ("sort=x", "sort", "x", ["-created_at", "created_at", "-status_since", "status_since"]),
    ],
)  # fmt: skip
def test_a_refusal_names_what_came_and_what_is_allowed(
    doors: Doors, query: str, parameter: str, given: str, allowed: list[str]
) -> None:
    told = doors.get(f"subscriptions?{query}").json()
    assert (told["parameter"], told["given"], told["allowed"]) == (parameter, given, allowed)


def test_an_unknown_parameter_is_answered_with_those_there_are(doors: Doors) -> None:
    told = doors.get("customers?colour=red").json()
    assert (told["parameter"], told["given"]) == ("colour", "red")
    assert told["allowed"] == [
        "email", "created_at_gte", "created_at_lte", "sort", "cursor", "limit", "format", "bom",
        "fields", "min_position", "stale",
    ]  # fmt: skip


def test_every_type_of_problem_leads_to_what_it_means(doors: Doors) -> None:
    client = doors.service.client
    for name, kind in KINDS.items():
        told = client.get(f"/problems/{name}").json()
        assert (told["type"], told["status"]) == (f"/problems/{name}", kind.status)
        assert told["meaning"]
    assert len(client.get("/problems").json()) == len(KINDS)
    refused = client.get("/v1/events")
    assert client.get(refused.json()["type"]).json()["status"] == refused.status_code == 401


def test_a_wrong_method_is_told_the_right_ones(doors: Doors) -> None:
    answer = doors.service.client.delete("/problems/busy")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, OPTIONS")
