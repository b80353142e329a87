"""What the door refuses is seen by those who run it, and by nobody else."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from service.ingest.signature import signed_headers
from service.problems import REFUSALS
from tests import documents
from tests.acceptance.doors import Doors
from tests.acceptance.service import command
from tests.builders import OTHER_SECRET, SECRET

REFUSED = {
    "unknown-signature": (401, {"webhook-signature": "v1,AAAA"}, b"1"),
    "missing-header": (401, {"webhook-signature": ""}, b"1"),
    "stale-timestamp": (401, {"webhook-timestamp": "1"}, b"1"),
    "body-too-large": (413, {}, b"x" * 5001),
}


@pytest.fixture
def refused(doors: Doors) -> Doors:
    for status, change, content in REFUSED.values():
        signed = {**signed_headers(SECRET, "m", datetime.now(UTC), content), **change}
        headers = {name: value for name, value in signed.items() if value}
        answer = doors.service.client.post("/webhooks/live", content=content, headers=headers)
        assert answer.status_code == status
    assert doors.service.client.get("/webhooks/live").status_code == 405
    assert doors.service.deliver("nope", SECRET, b"1").status_code == 404
    return doors


def told(doors: Doors, key: str, reasons: set[str]) -> dict[str, Any]:
    deadline = time.monotonic() + 10
    while True:
        page: dict[str, Any] = doors.get("refusals?limit=100", key).json()
        # the list and the counts are read one after the other, and may be written in between
        shown = [{one["reason"] for one in page[part]} for part in ("counts", "data")]
        if all(reasons <= part for part in shown):
            return page
        assert time.monotonic() < deadline, page
        time.sleep(0.05)


def test_each_is_listed_and_counted_for_its_own_book_only(refused: Doors) -> None:
    page = told(refused, refused.live, {*REFUSED, "method-not-allowed"})
    assert page["data"][0]["reason"] == "method-not-allowed"
    large, stale, missing, unknown = page["data"][1:5]
    assert (large["reason"], large["content_length"]) == ("body-too-large", 5001)
    assert (stale["reason"], stale["content_length"]) == ("stale-timestamp", 1)
    assert missing["headers"] == ["webhook-id", "webhook-timestamp"]
    assert stale["headers"] == [*missing["headers"], "webhook-signature"]
    assert unknown["remote"] == "127.0.0.1"
    refused.service.deliver("test", SECRET, b"1")
    other = told(refused, refused.test, {"other-book"})
    assert {one["reason"] for one in other["data"]} == {"other-book"}


def test_status_tells_of_the_last_hour(refused: Doors) -> None:
    told(refused, refused.live, {*REFUSED})
    said = command("status", cwd=refused.service._cwd, env=refused.service._env)
    assert "refused in the last hour, book live:" in said
    assert "unknown books:" in said


def test_the_readme_names_every_reason() -> None:
    text = documents.SERVICE.read_text()
    assert [reason for reason in REFUSALS if f"`{reason}`" not in text] == []


def test_what_is_accepted_is_not_among_them(doors: Doors) -> None:
    before = doors.get("refusals", doors.test).json()["counts"]
    assert doors.service.deliver("test", OTHER_SECRET, b"fine").status_code == 200
    time.sleep(1.2)
    assert doors.get("refusals", doors.test).json()["counts"] == before


def test_a_strangers_flood_is_two_lines_and_harmless(doors: Doors) -> None:
    log = doors.service._cwd / "serve.err"
    before = len(log.read_bytes())
    for number in range(200):
        name = f"%1b%5d0;owned%07{number}" + "x" * 900
        answer = doors.service.client.post(f"/webhooks/{name}", content=b"1")
        assert answer.status_code == 404
        assert len(answer.content) < 1_000
    written = log.read_bytes()[before:]
    assert len(written) < 4_000
    assert b"\x1b" not in written
    assert b"\x07" not in written


def test_whoever_signs_with_another_books_secret_is_told(doors: Doors) -> None:
    answer = doors.service.deliver("test", SECRET, b"1")
    assert answer.status_code == 401
    assert "matches a secret of book 'live'" in answer.json()["detail"]
    assert "other-book" in {c["reason"] for c in told(doors, doors.test, {"other-book"})["counts"]}
    stranger = "whsec_" + "A" * 32
    assert "live" not in doors.service.deliver("test", stranger, b"1").json()["detail"]
