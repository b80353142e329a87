"""Who may ask what: a stranger learns nothing, a key opens its own book, a scope its own part."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.doors import CONFIG, Doors
from tests.acceptance.service import Service, command, new_key
from tests.builders import OTHER_SECRET, SECRET, body
from tests.conftest import fresh_database

PATHS = [
    "subscriptions", "subscriptions/sub_0", "subscriptions/none", "events/1", "events/1/body",
    "events/999/body", "refusals", "nothing/at/all", "",
]  # fmt: skip


@pytest.fixture
def key_of(doors: Doors) -> Callable[..., str]:
    def made(*scope: str, book: str = "live") -> str:
        return new_key(doors.database_url, book, ",".join(scope))

    return made


@pytest.mark.parametrize("headers", [
    {}, {"authorization": "Bearer"}, {"authorization": "Bearer dbk_live_x"},
    {"authorization": "Basic YTpi"}, {"authorization": "Bearer \xff"},
])  # fmt: skip
def test_a_stranger_learns_nothing(doors: Doors, headers: dict[str, str]) -> None:
    client = doors.service.client
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    answers = {
        (answer.status_code, answer.text, answer.headers["www-authenticate"])
        for method in ("GET", "POST", "OPTIONS", "DELETE")
        for prefix in ("/v1/", "//v1/", "/v1//")
        for path in PATHS
        for answer in [client.request(method, f"{client.base_url}{prefix}{path}", headers=raw)]
    }
    assert len(answers) == 1
    ((status, said, asked),) = answers
    assert (status, asked) == (401, "Bearer")
    assert "/problems/unauthorized" in said


def test_a_key_of_one_book_cannot_tell_what_another_has(doors: Doors) -> None:
    doors.service.deliver("test", OTHER_SECRET, body("payment.failed", "failed", identity="pay_t"))
    doors.service.await_position(doors.test, 1)
    assert doors.get("payments/pay_t", doors.test).status_code == 200
    for path in ("payments/{}", "payments/{}/history", "customers/{}", "customers/{}/access"):
        there, absent = (doors.get(path.format(one)) for one in ("pay_t", "pay_0"))
        assert there.status_code == absent.status_code
        there_said, absent_said = there.json(), absent.json()
        there_said.pop("at", None)
        absent_said.pop("at", None)
        assert str(there_said).replace("pay_t", "pay_0") == str(absent_said)


@pytest.mark.parametrize(
    ("path", "scope"),
    [("subscriptions", "read"), ("events/1/body", "audit"), ("refusals", "admin")],
)
def test_a_scope_opens_its_part_and_no_other(
    doors: Doors, key_of: Callable[..., str], path: str, scope: str
) -> None:
    assert doors.get(path, key_of(scope)).status_code == 200
    others = {"read", "audit", "admin"} - {scope}
    answer = doors.get(path, key_of(*others))
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/scope-missing")
    assert answer.json()["scope"] == scope


def test_what_is_not_there_is_told_before_a_missing_scope(
    doors: Doors, key_of: Callable[..., str]
) -> None:
    assert doors.get("nothing/at/all", key_of("audit")).status_code == 404


def test_headers_are_for_audit_only(doors: Doors, key_of: Callable[..., str]) -> None:
    assert doors.get("events/1", key_of("read")).json()["headers"] is None
    assert "user-agent" in doors.get("events/1", key_of("read", "audit")).json()["headers"]


def test_a_revoked_key_closes_and_the_new_one_overlaps(
    doors: Doors, key_of: Callable[..., str]
) -> None:
    old, new = key_of("read"), key_of("read")
    assert doors.get("payments", old).status_code == doors.get("payments", new).status_code == 200
    here = {"cwd": doors.service._cwd, "env": doors.service._env}
    command("keys", "revoke", old.split("_")[2], **here)  # type: ignore[arg-type]
    deadline = time.monotonic() + 15
    while doors.get("payments", old).status_code != 401:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert doors.get("payments", new).status_code == 200
    listed = command("keys", "list", "--book", "live", **here)  # type: ignore[arg-type]
    assert "read,audit,admin" in listed
    assert listed.count("live") >= 3


@pytest.fixture
def limited(scratch: Path, postgres: str, template: str) -> Iterator[tuple[Service, str]]:
    (scratch / "daybook.toml").write_text(f"requests_per_minute = 3\n{CONFIG}")
    env = {"DAYBOOK_DATABASE_URL": fresh_database(postgres, template)}
    service = Service(scratch, env=env).start()
    yield service, command("keys", "create", "--book", "live", cwd=scratch, env=env).strip()
    assert service.stop() == 0


def test_a_key_that_asks_too_often_is_told_when_to_come_back(
    limited: tuple[Service, str], scratch: Path
) -> None:
    service, key = limited

    def ask(with_key: str) -> httpx.Response:
        return service.client.get("/v1/payments", headers={"authorization": f"Bearer {with_key}"})

    answers = [ask(key) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["ratelimit-policy"] == '"key";q=3;w=60'
    assert answers[0].headers["ratelimit"].startswith('"key";r=2;t=')
    last = answers[-1]
    assert last.json()["type"] == "/problems/rate-limited"
    assert 0 < int(last.headers["retry-after"]) <= 60
    assert last.headers["ratelimit"].startswith('"key";r=0;t=')
    other = command("keys", "create", "--book", "live", cwd=scratch, env=service._env).strip()
    assert ask(other).status_code == 200
    assert ask("dbk_live_none").status_code == 401
    assert service.deliver("live", SECRET, b"1").status_code == 200


def test_a_whole_key_that_is_pasted_is_revoked_and_never_repeated(database_url: str) -> None:
    env = {"DAYBOOK_DATABASE_URL": database_url, "DAYBOOK_BOOKS__A_B__MODE": "test"}
    env["DAYBOOK_BOOKS__A_B__SECRETS"] = f'["{SECRET}"]'
    key = command("keys", "create", "--book", "a_b", env=env).strip()
    identity = key.removeprefix("dbk_a_b_")[:8]
    assert command("keys", "revoke", key, env=env) == f"Revoked {identity}.\n"
    for pasted in (key, key[:-3]):
        with pytest.raises(subprocess.CalledProcessError) as refused:
            command("keys", "revoke", pasted, env=env)
        assert refused.value.returncode == 1
        assert key[-32:-3] not in refused.value.stderr + refused.value.stdout
