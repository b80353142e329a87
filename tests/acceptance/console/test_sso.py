"""Single sign-on: whom a proxy asserts, what that opens, and for how long."""

import json
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.acceptance.doors import CONFIG
from tests.acceptance.service import Service, new_key
from tests.builders import SECRET, at, body
from tests.conftest import fresh_database
from tests.issuer import AUDIENCE, EC, ISSUER, OTHER, RSA, Keys, key_set, keys_served, signed

OURS = {"sec-fetch-site": "same-origin"}
SIGN_IN = "/console/-/sign-in"

SIGNED = """
{config}
[console_sso]
header = "X-Assertion"
jwks = "{keys}"
issuer = "{issuer}"
audience = "{audience}"
sign_out_url = "https://id.example.com/out"

[[console_sso.admit]]
people = ["ada@example.com"]
books = ["live"]
scopes = ["read", "audit", "admin"]

[[console_sso.admit]]
groups = ["support"]
books = ["live", "test"]
"""

PLAIN = """
trusted_proxies = ["127.0.0.2"]
requests_per_minute = 4
{config}
[console_sso]
header = "X-Forwarded-User"
signed = false
groups = "X-Forwarded-Groups"
api_keys = false
admit = [
    {{ people = ["ada@example.com"], books = ["live"] }},
    {{ groups = ["support"], books = ["test"] }},
]
"""


class Sso:
    def __init__(self, service: Service, database_url: str, keys: Keys, config: Path) -> None:
        self.service, self.database_url, self.keys = service, database_url, keys
        self.config = config
        self.live = new_key(database_url, "live", "read,audit,admin")

    def get(self, path: str, assertion: str | None = None, **more: str) -> httpx.Response:
        headers = {**OURS, **more}
        if assertion is not None:
            headers["x-assertion"] = assertion
        return self.service.client.get(path, headers=headers)

    def refused(self) -> dict[str, int]:
        text = self.service.client.get("/metrics").text
        found = re.findall(r'daybook_sign_ons_refused_total{reason="(\S+)"} (\d+)', text)
        return {reason: int(count) for reason, count in found}


@pytest.fixture(scope="module")
def sso(postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sso]:
    here = tmp_path_factory.mktemp("sso")
    url = fresh_database(postgres, template)
    with keys_served(RSA) as keys:
        text = SIGNED.format(config=CONFIG, keys=keys.url, issuer=ISSUER, audience=AUDIENCE)
        (here / "daybook.toml").write_text(text)
        service = Service(here, env={"DAYBOOK_DATABASE_URL": url}).start()
        made = Sso(service, url, keys, here / "daybook.toml")
        service.deliver("live", SECRET, body("subscription.active", "active", at(1), "sub_1"))
        service.deliver("live", SECRET, body("subscription.gifted", "active", at(2), "sub_1"))
        service.await_position(made.live, 2)
        yield made
        assert service.stop() == 0
        assert "unhandled exception" not in service.log()


def test_an_assertion_opens_what_the_configuration_says(sso: Sso) -> None:
    ada, bob = signed(), signed(email="bob@example.com", groups=["support"])
    assert sso.get("/console", ada).headers["location"] == "/console/live"
    page = sso.get("/console/live", ada)
    assert page.status_code == 200
    assert "ada@example.com: read, audit, admin" in page.text
    assert "set-cookie" not in page.headers
    assert sso.get("/console/test", ada).status_code == 404
    assert sso.get("/console/test", bob).status_code == 200
    both = signed(groups=["support"])
    assert 'href="/console/test"' in sso.get("/console/live", both).text
    # its scopes decide what is shown
    assert "As it came" in sso.get("/console/live/events/1", ada).text
    assert "As it came" not in sso.get("/console/live/events/1", bob).text


def test_without_an_assertion_a_key_opens_it_and_each_request_needs_its_own(sso: Sso) -> None:
    assert sso.get("/console/live", signed()).status_code == 200
    assert sso.get("/console/live").headers["location"].startswith(SIGN_IN)


