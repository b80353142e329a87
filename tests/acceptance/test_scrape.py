"""What Prometheus reads: every worker answers for all of them, and says nothing of a person."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import httpx
import psycopg
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from service.database.embedded import embedded
from tests import documents
from tests.acceptance.doors import CONFIG, Doors
from tests.acceptance.service import Service, new_key
from tests.builders import SECRET, at, body
from tests.conftest import as_owner, fresh_database

pytestmark = pytest.mark.scenario

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def serving(scratch: Path, postgres: str, template: str) -> Iterator[tuple[Service, str]]:
    (scratch / "daybook.toml").write_text(CONFIG)
    url = fresh_database(postgres, template)
    env = {"DAYBOOK_DATABASE_URL": url, "DAYBOOK_WORKERS": "2"}
    service = Service(scratch, env=env).start()
    yield service, url
    assert service.stop() == 0


def scraped(service: Service) -> Samples:
    # on a connection of its own: any worker may take it
    answer = httpx.get(f"{service.client.base_url}/metrics", timeout=30)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def families(service: Service) -> list[Metric]:
    answer = httpx.get(f"{service.client.base_url}/metrics", timeout=30)
    return [*text_string_to_metric_families(answer.text)]


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"daybook_{name}", frozenset(labels.items())]


def test_every_worker_tells_of_all(serving: tuple[Service, str]) -> None:
    service, url = serving
    content = body("subscription.active", "active", at(0), "sub_1", "cus_secret")
    for number in range(12):
        with httpx.Client(base_url=service.client.base_url) as via:
            answer = service.deliver("live", SECRET, content, f"msg_{number % 10}", via)
            assert answer.is_success
            assert via.post("/webhooks/live", content=b"1").status_code == 401
    service.deliver("live", SECRET, b"no json")
    assert service.deliver("nowhere", SECRET, b"1").status_code == 404
    key = new_key(url, "live")
    service.await_position(key, 11)
    with psycopg.connect(as_owner(url)) as conn:
        conn.execute(
            "insert into read.parked (book, build, stream, position, error)"
            " values ('live', 'live', 'subscription-sub_9', 1, '')"
        )
        conn.execute(
            "insert into read.lease (name, owner, expires_at, done, total)"
            " values ('rebuild', 'somebody', now() + interval '1 minute', 3, 7)"
            " on conflict (name) do update set owner = excluded.owner, done = 3, total = 7,"
            " expires_at = excluded.expires_at"
        )
        # a book that nobody projects
        conn.execute(
            "insert into store.head (book, position, recorded_at)"
            " values ('other', 5, now() - interval '1 hour')"
        )
    for _ in range(8):
        told = scraped(service)
        counts = {
            (dict(labels)["book"], dict(labels)["result"], dict(labels)["reason"]): counted
            for (name, labels), counted in told.items()
            if name == "daybook_webhooks_total" and counted
        }
        assert counts == {
            ("live", "recorded", ""): 11,
            ("live", "duplicate", ""): 2,
            ("live", "refused", "missing-header"): 12,
            ("", "refused", "unknown-book"): 1,
        }
        assert value(told, "append_batch_size_sum", book="live") == 13
        batches = value(told, "append_batch_size_count", book="live")
        assert value(told, "append_duration_seconds_count", book="live") == batches
        assert value(told, "database_up") == 1
        assert value(told, "head_position", book="live") == 11
        assert value(told, "checkpoint_position", book="live") == 11
        assert value(told, "lag_events", book="live") == 0
        assert value(told, "lag_events", book="other") == 5
        assert value(told, "last_event_age_seconds", book="other") >= 3600
        assert value(told, "head_position", book="test") == 0
        assert value(told, "parked_streams", book="live") == 1
        assert value(told, "events", book="live", verdict="unreadable") == 1
        assert value(told, "events", book="live", verdict="unexpected") == 0
        assert value(told, "rebuild_running") == 1
        assert value(told, "rebuild_progress_ratio") == 3 / 7
        names = {name for name, _ in told}
        assert "cus_secret" not in str(told)
        assert "daybook_pool_usage_seconds_total" in names
        assert "daybook_pipeline_usage_seconds_total" in names


UNITS = {"seconds", "bytes", "ratio", "celsius", "volts", "meters", "grams", "joules", "amperes"}
SCALED = re.compile(
    r"(kilo|mega|giga|milli|micro|nano)\w*|minutes?|hours?|days?|weeks?|percent(age)?|ms|s|secs?|b"
    r"|kb|mb|gb|kib|mib|gib|counter|gauge|histogram|summary|metric|pct|num|avg|req|resp|conn"
)


def test_names_are_as_prometheus_wants_them(doors: Doors) -> None:
    doors.get("customers/x/access")
    doors.service.deliver("live", SECRET, b"1", via=doors.service.client)
    doors.service.client.post("/webhooks/live", content=b"1")
    found = families(doors.service)
    assert len(found) >= 25
    for family in found:
        name = family.name
        assert re.fullmatch(r"daybook(_[a-z]+)+", name), name
        words = name.split("_")
        assert not [word for word in words if SCALED.fullmatch(word)], name
        # the unit stands last
        assert not UNITS & set(words[:-1]), name
        assert re.fullmatch(r"[A-Z].{15,}\.", family.documentation), name
        assert family.type in {"counter", "gauge", "histogram"}, name
        assert not name.endswith(("_total", "_sum", "_count", "_bucket", "_created")), name
        if family.type == "counter":
            assert {sample.name for sample in family.samples} <= {f"{name}_total"}, name
    assert len({family.name for family in found}) == len(found)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_has_no_objection(doors: Doors) -> None:
    text = httpx.get(f"{doors.service.client.base_url}/metrics", timeout=30).text
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_requests_are_timed_by_route_method_and_status(doors: Doors) -> None:
    def counted(route: str, method: str, status: str) -> float:
        labels = {"route": route, "method": method, "status": status}
        name = "daybook_http_request_duration_seconds_count"
        return scraped(doors.service).get((name, frozenset(labels.items())), 0)

    client = doors.service.client
    requests: list[tuple[str, str, str, Callable[[], object]]] = [
        (
            "/webhooks/{book}",
            "POST",
            "2xx",
            lambda: doors.service.deliver("live", SECRET, b"timed"),
        ),
        ("/webhooks/{book}", "POST", "4xx", lambda: client.post("/webhooks/live")),
        (
            "/v1/customers/{customer_id}/access",
            "GET",
            "2xx",
            lambda: doors.get("customers/x/access"),
        ),
        (
            "/v1/subscriptions/{subscription_id}",
            "GET",
            "4xx",
            lambda: doors.get("subscriptions/a%2Fb"),
        ),
        ("", "GET", "4xx", lambda: client.get("/v1/customers/x/access")),
        ("", "other", "4xx", lambda: client.request("PROPFIND", "/v1/customers/x/access")),
    ]
    before = [counted(route, method, status) for route, method, status, _ in requests]
    for _, _, _, request in requests:
        request()
    after = [counted(route, method, status) for route, method, status, _ in requests]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1] * len(requests)


def test_the_readme_names_every_metric(doors: Doors) -> None:
    table = documents.SERVICE.read_text().split("| `daybook_…` |")[1]
    rows = re.findall(r"^\| (`[a-z_`, ]+) \|", table.split("\n\n")[0], re.MULTILINE)
    told = {f"daybook_{name}" for row in rows for name in re.findall(r"`(\w+)`", row)}
    found = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in families(doors.service)
    }
    assert found <= told
    # not before something happens, or without a replica
    assert told - found <= {
        "daybook_process_restarts_total", "daybook_unread_events",
        "daybook_denial_questions_total", "daybook_sign_ons_refused_total",
        "daybook_replica_up", "daybook_replica_position",
    }  # fmt: skip


def test_it_says_what_runs(doors: Doors) -> None:
    samples = scraped(doors.service)
    [labels] = [dict(labels) for name, labels in samples if name == "daybook_build_info"]
    assert labels["version"] == version("dodo-daybook")
    assert labels["python"].startswith("3.")
    up = {dict(labels)["task"] for name, labels in samples if name == "daybook_task_up"}
    assert up >= {"writer of live", "projector of live", "notifier", "listener", "wake-ups"}


def test_without_the_database_it_tells_what_needs_none(scratch: Path) -> None:
    (scratch / "daybook.toml").write_text(CONFIG)
    data = scratch / "data"
    with embedded(data) as server:
        url = server.url
    service = Service(scratch, env={"DAYBOOK_DATABASE_URL": url})
    service.start(ready=False)
    assert service.deliver("live", SECRET, b"1").status_code == 503
    told = scraped(service)
    assert value(told, "database_up") == 0
    assert value(told, "webhooks_total", book="live", result="refused", reason="unavailable") == 1
    assert service.stop() == 0


def test_it_and_the_console_can_be_switched_off(
    scratch: Path, postgres: str, template: str
) -> None:
    (scratch / "daybook.toml").write_text(f"metrics = false\nconsole = false\n{CONFIG}")
    env = {"DAYBOOK_DATABASE_URL": fresh_database(postgres, template)}
    service = Service(scratch, env=env).start()
    assert service.client.get("/metrics").status_code == 404
    answer = service.client.get("/console")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")
    assert "/console" not in service.client.get("/").text
    assert service.stop() == 0
