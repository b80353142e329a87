"""What a request may hold, at both doors: the limits of the README, and what is beyond them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest

from service.api.parameters import MAX_TEXT, MAX_VALUES
from service.api.query import MAX_PARAMETERS
from service.http.limits import MAX_OF_KEY
from service.http.request_heads import MAX_SEGMENT_BYTES, MAX_TARGET_BYTES
from service.ingest.signature import MAX_SIGNATURES
from tests import documents
from tests.acceptance import raw
from tests.acceptance.doors import Doors
from tests.builders import SECRET


def ask(doors: Doors, request: bytes) -> tuple[int, Mapping[str, str]]:
    """Send a request as it stands; the status, and the problem that answers it."""
    with raw.connection(doors.service) as sent:
        sent.sendall(request)
        answered = raw.answer(sent)
    return raw.status(answered), json.loads(answered.partition(b"\r\n\r\n")[2])


def target(path: str, *headers: str) -> bytes:
    return "\r\n".join([path, *headers, "", ""]).encode()


@pytest.mark.parametrize(
    "headers",
    [[], ["host: x", "host: x"], ["host: x", "authorization: Bearer a", "authorization: Bearer b"]],
    ids=["no host", "two hosts", "two keys"],
)
@pytest.mark.parametrize(
    "line",
    ["GET /v1/events HTTP/1.1", "POST /webhooks/live HTTP/1.1", "GET /healthz HTTP/1.1"],
)
def test_a_head_that_can_be_read_in_two_ways_is_refused(
    doors: Doors, line: str, headers: list[str]
) -> None:
    # its body never comes
    status, problem = ask(doors, target(line, *headers, "content-length: 9"))
    assert (status, problem["type"]) == (400, "/problems/bad-request")


def test_http_1_0_needs_no_host(doors: Doors) -> None:
    with raw.connection(doors.service) as sent:
        sent.sendall(target("GET /healthz HTTP/1.0"))
        assert raw.status(raw.answer(sent)) == 200


@pytest.mark.parametrize("length", ["99", "900000"])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"webhook-signature": ""}, "missing-header"),
        ({"webhook-signature": "junk"}, "malformed-signature"),
        ({"webhook-timestamp": "1"}, "stale-timestamp"),
        ({"webhook-timestamp": "soon"}, "bad-timestamp"),
    ],
)
def test_a_webhook_is_refused_by_its_headers_before_its_body_is_here(
    doors: Doors, change: dict[str, str], reason: str, length: str
) -> None:
    whole = raw.signed(SECRET, "msg_head", b"", "live").decode()
    lines = [line for line in whole.split("\r\n") if line and "content-length" not in line]
    kept = [line for line in lines if line.partition(":")[0] not in change]
    added = [f"{name}: {value}" for name, value in change.items()]
    status, problem = ask(doors, target(*kept, *added, f"content-length: {length}"))

    assert (status, problem["reason"]) == (401, reason)


def test_paths_and_queries_have_an_end(doors: Doors) -> None:
    for path in (
        "events?type=" + "x" * MAX_TARGET_BYTES,
        "events/" + "x" * (MAX_SEGMENT_BYTES + 1),
        "/".join(["customers", "x" * 900] * 10),
    ):
        answer = doors.get(path)
        assert (answer.status_code, answer.json()["type"]) == (414, "/problems/target-too-long")
    assert doors.service.client.post("/webhooks/" + "x" * 2000).status_code == 414
    assert doors.get("customers/" + "x" * MAX_SEGMENT_BYTES).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "fields=" + ",".join(["id"] * (MAX_VALUES + 1)),
        "&".join(["fields=id"] * (MAX_VALUES + 1)),
        "fields=" + "x" * 101,
        "verdict=" + ",".join(["unknown"] * (MAX_VALUES + 1)),
        "&".join(["verdict=unknown"] * (MAX_PARAMETERS + 1)),
        "type=" + "x" * (MAX_TEXT + 1),
        "cursor=" + "x" * 4001,
    ],
    ids=lambda query: query[:20],
)
@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
def test_parameters_have_an_end(doors: Doors, query: str, accept: str) -> None:
    headers = {"authorization": f"Bearer {doors.live}", "accept": accept}
    answer = doors.service.client.get(f"/v1/events?{query}", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-parameter")
    assert len(answer.content) < 10_000


def test_as_many_fields_as_are_allowed_are_columns(doors: Doors) -> None:
    names = ["status", *(f"field_{number}" for number in range(1, MAX_VALUES))]
    headers = {"authorization": f"Bearer {doors.live}", "accept": "text/csv"}
    url = f"/v1/subscriptions?fields={','.join(names)}"
    answer = doors.service.client.get(url, headers=headers)
    assert answer.text.splitlines()[0] == ",".join(names)


def test_a_key_has_so_many_streams(doors: Doors) -> None:
    headers = {"authorization": f"Bearer {doors.live}"}
    client = doors.service.client
    reading: list[Iterator[bytes]] = []
    with ExitStack() as open_streams:
        for _ in range(MAX_OF_KEY):
            stream = client.stream("GET", "/v1/changes/stream", headers=headers)
            answer = open_streams.enter_context(stream)
            # kept: one that is thrown away closes its stream
            reading.append(answer.iter_raw())
            assert next(reading[-1])
        refused = client.get("/v1/changes/stream", headers=headers, timeout=5)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
        assert refused.json()["type"] == "/problems/too-many-streams"
        other = {"authorization": f"Bearer {doors.test}"}
        with client.stream("GET", "/v1/changes/stream", headers=other) as answer:
            assert answer.status_code == 200
    for _ in range(100):
        with client.stream("GET", "/v1/changes/stream", headers=headers) as answer:
            if answer.status_code == 200:
                return
    pytest.fail("no stream was given back")


def test_a_head_that_is_too_large_is_refused(doors: Doors) -> None:
    head = target("GET /v1/events HTTP/1.1", "host: x", "x: " + "y" * 70_000)
    status, problem = ask(doors, head)
    assert (status, problem["type"]) == (431, "/problems/head-too-large")


def test_the_readme_names_each_limit() -> None:
    text = documents.SERVICE.read_text()
    table = text.partition("\n## Limits\n")[2].partition("\n## ")[0]
    for said in (
        "64 KiB", "10 seconds", "75 seconds", "60 seconds", "30 seconds", "64 MiB",
        f"first {MAX_SIGNATURES}", f"{MAX_TARGET_BYTES >> 10} KiB", f"{MAX_SEGMENT_BYTES:,} bytes",
        f"{MAX_VALUES} values", f"{MAX_TEXT} characters", f"{MAX_OF_KEY} a key",
        "100 a worker", "8 MiB", "2 MiB", "1,000",
    ):  # fmt: skip
        assert said in table, said


@pytest.mark.parametrize(
    "line",
    ["GET /readyz HTTP/1.1", "GET /v1/events HTTP/1.1", "POST /webhooks/live HTTP/1.1"],
)
def test_a_length_of_thousands_of_digits_is_refused(doors: Doors, line: str) -> None:
    status, problem = ask(doors, target(line, "host: x", "content-length: " + "0" * 5_000 + "5"))
    assert (status, problem["type"]) == (400, "/problems/bad-request")
    assert "content-length" in problem["detail"]


def test_another_method_than_post_is_told_which_one_is_allowed(doors: Doors) -> None:
    answer = doors.service.client.get("/webhooks/live")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