@pytest.mark.parametrize(
    ("assertion", "reason", "status", "said"),
    [
        (signed(OTHER), "signature", 401, "its signature is invalid"),
        (signed(aud="x"), "audience", 401, "meant for another application"),
        (signed(iss="x"), "issuer", 401, "of another issuer"),
        (signed(exp=1), "expired", 401, "has expired"),
        (signed(nbf=int(time.time()) + 900), "not-yet-valid", 401, "not valid yet"),
        (signed(EC, "ES256"), "unknown-key", 401, "a key that the issuer does not have"),
        (signed(padding="x" * 20_000), "too-large", 401, "more than 16384 bytes"),
        ("ada@example.com", "malformed", 401, "not a JSON Web Token"),
        ("", "malformed", 401, "not a JSON Web Token"),
        (signed(email="eve@example.com"), "not-admitted", 403, "admits this person to nothing"),
    ],
)
def test_a_refusal_says_why_and_is_counted(
    sso: Sso, assertion: str, reason: str, status: int, said: str
) -> None:
    before = sso.refused()
    answer = sso.get("/console/live", assertion)
    assert answer.status_code == status
    assert said in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    # neither what would be accepted, nor what was sent
    for secret in (AUDIENCE, ISSUER, "support", "eve@", assertion or AUDIENCE):
        assert secret not in answer.text
    after = sso.refused()
    assert {name: after[name] - before[name] for name in after if after[name] > before[name]} == {
        reason: 1
    }


def test_two_assertions_are_none(sso: Sso) -> None:
    twice = [("X-Assertion", signed()), ("x-assertion", signed())]
    answer = httpx.get(sso.service.client.base_url.join("/console/live"), headers=twice)
    assert (answer.status_code, "more than once" in answer.text) == (401, True)


def test_oauth2_proxy_writes_bearer_before_it(sso: Sso) -> None:
    assert sso.get("/console/live", f"Bearer {signed()}").status_code == 200


def test_an_assertion_does_not_prove_that_the_person_meant_it(sso: Sso) -> None:
    """A browser lets other sites send requests through the proxy, which adds the assertion."""
    for site in ({"sec-fetch-site": "cross-site"}, {"origin": "https://example.com"}):
        headers = {"x-assertion": signed(), **site}
        answer = sso.service.client.post("/console/-/sign-out", headers=headers)
        assert answer.status_code == 403
    # a link in a mail is followed
    mailed = {"sec-fetch-site": "cross-site"}
    assert "<h1>" in sso.get("/console/live", signed(), **mailed).text


def test_a_key_opens_more_and_signing_out_ends_it(sso: Sso) -> None:
    with httpx.Client(base_url=sso.service.client.base_url, headers=OURS) as browser:
        browser.headers["x-assertion"] = signed(email="bob@example.com", groups=["support"])
        assert browser.post(SIGN_IN, data={"key": sso.live}).status_code == 303
        page = browser.get("/console/live").text
        assert "read, audit, admin" in page
        assert browser.get("/console/test").status_code == 200
        # but for no other person who comes to this browser
        browser.headers["x-assertion"] = signed(email="eve@example.com", groups=["support"])
        assert browser.get("/console/test").status_code == 200
        assert "read, audit, admin" not in browser.get("/console/live").text
        # a refused assertion takes nothing from a key
        browser.headers["x-assertion"] = "x"
        assert browser.get("/console/live").status_code == 200
        browser.headers["x-assertion"] = signed(email="bob@example.com", groups=["support"])
        left = browser.post("/console/-/sign-out")
        assert left.status_code == 200
        assert "Max-Age=0" in left.headers["set-cookie"]
        assert "bob@example.com" in left.text
        assert 'href="https://id.example.com/out"' in left.text
        assert "read, audit, admin" not in browser.get("/console/live").text


def test_the_audit_log_names_the_person(sso: Sso) -> None:
    ada = {"x-assertion": signed(), **OURS}
    about = {"verdict": "unknown", "type": "subscription.gifted", "until": 2}
    form = {"about": json.dumps(about), "reason": "Ticket 7."}
    path = "/console/live/attention/acknowledge"
    done = sso.service.client.post(path, data=form, headers=ada)
    assert done.status_code == 303
    # a person who has signed in with a key too is still that person
    with httpx.Client(base_url=sso.service.client.base_url, headers=ada) as browser:
        browser.post(SIGN_IN, data={"key": sso.live})
        assert browser.post(path, data=form).status_code == 303
    rows = sso.service.ask("audit?who=ada@example.com", sso.live)["data"]
    found = [(row["actor"], row["action"], row["reason"]) for row in rows]
    assert found == 2 * [("person", "acknowledge", "Ticket 7.")]
    assert all(row["request_id"] and row["label"] is None for row in rows)
    # whom nothing admits to do so does nothing
    bob = {"x-assertion": signed(email="bob@example.com", groups=["support"]), **OURS}
    assert sso.service.client.post(path, data=form, headers=bob).status_code == 403


def test_the_tail_ends_with_its_assertion(sso: Sso) -> None:
    short = signed(exp=int(time.time()) - 22)
    headers = {"x-assertion": short, **OURS}
    with sso.service.client.stream("GET", "/console/live/events/tail", headers=headers) as tail:
        assert tail.status_code == 200
        # it would go on for ever
        assert list(tail.iter_lines())
    assert sso.get("/console/live", short).status_code == 401


