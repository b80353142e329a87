"""Who may enter the console, for how long, and from where."""

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import psycopg
import pytest

from service.console import door
from service.console.sessions import digest, make_link
from service.database.connections import connect
from service.store import api_keys
from tests import forkserver
from tests.acceptance.doors import CONFIG, Doors
from tests.acceptance.service import Service, environment, new_key
from tests.conftest import as_owner

OURS = {"sec-fetch-site": "same-origin"}
COOKIE = "daybook-console"
SIGN_IN = "/console/-/sign-in"


@pytest.fixture
def browser(doors: Doors) -> Iterator[httpx.Client]:
    """A browser as far as cookies go."""
    with httpx.Client(base_url=doors.service.client.base_url, headers=OURS, timeout=30) as client:
        yield client


def sign_in(client: httpx.Client, key: str, **more: str) -> httpx.Response:
    return client.post(SIGN_IN, data={"key": key, **more})


def sets_cookie(answer: httpx.Response) -> Mapping[str, str]:
    """The parts of the cookie that an answer sets, and its name."""
    name, *parts = [part.partition("=") for part in answer.headers["set-cookie"].split("; ")]
    return {"name": name[0], **{key.lower(): value for key, _, value in parts}}


def test_a_key_opens_its_book_and_no_other(doors: Doors, browser: httpx.Client) -> None:
    answer = sign_in(browser, doors.test)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/test")
    assert browser.get("/console").headers["location"] == "/console/test"
    assert browser.get("/console/test").status_code == 200
    assert browser.get("/console/live").status_code == 404


def test_a_key_that_signs_in_is_a_key_that_was_used(doors: Doors, browser: httpx.Client) -> None:
    key = new_key(doors.database_url, "test", "read")
    sign_in(browser, key)
    with psycopg.connect(doors.database_url) as conn:
        used = conn.execute(
            "select last_used_at from store.api_key where id = %s", (api_keys.id_of(key),)
        ).fetchone()
    assert used != (None,)


def test_a_second_key_opens_its_book_too_under_a_new_id(
    doors: Doors, browser: httpx.Client
) -> None:
    sign_in(browser, doors.test)
    before = browser.cookies[COOKIE]
    sign_in(browser, doors.live)
    assert browser.cookies[COOKIE] != before
    page = browser.get("/console/live").text
    assert 'class="mode-live"' in page
    assert 'href="/console/test"' in page
    assert 'class="mode-test"' in browser.get("/console/test").text
    browser.cookies.set(COOKIE, before)
    assert browser.get("/console/test").headers["location"].startswith(SIGN_IN)


@pytest.mark.parametrize("key", ["", "dbk_live_00000000_" + 32 * "a", "Bearer", "\0"])
def test_what_is_not_a_key_opens_nothing(browser: httpx.Client, key: str) -> None:
    answer = sign_in(browser, key)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "not known, or was revoked" in answer.text


def test_the_cookie_of_this_machine_and_of_a_host(doors: Doors, browser: httpx.Client) -> None:
    here = sets_cookie(sign_in(browser, doors.test))
    assert here == {"name": COOKIE, "path": "/", "httponly": "", "samesite": "strict"}
    there = sets_cookie(
        browser.post(SIGN_IN, data={"key": doors.test}, headers={"host": "daybook.example.com"})
    )
    assert there == {**here, "name": "__Host-daybook-console", "secure": ""}


def test_only_the_hash_of_an_id_is_stored(doors: Doors, browser: httpx.Client) -> None:
    sign_in(browser, doors.test)
    identity = browser.cookies[COOKIE]
    with psycopg.connect(doors.database_url) as conn:
        rows = conn.execute("select sha256, s::text from store.console_session s").fetchall()
    assert digest(identity) in {row[0] for row in rows}
    assert not [row for row in rows if identity in row[1]]


