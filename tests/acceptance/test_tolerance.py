"""What cannot be read costs its field: never the event, never a list, and it is seen."""

import csv
import gzip
import io
import json

import httpx
import pytest

from tests.acceptance.doors import Doors
from tests.acceptance.test_scrape import scraped, value
from tests.builders import OTHER_SECRET, SECRET, at, body

MARK = b'"MARK"'
# a number that takes its place is as the provider wrote it: no parser of ours sees it
ODD = {
    "surrogate": (rb'"Zoe \ud83d"', ["metadata"], "Zoe \ufffd"),
    "bytes": (b'"Zo\xeb"', ["metadata"], "Zo\ufffd"),
    "control": (b'"a\nb"', ["metadata"], "a\nb"),
    "number": (b"1e400", ["metadata"], None),
    "not-a-number": (b"NaN", ["metadata"], None),
}


def told(name: str, kind: str = "subscription.active", status: str = "active") -> bytes:
    return body(kind, status, at(0), name, customer=f"cus_{name}", metadata={"x": "MARK"})


@pytest.fixture(scope="module")
def tolerant(doors: Doors) -> Doors:
    """The book ``test`` of strange bodies, one subscription each."""
    bodies = [told(name).replace(MARK, odd) for name, (odd, *_) in ODD.items()]
    bodies += [
        told("zoe").replace(b'"Ada"', rb'"Zoe \ud83d"'),
        told("deep").replace(MARK, b"[" * 2_000 + b"]" * 2_000),
        told("huge").replace(MARK, b"9" * 400),
        b"\xef\xbb\xbf" + told("bom"),
        gzip.compress(told("gzip")),
        told("plain"),
        body("dispute.opened", "opened", at(0), "dp_far", None, created_at="9999-12-31T00:00:00Z",
             amount="19.00", currency="USD"),
        body("dispute.opened", "opened", at(0), "dp_near", None, created_at=at(0)),
        body("brand.created", None, at(0)).replace(b'"x_1"', rb'"\ud83d"'),
    ]  # fmt: skip
    for number, content in enumerate(bodies, 1):
        answer = doors.service.deliver("test", OTHER_SECRET, content)
        assert answer.json()["position"].startswith(f"{number}-")
    doors.service.await_position(doors.test, len(bodies))
    for number, content in enumerate(bodies, 1):
        stored = doors.get(f"events/{number}/body", doors.test).content
        assert stored == content
    return doors


def asked(doors: Doors, path: str) -> httpx.Response:
    answer = doors.get(path, doors.test)
    assert answer.status_code == 200, answer.text
    return answer


def rows(doors: Doors, path: str) -> list[dict[str, str]]:
    headers = {"authorization": f"Bearer {doors.test}", "accept": "text/csv"}
    answer = doors.service.client.get(f"/v1/{path}", headers=headers)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


@pytest.mark.parametrize("name", [*ODD, "zoe", "deep", "huge", "bom", "gzip", "plain"])
def test_an_event_is_folded_whatever_one_field_holds(tolerant: Doors, name: str) -> None:
    access = asked(tolerant, f"customers/cus_{name}/access").json()
    assert (access["entitled"], len(access["because"])) == (True, 1)
    assert asked(tolerant, f"subscriptions/{name}").json()["status"] == "active"


@pytest.mark.parametrize("name", ODD)
def test_what_is_passed_on_is_json_and_the_field_is_named(tolerant: Doors, name: str) -> None:
    _, unread, shown = ODD[name]
    answer = asked(tolerant, f"subscriptions/{name}")
    strict = json.loads(answer.content.decode(), parse_constant=pytest.fail)
    assert strict["metadata"] == {"x": shown}
    history = asked(tolerant, f"subscriptions/{name}/history").json()["data"]
    assert history[0]["unread"] == unread
    assert "Could not be read: metadata." in history[0]["what"]