def test_the_issuer_changes_its_keys_and_may_be_away(sso: Sso) -> None:
    assert sso.get("/console/live", signed()).status_code == 200
    sso.keys.status = 500
    assert sso.get("/console/live", signed(EC, "ES256")).status_code == 401
    assert sso.get("/console/live", signed()).status_code == 200
    sso.keys.status = 200
    sso.keys.content = key_set(RSA, EC)
    deadline = time.monotonic() + 60
    while sso.get("/console/live", signed(EC, "ES256")).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_a_reload_ends_what_it_admits_no_more(sso: Sso) -> None:
    ada, bob = signed(), signed(email="bob@example.com", groups=["support"])
    assert sso.get("/console/live", ada).status_code == 200
    text = sso.config.read_text()
    try:
        sso.config.write_text(text.replace("ada@example.com", "grace@example.com"))
        reload(sso, "/console/live", ada, 403)
        assert sso.get("/console/live", bob).status_code == 200
        sso.config.write_text(text.partition("[console_sso]")[0])
        reload(sso, "/console/live", bob, 303)
    finally:
        sso.config.write_text(text)
        reload(sso, "/console/live", ada, 200)


def test_the_tail_ends_with_the_scope_that_a_reload_takes(sso: Sso) -> None:
    ada, text = signed(), sso.config.read_text()
    headers = {"x-assertion": ada, **OURS}
    with sso.service.client.stream("GET", "/console/live/events/tail", headers=headers) as tail:
        assert tail.status_code == 200
        try:
            sso.config.write_text(text.replace('["read", "audit", "admin"]', '["audit"]'))
            reload(sso, "/console/live", ada, 403)
            deadline = time.monotonic() + 30
            for _ in tail.iter_lines():
                assert time.monotonic() < deadline
        finally:
            sso.config.write_text(text)
            reload(sso, "/console/live", ada, 200)


def reload(sso: Sso, path: str, assertion: str, status: int) -> None:
    sso.service.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 30
    while sso.get(path, assertion).status_code != status:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@contextmanager
def from_address(service: Service, address: str) -> Iterator[httpx.Client]:
    transport = httpx.HTTPTransport(local_address=address)
    base = service.client.base_url
    with httpx.Client(base_url=base, headers=OURS, transport=transport, timeout=30) as client:
        yield client


@pytest.fixture
def plain(scratch: Path, database_url: str) -> Iterator[Service]:
    (scratch / "daybook.toml").write_text(PLAIN.format(config=CONFIG))
    service = Service(scratch, env={"DAYBOOK_DATABASE_URL": database_url}).start()
    yield service
    assert service.stop() == 0


def test_a_plain_name_is_believed_from_the_proxy_alone(plain: Service, database_url: str) -> None:
    ada = {"x-forwarded-user": "ada@example.com"}
    with from_address(plain, "127.0.0.2") as proxy, from_address(plain, "127.0.0.3") as other:
        # even if the proxy names another sender
        sender = {"x-forwarded-for": "192.0.2.1"}
        assert proxy.get("/console/live", headers=ada | sender).status_code == 200
        groups = {"x-forwarded-user": "bob", "x-forwarded-groups": "finance, support"}
        assert proxy.get("/console/test", headers=groups).status_code == 200
        assert proxy.get("/console/live", headers={"x-forwarded-user": "eve"}).status_code == 403
        for spoofed in (ada, ada | {"x-forwarded-for": "127.0.0.2"}):
            answer = other.get("/console/live", headers=spoofed)
            assert answer.status_code == 401
            assert "from an address that may send none" in answer.text
        forged = [("x-forwarded-user", "bob"), ("x-forwarded-groups", "support"),
                  ("x-forwarded-groups", "finance")]  # fmt: skip
        assert proxy.get("/console/test", headers=forged).status_code == 401
        twice = [("x-forwarded-user", "eve"), ("x-forwarded-user", "ada@example.com")]
        assert proxy.get("/console/live", headers=twice).status_code == 401
        # keys are switched off, and links with them
        assert proxy.get("/console/live").status_code == 401
        key = new_key(database_url, "live")
        assert proxy.post(SIGN_IN, data={"key": key}).status_code == 401
        assert proxy.get(f"{SIGN_IN}").status_code == 401
        # a person has a limit too; a stylesheet does not count
        statuses = [proxy.get("/console/live", headers=ada).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        limited = proxy.get("/console/live", headers=ada)
        assert 0 < int(limited.headers["retry-after"]) <= 60
        style = re.findall(r'href="(\S+\.css)"', limited.text)[0]
        assert proxy.get(style, headers=ada).status_code == 200
        assert proxy.post("/console/-/sign-out", headers=ada).status_code == 200
