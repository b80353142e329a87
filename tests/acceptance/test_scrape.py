"""What Prometheus reads: every worker answers for all of them, and says nothing of a person."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.embedded import embedded
from tests.acceptance.doors import CONFIG
from tests.acceptance.service import Service, command
from tests.builders import SECRET, at, body
from tests.conftest import as_owner, fresh_database

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


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"daybook_{name}", frozenset(labels.items())]


def test_every_worker_tells_of_all(serving: tuple[Service, str], scratch: Path) -> None:
    service, url = serving
    content = body("subscription.active", "active", at(0), "sub_1", "cus_secret")
    for number in range(12):
        with httpx.Client(base_url=service.client.base_url) as via:
            answer = service.deliver("live", SECRET, content, f"msg_{number % 10}", via)
            assert answer.is_success
            assert via.post("/webhooks/live", content=b"1").status_code == 401
    service.deliver("live", SECRET, b"no json")
    assert service.deliver("nowhere", SECRET, b"1").status_code == 404
    env = {"DAYBOOK_DATABASE_URL": url}
    key = command("keys", "create", "--book", "live", cwd=scratch, env=env).strip()
    service.await_position(key, 11)
    with psycopg.connect(as_owner(url)) as conn:
        conn.execute(
            "insert into read.parked (book, build, stream, position, error)"
            " values ('live', 'live', 'subscription-sub_9', 1, '')"
        )
        conn.execute(
            "insert into read.lease (name, owner, expires_at, done, total)"
            " values ('rebuild', 'somebody', now() + interval '1 minute', 3, 7)"
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
            if name == "daybook_webhooks_total"
        }
        assert counts == {
            ("live", "recorded", ""): 11,
            ("live", "duplicate", ""): 2,
            ("live", "refused", "missing-header"): 12,
            ("", "refused", "unknown-book"): 1,
        }
        assert value(told, "append_batch_size_sum", book="live") == 13
        batches = value(told, "append_batch_size_count", book="live")
        assert value(told, "append_seconds_count", book="live") == batches
        assert value(told, "database_up") == 1
        assert value(told, "head", book="live") == 11
        assert value(told, "checkpoint", book="live") == 11
        assert value(told, "lag_events", book="live") == 0
        assert value(told, "lag_events", book="other") == 5
        assert value(told, "last_event_age_seconds", book="other") >= 3600
        assert value(told, "head", book="test") == 0
        assert value(told, "parked_streams", book="live") == 1
        assert value(told, "events", book="live", verdict="unreadable") == 1
        assert value(told, "events", book="live", verdict="unexpected") == 0
        assert value(told, "rebuild_running") == 1
        assert value(told, "rebuild_done") == 3
        assert value(told, "rebuild_total") == 7
        names = {name for name, _ in told}
        assert "cus_secret" not in str(told)
        assert "daybook_pool_usage_seconds_total" in names
        assert "daybook_questions_seconds_total" in names


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


def test_it_can_be_switched_off(scratch: Path, postgres: str, template: str) -> None:
    (scratch / "daybook.toml").write_text(f"metrics = false\n{CONFIG}")
    env = {"DAYBOOK_DATABASE_URL": fresh_database(postgres, template)}
    service = Service(scratch, env=env).start()
    assert service.client.get("/metrics").status_code == 404
    assert service.stop() == 0