def test_a_stranger_is_led_to_the_sign_in_and_from_there_on(
    doors: Doors, browser: httpx.Client
) -> None:
    answer = browser.get("/console/live?q=a%20b")
    assert answer.status_code == 303
    form = browser.get(answer.headers["location"]).text
    assert 'value="/console/live?q=a%20b"' in form
    target = "/console/live?q=a%20b"
    assert sign_in(browser, doors.live, next=target).headers["location"] == target


@pytest.mark.parametrize(
    "target",
    ["https://example.com/console/", "//example.com", "/\\example.com", "/v1/events",
     "/console/live\r\nx: y", "/console//example.com", "/console/-/sign-out"],
)  # fmt: skip
def test_a_sign_in_leads_nowhere_else(doors: Doors, browser: httpx.Client, target: str) -> None:
    answer = sign_in(browser, doors.live, next=target)
    assert answer.headers["location"] == "/console/live"


def test_a_revoked_key_ends_its_sessions(doors: Doors, browser: httpx.Client) -> None:
    key = new_key(doors.database_url, "live")
    sign_in(browser, key)
    assert browser.get("/console/live").status_code == 200
    revoke(doors.database_url, key)
    assert browser.get("/console/live").headers["location"].startswith(SIGN_IN)


def revoke(url: str, key: str) -> None:
    async def done() -> None:
        async with await connect(url) as conn:
            assert await api_keys.revoke(conn, str(api_keys.id_of(key)))

    asyncio.run(done())


def test_a_session_ends_without_use(doors: Doors, browser: httpx.Client) -> None:
    sign_in(browser, doors.test)
    aged = "update store.console_session set used_at = now() - %s::interval where sha256 = %s"
    identity = digest(browser.cookies[COOKIE])
    with psycopg.connect(doors.database_url) as conn:
        conn.execute(aged, ("11 hours", identity))
    # its use is stored, so it counts from now on
    assert browser.get("/console/test").status_code == 200
    with psycopg.connect(doors.database_url) as conn:
        used = "select now() - used_at < '1 hour' from store.console_session where sha256 = %s"
        assert conn.execute(used, (identity,)).fetchall() == [(True,)]
        conn.execute(aged, ("13 hours", identity))
    assert browser.get("/console/test").headers["location"].startswith(SIGN_IN)


def test_signing_out_ends_it_here_and_in_the_store(doors: Doors, browser: httpx.Client) -> None:
    sign_in(browser, doors.test)
    kept = browser.cookies[COOKIE]
    answer = browser.post("/console/-/sign-out")
    assert sets_cookie(answer)["max-age"] == "0"
    browser.cookies.set(COOKIE, kept)
    assert browser.get("/console/test").headers["location"].startswith(SIGN_IN)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 303),
        ({"sec-fetch-site": "none"}, 303),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": "http://{host}"}, 303),
        ({"origin": "https://example.com"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://{host}"}, 403),
        ({}, 403),
    ],
)
def test_another_site_sends_nothing(doors: Doors, headers: dict[str, str], status: int) -> None:
    url = doors.service.client.base_url
    given = {name: value.format(host=url.netloc.decode()) for name, value in headers.items()}
    answer = httpx.post(url.join(SIGN_IN), data={"key": doors.test}, headers=given)
    assert answer.status_code == status


def test_a_webhook_needs_no_such_header(doors: Doors) -> None:
    answer = httpx.post(doors.service.client.base_url.join("/webhooks/live"))
    assert answer.status_code == 401


def test_a_configured_origin_counts_whatever_a_proxy_makes_of_the_host() -> None:
    public, proxied = "https://daybook.example.com", {"host": "127.0.0.1:8000"}
    assert door.is_same_site({**proxied, "origin": public}, public)
    assert not door.is_same_site({**proxied, "origin": "http://127.0.0.1:8000"}, public)
    assert door.is_secure(proxied, public)
    assert not door.is_secure(proxied, None)


