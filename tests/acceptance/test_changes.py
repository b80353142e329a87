"""Following a book over HTTP: page by page, and as server-sent events."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.acceptance.doors import Doors, deliver
from tests.acceptance.service import Service, command, new_key, number
from tests.builders import at, body

Message = dict[str, str]


@contextmanager
def listening(
    service: Service, key: str, query: str = "", **headers: str
) -> Iterator[Iterator[Message]]:
    """The messages of a stream, parsed as the HTML standard says."""
    sent = {"authorization": f"Bearer {key}", **headers}
    url = f"{service.client.base_url}/v1/changes/stream{query}"
    with httpx.Client(timeout=60) as client, client.stream("GET", url, headers=sent) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield messages(answer.iter_lines())


def messages(lines: Iterator[str]) -> Iterator[Message]:
    said: Message = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            said[name] = value.removeprefix(" ")
        else:
            yield said
            said = {}


def told(heard: Iterator[Message], count: int) -> list[Any]:
    """The next changes, each with its id."""
    found = islice((m for m in heard if "data" in m), count)
    return [(m["id"], msgspec.json.decode(m["data"])) for m in found]


def test_a_follower_sees_each_change_once_and_in_order(doors: Doors) -> None:
    seen: list[dict[str, Any]] = []
    after = "0"
    while True:
        page = doors.get(f"changes?limit=2&after={after}").json()
        seen += page["data"]
        after = page["next"]
        if after == page["position"]:
            break
    assert [c["event_position"] for c in seen[:7]] == [str(n) for n in range(1, 8)]
    assert seen[0] | {"customer_id": "cus_1", "occurred_at": "2026-05-03T12:00:00Z"} == seen[0]
    on_hold = {k: seen[5][k] for k in ("kind", "id", "from", "to", "status", "link")}
    assert on_hold == {
        "kind": "subscription", "id": "sub_0", "from": "active", "to": "on_hold",
        "status": "on_hold", "link": "/v1/subscriptions/sub_0",
    }  # fmt: skip
    # what is known now stands next to what happened then
    assert (seen[0]["to"], seen[0]["status"]) == ("active", "on_hold")
    empty = doors.get(f"changes?after={after}").json()
    assert (empty["data"], empty["next"]) == ([], after)


def test_some_kinds_only(doors: Doors) -> None:
    page = doors.get("changes?kind=dispute,refund").json()
    assert [(c["kind"], c["id"]) for c in page["data"]] == [("dispute", "dp_1")]
    assert page["next"] == page["position"]


def test_a_late_event_is_a_change_at_its_own_position(doors: Doors) -> None:
    for seconds, kind, status in ((0, "active", "active"), (9, "cancelled", "cancelled")):
        deliver(doors, body(f"subscription.{kind}", status, at(seconds), "sub_late"))
    late = deliver(doors, body("subscription.on_hold", "on_hold", at(5), "sub_late")).json()
    doors.service.await_position(doors.live, number(late["position"]))
    page = doors.get(f"changes?after={number(late['position']) - 1}").json()
    change = {k: page["data"][0][k] for k in ("from", "to", "status", "late")}
    assert change == {"from": "active", "to": "on_hold", "status": "cancelled", "late": True}


@pytest.mark.parametrize("path", ["changes", "changes/stream"])
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("after=999999", "beyond the end of this book"),
        ("after=x", "is not a position. Use one from an answer"),
        ("kind=invoice", "is not one of subscription"),
        ("since=1", "since: unknown parameter"),
    ],
)
def test_a_wrong_place_is_refused(doors: Doors, path: str, query: str, said: str) -> None:
    answer = doors.get(f"{path}?{query}")
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-parameter")
    assert said in answer.json()["detail"]


def test_a_stream_tells_what_happens_and_goes_on_where_it_was_cut(doors: Doors) -> None:
    with listening(doors.service, doors.live) as heard:
        begin = next(heard)
        assert begin["retry"].isdecimal()
        position = deliver(doors, body("payment.succeeded", "succeeded", identity="pay_1")).json()
        (first,) = told(heard, 1)
    assert first[0] == position["position"]
    assert (first[1]["kind"], first[1]["id"], first[1]["status"]) == (
        "payment", "pay_1", "succeeded",
    )  # fmt: skip
    deliver(doors, body("payment.succeeded", "succeeded", identity="pay_2"))
    with listening(doors.service, doors.live, "?after=0", **{"Last-Event-ID": first[0]}) as heard:
        assert [c["id"] for _, c in told(heard, 1)] == ["pay_2"]


def test_a_stream_from_the_beginning_tells_what_the_pages_tell(doors: Doors) -> None:
    pages = doors.get("changes?limit=100").json()["data"]
    with listening(doors.service, doors.live, "?after=0") as heard:
        assert [change for _, change in told(heard, len(pages))] == pages
    with listening(doors.service, doors.live, "?after=0&fields=id,status") as heard:
        thin = [{"id": one["id"], "status": one["status"]} for one in pages]
        assert [(str(number(place)), few) for place, few in told(heard, 3)] == [
            (one["event_position"], few) for one, few in zip(pages[:3], thin[:3], strict=True)
        ]


def test_a_stream_ends_untold_when_its_key_is_revoked(doors: Doors) -> None:
    here = {"cwd": doors.service._cwd, "env": doors.service._env}
    key = new_key(doors.database_url, "live")
    with listening(doors.service, key) as heard:
        next(heard)
        command("keys", "revoke", key.split("_")[2], **here)  # type: ignore[arg-type]
        deadline = time.monotonic() + 15
        while doors.get("payments", key).status_code != 401:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        deliver(doors, body("payment.succeeded", "succeeded", identity="pay_untold"))
        for message in heard:
            assert "data" not in message


def test_idle_and_deaf_clients_hold_nobody_up(doors: Doors) -> None:
    deaf = (
        f"GET /v1/changes/stream?after=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {doors.live}"
        "\r\n\r\n"
    )
    host, port = doors.service.client.base_url.host, doors.service.client.base_url.port
    with ExitStack() as open_:
        keys = [doors.live, *(new_key(doors.database_url, "live") for _ in range(4))]
        for key in keys:
            for _ in range(4):
                client = open_.enter_context(socket.create_connection((host, port or 80)))
                client.sendall(deaf.replace(doors.live, key).encode())
        # more than there are connections to the database
        idle = [
            open_.enter_context(listening(doors.service, key)) for key in keys for _ in range(4)
        ]
        for heard in idle:
            next(heard)
        deliver(doors, body("refund.succeeded", "succeeded", identity="ref_1", refund_id="ref_1"))
        assert {told(heard, 1)[0][1]["id"] for heard in idle} == {"ref_1"}


def test_a_stream_ends_whole_when_the_service_stops(scratch: Path, data: Path) -> None:
    service = Service(scratch, "--data-dir", str(data)).start()
    with listening(service, service.find(r"KEY=(\S+)")) as heard:
        next(heard)
        assert service.stop() == 0
        # httpx raises where a response is cut off
        assert [m for m in heard if "data" in m] == []
