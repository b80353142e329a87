"""``daybook doctor`` finds what was broken, says what to do, and looks at the rest all the same."""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import psycopg
import pytest

from service.provider.endpoints import EVENT_TYPES
from service.provider.findings import Finding, look
from service.sandbox.messages import AnswerFaultRequest
from tests.acceptance.business import Business, business
from tests.acceptance.examined import Installation
from tests.acceptance.service import Service, environment, new_key
from tests.builders import NOON, OTHER_SECRET, SECRET, at, body
from tests.conftest import as_owner, fresh_database
from tests.documents import SERVICE
from tests.sandbox import sandbox
from tests.service.provider.stand_in import KEY, Answer

URL = "https://daybook.example.com/webhooks/live"


def configuration(provider_url: str, key: str = KEY) -> str:
    provider = f'provider = {{ api_key = "{key}", url = "{provider_url}" }}'
    return "\n".join((
        '[books.live]\nmode = "live"', f'secrets = ["{SECRET}"]', 'business_id = "bus_1"', provider,
        '[books.quiet]\nmode = "test"', f'secrets = ["{OTHER_SECRET}"]', "",
    ))  # fmt: skip


@pytest.fixture(scope="module")
def running(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    here = tmp_path_factory.mktemp("doctor")
    url = fresh_database(postgres, template)
    with business() as provider:
        (here / "daybook.toml").write_text(configuration(provider.url))
        service = Service(here, env={"DAYBOOK_DATABASE_URL": url}).start()
        service.deliver("live", SECRET, body("subscription.active", "active", at(1), "sub_1"))
        service.await_position(new_key(url, "live"), 1)
        deadline = time.monotonic() + 30
        while not service.client.get("/checkpoints/live").is_success:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield Installation(here, url, provider)
        assert service.stop() == 0


@pytest.fixture
def well(running: Installation) -> Installation:
    """All is well: one endpoint for every type, signed with the book's secret."""
    fresh, provider = Business(), running.provider
    fresh.url, fresh.page_size = provider.url, 10
    provider.__dict__.update(fresh.__dict__)
    provider.add(URL)
    return running


def test_all_is_well(well: Installation) -> None:
    found = well.doctor("--book", "live", "--url", URL, "--format", "json")
    assert (found.status, found.of("problem"), found.of("unknown")) == (0, {}, {})
    assert found.of("ok").keys() == {
        "database", "role", "migrations", "events", "refusals", "read models", "projector",
        "parked streams", "checkpoints", "chain", "restore",
        "api key", "clock", "business", "endpoint", "event types", "secret",
    }  # fmt: skip
    assert found.of("skipped").keys() == {"disk", "anchors", "replica"}
    assert "All is well." in well.doctor("--book", "live").out


def test_every_check_is_described(well: Installation) -> None:
    section = SERVICE.read_text().partition("## Doctor")[2].partition("\n## ")[0]
    described = {
        n for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for n in row.split(", ")
    }
    assert described == {f"`{f['check']}`" for f in well.look().findings}


def test_every_book_is_looked_at(well: Installation) -> None:
    found = well.doctor("--format", "json")
    assert found.status == 1
    assert {f["book"] for f in found.findings} == {None, "live", "quiet"}
    of_quiet = {f["check"]: f["state"] for f in found.findings if f["book"] == "quiet"}
    assert (of_quiet["events"], of_quiet["api key"]) == ("problem", "skipped")
    out = well.doctor().out
    assert "book quiet, events: No event has been recorded yet." in out
    assert "daybook backfill --book quiet" in out


def test_an_endpoint_that_is_not_there_is_told(well: Installation) -> None:
    well.provider.endpoints.clear()
    found = well.look()
    assert (found.status, {*found.of("problem")}) == (1, {"endpoint"})
    assert "daybook connect --book live" in found.of("problem")["endpoint"]
    well.provider.add("https://elsewhere.example.com/hook", OTHER_SECRET)
    assert "out of 1" in well.look().of("problem")["endpoint"]


def test_a_disabled_endpoint_and_missing_types_are_told(well: Installation) -> None:
    types = [t for t in EVENT_TYPES if t != "subscription.past_due"]
    well.provider.endpoints["ep_1"] |= {"disabled": True, "filter_types": types}
    found = well.look()
    assert (found.status, {*found.of("problem")}) == (1, {"endpoint", "event types"})
    assert "is disabled" in found.of("problem")["endpoint"]
    assert "not receive subscription.past_due. " in found.of("problem")["event types"]
    assert "Replay missing" in found.of("problem")["event types"]


def test_an_endpoint_without_a_filter_has_all_types(well: Installation) -> None:
    well.provider.endpoints["ep_1"]["filter_types"] = None
    assert well.look().status == 0


def test_another_secret_is_told(well: Installation) -> None:
    well.provider.secrets["ep_1"] = OTHER_SECRET
    found = well.look()
    assert (found.status, {*found.of("problem")}) == (1, {"secret"})
    assert OTHER_SECRET not in found.out


def test_the_url_can_be_checked_too(well: Installation) -> None:
    assert well.look(URL + "/").status == 0
    found = well.look("https://new.example.com/webhooks/live")
    assert found.of("problem").keys() == {"endpoint"}
    assert "https://new.example.com/webhooks/live" in found.of("problem")["endpoint"]


def test_two_endpoints_of_a_book_are_told(well: Installation) -> None:
    well.provider.add(URL)
    assert "2 endpoints deliver to this book" in well.look().of("problem")["endpoint"]


def test_a_wrong_key_is_told_and_the_rest_is_looked_at(well: Installation) -> None:
    found = well.look(DAYBOOK_BOOKS__LIVE__PROVIDER__API_KEY="key_of_test_mode")
    assert (found.status, {*found.of("problem")}) == (1, {"api key"})
    assert "must be a key of live mode" in found.of("problem")["api key"]
    assert found.of("unknown").keys() == {"endpoint"}
    assert "database" in found.of("ok")


def test_a_key_of_another_business_is_told(well: Installation) -> None:
    well.provider.business_id = "bus_2"
    found = well.look()
    assert found.of("problem").keys() == {"business"}
    assert "of business bus_2, the book of bus_1" in found.of("problem")["business"]


def test_a_read_only_key_suffices_but_for_the_secret(well: Installation) -> None:
    well.provider.read_only = True
    found = well.look()
    assert (found.status, found.of("problem")) == (2, {})
    assert found.of("unknown").keys() == {"secret"}


def test_clocks_that_differ_are_told(well: Installation) -> None:
    well.provider.fails = Answer(
        200, b'{"data":[],"done":true}', {"date": format_datetime(NOON, usegmt=True)}
    )
    found = well.look()
    assert "ahead of" in found.of("problem")["clock"]
    assert "time synchronisation" in found.of("problem")["clock"]


@pytest.mark.parametrize(
    "answer", [Answer(500), Answer(429, headers={"retry-after": "60"}), Answer(200, b"<html>")]
)
def test_a_provider_that_cannot_be_asked_is_no_finding(answer: Answer, well: Installation) -> None:
    well.provider.fails = answer
    found = well.look()
    assert (found.status, found.of("problem")) == (2, {})
    assert found.of("unknown").keys() == {"api key", "endpoint"}
    assert "database" in found.of("ok")


def test_a_slow_provider_does_not_hold_up_the_rest(well: Installation) -> None:
    well.provider.seconds = 1.5
    found = well.look(DAYBOOK_BOOKS__LIVE__PROVIDER__TIMEOUT_SECONDS="1")
    assert found.status == 2
    assert "did not answer within 1 seconds" in found.of("unknown")["api key"]


def test_a_database_that_is_away_is_told_and_the_provider_is_looked_at(
    well: Installation,
) -> None:
    found = well.look(DAYBOOK_DATABASE_URL="postgresql://me@127.0.0.1:1/none")
    assert (found.status, {*found.of("problem")}) == (1, {"database"})
    assert "Is PostgreSQL running there?" in found.of("problem")["database"]
    assert found.of("unknown").keys() == {"events"}
    assert "secret" in found.of("ok")


def test_refused_webhooks_and_parked_streams_are_told(well: Installation) -> None:
    with psycopg.connect(as_owner(well.url), autocommit=True) as conn:
        conn.execute(
            "insert into store.refusal_count (book, minute, reason, count) values"
            " ('live', now() - interval '2 hours', 'unknown-signature', 3),"
            " ('live', now() - interval '2 hours', 'method-not-allowed', 7)"
        )
        conn.execute(
            "insert into read.parked (book, stream, build, position, error)"
            " values ('live', 'subscription-sub_1', 'live', 1, 'ValueError')"
        )
        try:
            found = well.look()
        finally:
            conn.execute("delete from store.refusal_count")
            conn.execute("delete from read.parked")
    assert (found.status, {*found.of("problem")}) == (1, {"refusals", "parked streams"})
    refused = found.of("problem")["refusals"]
    assert "Refused in the last day: 3 webhooks, of them 0 in the last hour" in refused
    assert "subscription-sub_1" in found.of("problem")["parked streams"]


def test_a_service_that_does_not_run_is_told(postgres: str, template: str, tmp_path: Path) -> None:
    (tmp_path / "daybook.toml").write_text(f'[books.test]\nmode = "test"\nsecrets = ["{SECRET}"]\n')
    url = fresh_database(postgres, template)
    found = Installation(tmp_path, url, Business()).doctor("--format", "json")
    assert found.of("problem").keys() == {"events", "projector"}
    assert "Is daybook serve running" in found.of("problem")["projector"]


def test_a_database_without_a_schema_is_told(empty_database_url: str, tmp_path: Path) -> None:
    (tmp_path / "daybook.toml").write_text(f'[books.test]\nmode = "test"\nsecrets = ["{SECRET}"]\n')
    found = Installation(tmp_path, empty_database_url, Business()).doctor("--format", "json")
    assert found.status == 1
    assert found.of("problem").keys() == {"migrations"}
    assert "daybook migrate" in found.of("problem")["migrations"]


def test_no_database_yet_is_told(tmp_path: Path) -> None:
    (tmp_path / "daybook.toml").write_text(f'[books.test]\nmode = "test"\nsecrets = ["{SECRET}"]\n')
    here = Installation(tmp_path, "", Business())
    found = here.doctor("--format", "json", DAYBOOK_DATA_DIR=str(tmp_path / "data"))
    assert "Run daybook serve" in found.of("problem")["database"]
    assert not (tmp_path / "data").exists()


def test_a_configuration_that_is_wrong_could_not_be_looked_at(tmp_path: Path) -> None:
    (tmp_path / "daybook.toml").write_text("port = true")
    found = Installation(tmp_path, "", Business()).doctor()
    assert (found.status, found.out) == (2, "")


async def test_a_check_that_hangs_or_fails_is_one_that_could_not_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def hang() -> list[Finding]:
        await asyncio.sleep(60)
        return []

    async def fail() -> list[Finding]:
        raise ValueError("no")

    monkeypatch.setattr("service.provider.findings.SECONDS", 0.01)
    [hung] = await look("live", "slow", hang(), str)
    [failed] = await look(None, "broken", fail(), str)
    assert (hung.state, failed.state) == ("unknown", "unknown")
    assert ("longer than" in hung.found, failed.found) == (True, "no")


@pytest.mark.slow
def test_the_sandbox_is_connected_and_examined(
    postgres: str, template: str, tmp_path: Path
) -> None:
    here = Installation(tmp_path, fresh_database(postgres, template), Business())
    with sandbox(customers=2, behind="1d") as provider:
        env = {
            "DAYBOOK_BOOKS__TEST__PROVIDER__URL": provider.url,
            "DAYBOOK_BOOKS__TEST__WEBHOOK_MAX_AGE_DAYS": "9",
        }
        connect = [sys.executable, "-m", "service", "connect", "--book", "test"]
        done = subprocess.run(
            [*connect, "--url", "http://127.0.0.1:9/webhooks/test", "--api-key", provider.api_key],
            env=environment(env), cwd=tmp_path, capture_output=True, text=True, check=False,
            timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found = here.doctor("--format", "json", **env)
        assert found.of("problem").keys() == {"events", "projector"}
        assert {"api key", "clock", "endpoint", "event types", "secret"} <= found.of("ok").keys()
        slow = AnswerFaultRequest(path="/webhooks", by=timedelta(seconds=3))
        provider.control.add_answer_fault(slow)
        late = {"DAYBOOK_BOOKS__TEST__PROVIDER__TIMEOUT_SECONDS": "1"}
        found = here.doctor("--format", "json", **env, **late)
        assert "did not answer" in found.of("unknown")["api key"]
        provider.control.add_answer_fault(AnswerFaultRequest(path="/webhooks", status=429))
        found = here.doctor("--format", "json", **env)
        assert "limits the rate" in found.of("unknown")["api key"]