def test_a_link_in_a_mail_finds_the_session(browser: httpx.Client) -> None:
    """The browser keeps the cookie to itself until a page of ours asks."""
    answer = browser.get("/console/live", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 200
    assert 'http-equiv="refresh" content="0"' in answer.text


def test_a_link_signs_in_once_and_not_before_it_is_used(
    doors: Doors, browser: httpx.Client
) -> None:
    token = link_of(doors, doors.test)
    for _ in range(2):
        # a browser may look at it ahead of its person
        assert "This link signs you in once." in browser.get(f"/console/-/link/{token}").text
    answer = browser.post(f"/console/-/link/{token}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/test")
    assert browser.get("/console/test").status_code == 200
    assert browser.post(f"/console/-/link/{token}").status_code == 401


def test_a_link_ends_with_its_key_and_its_hour(doors: Doors, browser: httpx.Client) -> None:
    revoked = new_key(doors.database_url, "live")
    ended = link_of(doors, revoked)
    revoke(doors.database_url, revoked)
    late = link_of(doors, doors.test)
    with psycopg.connect(doors.database_url) as conn:
        past = "update store.console_link set expires_at = now() where sha256 = %s"
        with psycopg.connect(as_owner(doors.database_url)) as owner:
            owner.execute(past, (digest(late),))
        assert conn.execute("select count(*) from store.console_link").fetchone() == (2,)
    for token in (ended, late, "none"):
        assert browser.post(f"/console/-/link/{token}").status_code == 401


def link_of(doors: Doors, key: str) -> str:
    async def made() -> str:
        async with await connect(doors.database_url) as conn:
            caller = await api_keys.find_caller(conn, api_keys.digest(key))
            assert caller
            return await make_link(conn, caller)

    return asyncio.run(made())


@pytest.mark.slow
def test_the_demo_opens_with_a_link() -> None:
    demo = forkserver.Popen(
        [sys.executable, "-m", "service", "demo", "--port", "0"],
        env=environment(None), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert demo.stdout
    with demo, demo.stdout:
        link = next(line.strip() for line in demo.stdout if "/console/-/link/" in line)
        with httpx.Client(headers=OURS, timeout=30) as client:
            answer = client.post(link)
            assert answer.headers["location"] == "/console/test"
            assert client.get(answer.url.join("/console/test/customers/cus_demo_ada")).is_success
        demo.send_signal(signal.SIGINT)


def test_paths_that_lead_nowhere_are_pages(doors: Doors, browser: httpx.Client) -> None:
    sign_in(browser, doors.live)
    for path in ("/console/live/nowhere/at/all", "/console/-/nowhere", "/console/live/nowhere"):
        answer = browser.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (
            404, "text/html; charset=utf-8",
        )  # fmt: skip
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "There is no such page" in answer.text, path


def test_every_answer_carries_the_headers(doors: Doors, browser: httpx.Client) -> None:
    sign_in(browser, doors.live)
    for path in ("/console", "/console/live", SIGN_IN, "/console/live/nowhere"):
        headers = browser.get(path).headers
        policy = headers["content-security-policy"]
        assert "require-trusted-types-for 'script'" in policy
        assert "unsafe" not in policy
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_the_console_and_the_api_share_the_limit_of_a_key(scratch: Path, database_url: str) -> None:
    (scratch / "daybook.toml").write_text(f"requests_per_minute = 4\n{CONFIG}")
    service = Service(scratch, env={"DAYBOOK_DATABASE_URL": database_url}).start()
    try:
        key = new_key(database_url, "live")
        asking = {"authorization": f"Bearer {key}"}
        with httpx.Client(base_url=service.client.base_url, headers=OURS, timeout=30) as client:
            sign_in(client, key)
            for _ in range(2):
                assert client.get("/console/live").status_code == 200
                assert client.get("/v1/payments", headers=asking).status_code == 200
            page = client.get("/console/live")
            assert page.status_code == 429
            assert page.headers["content-type"].startswith("text/html")
            assert 0 < int(page.headers["retry-after"]) <= 60
            assert client.get("/v1/payments", headers=asking).status_code == 429
            [style] = re.findall(r'href="(\S+\.css)"', page.text)
            assert client.get(style).status_code == 200
            # one may always leave
            assert client.post("/console/-/sign-out").status_code == 303
    finally:
        assert service.stop() == 0
