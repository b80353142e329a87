"""Every action of the console: who may do it, from where, why, and the row that it leaves."""

import html
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser, expect

from service.console import router
from service.console.frame import ACTIONS
from tests.acceptance.console.browsing import person
from tests.acceptance.doors import Doors, deliver
from tests.acceptance.service import new_key, number
from tests.builders import at, body

OURS = {"sec-fetch-site": "same-origin"}

ROUTER = router.console(None)
"""To have it defines all actions."""


@contextmanager
def signed_in(doors: Doors, key: str) -> Iterator[httpx.Client]:
    url = doors.service.client.base_url
    with httpx.Client(base_url=url, headers=OURS, timeout=30) as client:
        client.post("/console/-/sign-in", data={"key": key})
        yield client


@pytest.fixture(scope="module")
def operator(doors: Doors) -> Iterator[httpx.Client]:
    with signed_in(doors, doors.live) as client:
        yield client


@pytest.fixture(scope="module")
def reader(doors: Doors) -> Iterator[httpx.Client]:
    with signed_in(doors, new_key(doors.database_url, "live", "read")) as client:
        yield client


def send(
    client: httpx.Client, path: str, about: Mapping[str, object] = {}, reason: str = "Ticket 7."
) -> httpx.Response:
    """Send the form of an action, as a browser does."""
    form = {"about": msgspec.json.encode(about).decode(), "reason": reason}
    return client.post(f"/console/live/{path}", data=form)


def entries(doors: Doors, action: str) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = doors.get(f"audit?action={action}").json()["data"]
    return data


def notices(client: httpx.Client, path: str) -> list[str]:
    """What the page says of the action before."""
    found = re.findall(r'role="status"><span[^>]*>(.*?)</span>', client.get(path).text)
    return [html.unescape(text) for text in found]


def unknown(doors: Doors, kind: str, second: float) -> int:
    """Let an event come whose type nobody knows; its position."""
    position = number(
        deliver(doors, body(kind, "active", at(second), "sub_odd")).json()["position"]
    )
    doors.service.await_position(doors.live, position)
    return position


@pytest.mark.parametrize("path", sorted(ACTIONS))
def test_a_key_without_the_scope_does_nothing(reader: httpx.Client, path: str) -> None:
    answer = send(reader, path)
    assert answer.status_code == 403
    assert f"needs a key with the scope {ACTIONS[path].scope}" in html.unescape(answer.text)


@pytest.mark.parametrize("path", sorted(ACTIONS))
@pytest.mark.parametrize("reason", ["", " \n", "x" * 501])
def test_nothing_is_done_without_a_reason(operator: httpx.Client, path: str, reason: str) -> None:
    answer = send(operator, path, reason=reason)
    assert answer.status_code == 400
    assert "Say why, in 1 to 500 characters. Nothing was done." in answer.text


@pytest.mark.parametrize("path", sorted(ACTIONS))
def test_another_site_does_nothing(operator: httpx.Client, path: str) -> None:
    answer = operator.post(
        f"/console/live/{path}", data={"reason": "-"}, headers={"sec-fetch-site": "cross-site"}
    )
    assert answer.status_code == 403
    assert "from another site" in answer.text


@pytest.mark.parametrize("path", sorted(ACTIONS))
def test_nobody_who_is_not_signed_in_does_anything(doors: Doors, path: str) -> None:
    url = doors.service.client.base_url.join(f"/console/live/{path}")
    answer = httpx.post(url, data={"reason": "-"}, headers=OURS)
    assert answer.headers["location"] == "/console/-/sign-in"


@pytest.mark.parametrize(
    "content", [b"\xff", b"reason=%ff", b"about=%5B1%5D&reason=x", b"about={&reason=x", b"&" * 99]
)
def test_what_no_form_sends_is_refused(operator: httpx.Client, content: bytes) -> None:
    answer = operator.post("/console/live/attention/acknowledge", content=content)
    assert answer.status_code == 400


def test_a_group_is_acknowledged_in_a_browser_without_scripts(
    browser: Browser, doors: Doors
) -> None:
    position = unknown(doors, "subscription.rented\nout", 400)
    with person(browser, doors, doors.live, java_script_enabled=False) as somebody:
        page = somebody.page
        somebody.open("/live/attention")
        expect(page.get_by_text("Nobody has looked at 1 of 1 events yet.")).to_be_visible()
        page.get_by_text("Acknowledge subscription.rented").click()
        page.get_by_label("Note for the next person").fill("It is for films.")
        page.get_by_role("button", name="Acknowledge").click()
        assert page.url.endswith("/console/live/attention")
        expect(page.get_by_role("status")).to_contain_text("Acknowledged unknown subscription")
        expect(page.get_by_role("cell", name="It is for films.")).to_be_visible()
        page.reload()
        assert page.get_by_role("status").count() == 0
        somebody.open("/live")
        looked = page.locator(".check", has_text="For a person to look at")
        expect(looked).to_contain_text("All were looked at.")
    (entry,) = entries(doors, "acknowledge")
    assert (entry["actor"], entry["who"]) == ("key", doors.live.split("_")[2])
    assert (entry["subject"], entry["reason"]) == (
        f"unknown subscription.rented\nout up to {position}", "It is for films.",
    )  # fmt: skip
    assert entry["request_id"]


def test_a_reader_sees_what_was_looked_at_and_no_form(
    doors: Doors, operator: httpx.Client, reader: httpx.Client
) -> None:
    position = unknown(doors, "subscription.borrowed", 410)
    given = {"verdict": "unknown", "type": "subscription.borrowed", "until": position}
    answer = send(operator, "attention/acknowledge", given, "Returned <b>soon</b>.")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/live/attention")
    page = reader.get("/console/live/attention").text
    assert "Returned &lt;b&gt;soon&lt;/b&gt;." in page
    assert "A key with the scope admin acknowledges them." in page
    assert "<form method" not in page.partition("<main")[2]


def test_a_notice_is_shown_once_and_forged_ones_never(doors: Doors, operator: httpx.Client) -> None:
    position = unknown(doors, "subscription.pawned", 420)
    given = {"verdict": "unknown", "type": "subscription.pawned", "until": position}
    kept = send(operator, "attention/acknowledge", given).headers["set-cookie"]
    assert kept.startswith("daybook-notice=")
    assert kept.endswith("; HttpOnly; Path=/; SameSite=strict")
    said = f"Acknowledged unknown subscription.pawned, 1 event up to {position}."
    assert notices(operator, "/console/live/attention") == [said]
    assert notices(operator, "/console/live/attention") == []
    for forged in ("x", "ICA", "e30", "=", "%00"):
        operator.cookies.set("daybook-notice", forged)
        answer = operator.get("/console/live")
        assert answer.status_code == 200
        assert 'role="status"' not in answer.text
    operator.cookies.delete("daybook-notice")


def test_what_does_not_exist_is_not_acknowledged(operator: httpx.Client) -> None:
    given = {"verdict": "unknown", "type": "subscription.none", "until": 1}
    assert send(operator, "attention/acknowledge", given).status_code == 404
    assert send(operator, "attention/acknowledge", {**given, "until": "x"}).status_code == 400
    assert send(operator, "attention/acknowledge").status_code == 400