def test_a_strange_name_does_not_cost_whom_it_concerns(tolerant: Doors) -> None:
    (entry,) = asked(tolerant, "subscriptions/zoe/history").json()["data"]
    assert entry["unread"] == ["customer.name"]
    customer = asked(tolerant, "customers/cus_zoe").json()
    assert (customer["email"], customer["name"]) == ("cus_zoe@example.com", "Zoe \ufffd")


def test_lists_answer_with_every_row(tolerant: Doors) -> None:
    every = {*ODD, "zoe", "deep", "huge", "bom", "gzip", "plain"}
    page = asked(tolerant, "subscriptions?limit=100").json()["data"]
    assert {one["subscription_id"] for one in page} == every
    table = rows(tolerant, "subscriptions?fields=subscription_id,metadata")
    cells = {row["subscription_id"]: row["metadata"] for row in table}
    assert cells.keys() == every
    assert (cells["number"], cells["plain"]) == ('{"x":null}', '{"x":"MARK"}')
    assert cells["huge"] == '{"x":' + "9" * 400 + "}"
    assert {row["subscription_id"] for row in rows(tolerant, "subscriptions")} == every


def test_a_time_that_no_clock_holds_costs_no_list(tolerant: Doors) -> None:
    due = {one["dispute_id"]: one for one in asked(tolerant, "disputes/due").json()["data"]}
    assert due.keys() == {"dp_far", "dp_near"}
    # nothing tells when it was opened but the event
    assert due["dp_far"]["created_at"] == due["dp_near"]["created_at"]
    assert due["dp_far"]["amount"] == 1900
    assert len(asked(tolerant, "disputes").json()["data"]) == 2
    assert len(rows(tolerant, "disputes")) == len(rows(tolerant, "disputes/due")) == 2
    (entry,) = asked(tolerant, "disputes/dp_far/history").json()["data"]
    assert entry["unread"] == ["created_at"]


def test_what_could_not_be_read_is_listed(tolerant: Doors) -> None:
    listed = asked(tolerant, "events?unread=true&limit=100").json()["data"]
    found = {one["stream"]: one["unread"] for one in listed}
    expected: dict[str | None, list[str]] = {
        **{f"subscription-{name}": unread for name, (_, unread, _) in ODD.items()},
        "subscription-zoe": ["customer.name"],
        "subscription-deep": ["metadata"],
        "subscription-huge": ["metadata"],
        "dispute-dp_far": ["created_at"],
        None: ["id"],
    }
    assert found == expected
    whole = asked(tolerant, "events?unread=false&limit=100").json()["data"]
    assert {one["stream"] for one in whole} >= {"subscription-bom", "subscription-gzip"}
    assert not any(one["unread"] for one in whole)
    assert len(listed) + len(whole) == len(asked(tolerant, "events?limit=100").json()["data"])
    one = asked(tolerant, f"events/{listed[0]['event_position']}").json()
    assert one["unread"] == listed[0]["unread"]
    assert {row["unread"] for row in rows(tolerant, "events?unread=true")} == {
        '["metadata"]', '["customer.name"]', '["created_at"]', '["id"]',
    }  # fmt: skip


def test_what_could_not_be_read_is_counted(tolerant: Doors) -> None:
    samples = scraped(tolerant.service)
    count = len(ODD) + 3
    kind = "subscription.active"
    assert value(samples, "unread_events", book="test", type=kind) == count
    assert value(samples, "unread_events", book="test", type="dispute.opened") == 1
    # a name that we do not know is the sender's, and not told
    assert value(samples, "unread_events", book="test", type="other") == 1


def test_a_slash_at_the_end_is_the_same_door(doors: Doors) -> None:
    content = told("slash")
    first = doors.service.deliver("live/", SECRET, content, "m")
    again = doors.service.deliver("live", SECRET, content, "m")
    assert first.json() | {"duplicate": True} == again.json()
    assert doors.service.deliver("live//", OTHER_SECRET, content).status_code == 404
