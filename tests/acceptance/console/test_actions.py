"""Every action of the console: who may do it, from where, why, and the row that it leaves."""

import html
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
from playwright.sync_api import Browser, expect

from service.console import router
from service.console.frame import ACTIONS
from tests.acceptance.console.browsing import OURS, person, signed_in
from tests.acceptance.doors import Doors, deliver
from tests.acceptance.service import new_key, number
from tests.builders import at, body
from tests.conftest import as_owner

ROUTER = router.console(None)
"""To have it defines all actions."""


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
        expect(page.get_by_text("Nobody has looked at the only event yet.")).to_be_visible()
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


def park(doors: Doors, stream: str) -> None:
    with psycopg.connect(doors.database_url, autocommit=True) as conn:
        conn.execute(
            "insert into read.parked (book, build, stream, position, error)"
            " values ('live', 'live', %s, 1, 'ValueError: <b>no</b>')",
            (stream,),
        )


def test_a_parked_stream_is_retried(browser: Browser, doors: Doors) -> None:
    park(doors, "subscription-sub_3")
    with person(browser, doors, doors.live, java_script_enabled=False) as somebody:
        page = somebody.page
        somebody.open("/live")
        page.locator(".check", has_text="Parked streams").get_by_role("link").click()
        row = page.get_by_role("row", name="subscription-sub_3")
        expect(row).to_contain_text("ValueError: <b>no</b>")
        row.get_by_text("Retry subscription-sub_3").click()
        row.get_by_label("Why?").fill("Fixed in 0.3.")
        row.get_by_role("button", name="Retry").click()
        expect(page.get_by_role("status")).to_have_text("subscription-sub_3 is up to date.")
        expect(page.get_by_text("None. If an event cannot be folded")).to_be_visible()
    (entry,) = entries(doors, "retry")
    assert (entry["subject"], entry["reason"]) == ("subscription-sub_3", "Fixed in 0.3.")


def test_a_stream_that_fails_again_says_so(doors: Doors, operator: httpx.Client) -> None:
    unknown(doors, "subscription.knotted", 430)
    park(doors, "subscription-sub_odd")
    with psycopg.connect(as_owner(doors.database_url), autocommit=True) as conn:
        conn.execute("create function read.no() returns trigger language plpgsql"
                     " as $$ begin raise 'knot'; end $$")  # fmt: skip
        (table,) = conn.execute(
            "select 'read.subscriptions_v' || version || '_g' || live from read.projection"
            " where name = 'subscriptions'"
        ).fetchone() or ("",)
        conn.execute(f"create trigger no before insert or update on {table}"
                     " for each row execute function read.no()")  # fmt: skip
        send(operator, "parked/retry", {"stream": "subscription-sub_odd"})
        (said,) = notices(operator, "/console/live/operations")
        conn.execute("drop function read.no() cascade")
    assert said.startswith("subscription-sub_odd failed again: ")
    assert "knot" in said
    assert send(operator, "parked/retry", {"stream": "subscription-none"}).status_code == 404
    send(operator, "parked/retry", {"stream": "subscription-sub_odd"})
    assert notices(operator, "/console/live") == ["subscription-sub_odd is up to date."]


@pytest.mark.slow
def test_a_rebuild_is_previewed_made_and_undone(browser: Browser, doors: Doors) -> None:
    with person(browser, doors, doors.live, java_script_enabled=False) as somebody:
        page = somebody.page

        def ask(verb: str, row: str, outcome: str) -> None:
            somebody.open("/live/operations")
            form = page.locator(".action", has=page.get_by_text(f"{verb}…", exact=True))
            form.locator("summary").click()
            if form.get_by_label("Which").count():
                form.get_by_label("Which").select_option("refunds")
            form.get_by_label("Why?").fill(f"{verb}!")
            form.get_by_role("button").click()
            expect(page.get_by_role("status")).to_contain_text("Asked")
            shown = page.get_by_role("row", name=row).first
            expect(shown).to_contain_text(re.compile("queued|running|done"))
            deadline = time.monotonic() + 60
            while doors.get("jobs").json()["data"][0]["ended_at"] is None:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            page.reload()
            expect(shown).to_contain_text("done")
            expect(shown).to_contain_text(f"{verb}!")
            expect(shown).to_contain_text(outcome)

        ask("Preview a rebuild", "Preview: refunds", "Nothing would change.")
        ask("Rebuild", "Rebuild: refunds", "after")
        ask("Undo the last rebuild", "Undo: the last rebuild", "after")
    for action, verb in (
        ("preview", "Preview a rebuild"), ("rebuild", "Rebuild"),
        ("undo_rebuild", "Undo the last rebuild"),
    ):  # fmt: skip
        (entry,) = entries(doors, action)
        assert (entry["subject"], entry["reason"]) == ("refunds", f"{verb}!")


