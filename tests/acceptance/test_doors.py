"""The two doors over HTTP: what is let in, what is refused, and what they say of themselves."""

import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.ingest.signature import signed_headers
from tests.acceptance.doors import CONFIG, Doors, deliver
from tests.acceptance.service import Service, number
from tests.builders import OTHER_SECRET, SECRET, body


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (b"no json at all", "unreadable"),
        (b'{"type":"customer.created","timestamp":"2026-05-03T12:00:00Z","data":{}}', "unknown"),
        (body("subscription.active", "active").replace(b"bus_1", b"bus_9"), "foreign"),
        (b"\xff\xfe", "unreadable"),
    ],
)
def test_whatever_is_signed_is_stored_and_marked(
    doors: Doors, content: bytes, verdict: str
) -> None:
    answer = deliver(doors, content)
    assert (answer.status_code, answer.json()["duplicate"]) == (200, False)
    position = answer.json()["position"]
    doors.service.await_position(doors.live, number(position))
    assert doors.get(f"events/{position}").json()["verdict"] == verdict
    raw = doors.get(f"events/{position}/body")
    assert raw.content == content
    assert raw.headers["x-content-type-options"] == "nosniff"


def test_a_rotated_secret_still_opens_its_book_and_no_other(doors: Doors) -> None:
    assert deliver(doors, b"1", secret=OTHER_SECRET).status_code == 200
    assert deliver(doors, b"1", book="test", secret=SECRET).status_code == 401
    assert deliver(doors, b"1", book="test", secret=OTHER_SECRET).status_code == 200


def test_the_same_delivery_again_gets_the_same_position(doors: Doors) -> None:
    first = doors.service.deliver("live", SECRET, b"again", "msg_again").json()
    again = doors.service.deliver("live", SECRET, b"again", "msg_again").json()
    revised = doors.service.deliver("live", SECRET, b"other", "msg_again").json()
    assert again == {"position": first["position"], "duplicate": True}
    assert revised["duplicate"] is False


def test_a_body_told_again_after_another_one_is_an_event_of_its_own(doors: Doors) -> None:
    now = datetime.now(UTC)

    def tell(status: str, seconds: int) -> tuple[int, bool]:
        content = body("subscription.updated", status, now, "sub_aba")
        headers = signed_headers(SECRET, "msg_aba", now + timedelta(seconds=seconds), content)
        answer = doors.service.client.post("/webhooks/live", content=content, headers=headers)
        return number(answer.json()["position"]), answer.json()["duplicate"]

    first, _ = tell("active", -30)
    assert tell("active", -25) == (first, True)
    second, third = first + 1, first + 2
    assert tell("on_hold", -20) == (second, False)
    assert tell("active", -30) == (first, True)
    assert tell("active", -10) == (third, False)
    assert tell("active", -5) == (third, True)

    # the mark is known with the event, not only with its place in the index
    told = [doors.get(f"events/{place}").json() for place in (first, second, third)]
    assert [one["revision"] for one in told] == [False, True, True]
    assert [datetime.fromisoformat(one["sent_at"]) for one in told] == [
        (now + timedelta(seconds=n)).replace(microsecond=0) for n in (-30, -20, -10)
    ]
    doors.service.await_position(doors.live, third)
    listed = doors.get(f"events?after={first - 1}&revision=true").json()["data"]
    assert [number(one["event_position"]) for one in listed] == [second, third]


@pytest.mark.parametrize(
    ("change", "reason", "said"),
    [
        ({"webhook-signature": "v1,AAAA"}, "unknown-signature", "None of the webhook's"),
        ({"webhook-signature": "rubbish"}, "malformed-signature", "malformed"),
        ({"webhook-signature": None}, "missing-header", "Missing header"),
        ({"webhook-timestamp": "1"}, "stale-timestamp", "too old"),
        ({"webhook-timestamp": "x"}, "bad-timestamp", "not a number"),
    ],
)
def test_what_is_not_signed_is_refused_with_a_reason(
    doors: Doors, change: dict[str, str | None], reason: str, said: str
) -> None:
    headers = {**signed_headers(SECRET, "m", datetime.now(UTC), b"1"), **change}
    sent = {name: value for name, value in headers.items() if value is not None}
    answer = doors.service.client.post("/webhooks/live", content=b"1", headers=sent)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/signature-refused"
    assert answer.json()["reason"] == reason
    assert said in answer.json()["detail"]


def test_a_header_that_comes_twice_is_refused(doors: Doors) -> None:
    headers = list(signed_headers(SECRET, "m", datetime.now(UTC), b"1").items())
    answer = doors.service.client.post(
        "/webhooks/live", content=b"1", headers=[*headers, ("webhook-id", "n")]
    )
    assert (answer.status_code, answer.json()["reason"]) == (401, "repeated-header")


def test_an_unknown_book_is_not_found(doors: Doors) -> None:
    answer = deliver(doors, b"1", book="nope")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-book")


def test_a_body_over_the_limit_is_refused(doors: Doors) -> None:
    answer = deliver(doors, b"x" * 5001)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")
    assert deliver(doors, b"x" * 5000).status_code == 200


def test_the_door_describes_itself(doors: Doors) -> None:
    document = doors.service.client.get("/schema/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    operations = [o["operationId"] for path in document["paths"].values() for o in path.values()]
    assert {
        "receive_webhook",
        "get_customer_access",
        "list_payments",
        "get_dispute_history",
    } <= set(operations)
    assert len(operations) == len(set(operations))


def test_a_slow_sender_does_not_hold_the_others_up(doors: Doors) -> None:
    with socket.create_connection(("127.0.0.1", int(doors.service.port))) as slow:
        slow.sendall(b"POST /webhooks/live HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{")
        started = time.monotonic()
        assert deliver(doors, b"quick").status_code == 200
        assert time.monotonic() - started < 5


def test_a_port_that_is_taken_is_explained(doors: Doors, tmp_path: Path) -> None:
    (tmp_path / "daybook.toml").write_text(CONFIG)
    second = Service(tmp_path)
    second.port = doors.service.port
    with pytest.raises(AssertionError, match=r"Cannot listen on 127\.0\.0\.1"):
        second.start()
    second.client.close()