def test_what_runs_is_not_asked_for_twice(doors: Doors, operator: httpx.Client) -> None:
    with psycopg.connect(doors.database_url, autocommit=True) as conn:
        conn.execute(
            "insert into store.job (book, job_id, kind, lane, subject, actor, who)"
            " values ('live', 'waits', 'later', 'read models', 'all', 'key', 'x')"
        )
        answer = send(operator, "projections/rebuild")
        conn.execute("delete from store.job where job_id = 'waits'")
    assert answer.status_code == 409
    assert "Another one waits or runs" in answer.text
    assert send(operator, "projections/rebuild", {"projection": "money"}).status_code == 400


def test_a_key_is_revoked_with_its_sessions(doors: Doors, operator: httpx.Client) -> None:
    key = new_key(doors.database_url, "live", "read,admin")
    identity = key.split("_")[2]
    with signed_in(doors, key) as owner:
        assert f'>{identity}</code> <span class="mark">yours</span>' in owner.get(
            "/console/live/operations"
        ).text  # fmt: skip
        assert send(operator, "keys/revoke", {"key_id": identity}).status_code == 303
        (said,) = notices(operator, "/console/live/operations")
        assert said == f"Revoked the key {identity}. It opens nothing after five seconds."
        assert owner.get("/console/live").status_code == 303
    assert send(operator, "keys/revoke", {"key_id": identity}).status_code == 404
    other = doors.test.split("_")[2]
    assert send(operator, "keys/revoke", {"key_id": other}).status_code == 404
    assert entries(doors, "revoke_key")[0]["subject"] == identity


@pytest.mark.parametrize("path", ["reconcile/compare", "reconcile/apply"])
def test_a_comparison_needs_a_key_of_the_provider(operator: httpx.Client, path: str) -> None:
    answer = send(operator, path)
    assert answer.status_code == 409
    assert "books.live.provider.api_key" in answer.text
    assert "books.live.provider.api_key" in operator.get("/console/live/reconcile").text


def test_a_reader_sees_how_it_stands_and_acts_on_nothing(reader: httpx.Client) -> None:
    page = reader.get("/console/live/operations").text
    assert "Yes: every event is reflected" in page
    assert "A key with the scope admin shows them" in page
    assert "<form method" not in page.partition("<main")[2]
    # what the key does not open is not in its navigation
    assert "/console/live/audit" not in page
    for path in ("audit", "reconcile", "reconcile/x"):
        assert reader.get(f"/console/live/{path}").status_code == 403


def test_the_audit_tells_who_did_what_and_leads_there(browser: Browser, doors: Doors) -> None:
    with person(browser, doors, doors.live) as somebody:
        page = somebody.page
        somebody.open("/live/audit")
        page.get_by_role("link", name="retry", exact=True).click()
        row = page.get_by_role("row", name="retried the stream").last
        expect(row).to_contain_text("Fixed in 0.3.")
        row.get_by_role("link", name="subscription-sub_3").click()
        assert somebody.heading == "sub_3"
        somebody.open("/live/audit?action=retry")
        page.get_by_role("link", name=doors.live.split("_")[2]).first.click()
        assert "who=" in page.url
        expect(page.get_by_role("row", name="acknowledged").first).to_be_visible()
        assert somebody.open("/live/audit?action=dance").status == 400
        assert somebody.complaints == []
