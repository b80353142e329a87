"""Each trouble raises its alert and no other: made in a running service, judged by Prometheus.

What cannot be made in a moment, such as hours of slow answers, is written into a real scrape.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from projections.projection import VERSION
from service.readmodels.follower import lease_name
from tests.acceptance import compared
from tests.acceptance.alerting import NAMES, UP, Samples, evaluated, scraped, series
from tests.acceptance.doors import CONFIG, deliver
from tests.acceptance.processes import pid_of
from tests.acceptance.service import Service, new_key
from tests.acceptance.watched import LIVE_ANCHOR, REACHED, Watched, keep_comparison, named, of
from tests.builders import body
from tests.conftest import fresh_database

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing"),
]

CONFIGURATION = """
[[anchors]]
kind = "directory"
path = "{bucket}"
"""


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    where = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(where)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield where
    subprocess.run(["umount", "--lazy", str(where)], check=True)


@pytest.fixture(scope="module")
def watched(
    postgres: str, template: str, disk: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    here = tmp_path_factory.mktemp("watched")
    (here / "bucket").mkdir()
    anchors = CONFIGURATION.format(bucket=here / "bucket")
    (here / "daybook.toml").write_text(CONFIG + anchors)
    url = fresh_database(postgres, template)
    env = {"DAYBOOK_DATABASE_URL": url, "DAYBOOK_DATA_DIR": str(disk / "data"), "TMPDIR": str(disk)}
    service = Service(here, env=env, hasty=True).start()
    made = Watched(service, new_key(url, "live", "read,audit,admin"), url, here)
    deliver(made, body("subscription.active", "active"))
    keep_comparison(url, "20260504T120000Z-00000001", ())
    yield made
    made.admin.close()
    assert service.stop() == 0


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def healthy(watched: Watched) -> Samples:
    return watched.settled()


def test_a_healthy_service_raises_none(watched: Watched, healthy: Samples) -> None:
    assert watched.fires(healthy, healthy, 100) == set()


def test_webhooks_that_the_book_refuses(watched: Watched, healthy: Samples) -> None:
    for _ in range(4):
        assert deliver(watched, b"1", secret="whsec_" + "A" * 32).status_code == 401
    assert watched.fires(healthy, scraped(watched.service)) == {"DaybookWebhooksRefused"}


def test_strangers_who_knock(watched: Watched) -> None:
    before = scraped(watched.service)
    for _ in range(20):
        assert watched.service.client.post("/webhooks/live").status_code == 401
    assert watched.fires(before, scraped(watched.service)) == set()


def test_webhooks_that_cannot_be_recorded(watched: Watched) -> None:
    before = scraped(watched.service)
    watched.admin.execute("revoke insert on store.event from daybook_service")
    try:
        for number in range(4):
            assert deliver(watched, b"%d" % number).status_code in {500, 503}
        after = scraped(watched.service)
    finally:
        watched.admin.execute("grant insert on store.event to daybook_service")
    assert watched.fires(before, after) == {"DaybookWebhooksFailing"}


def test_a_book_that_is_silent(watched: Watched, healthy: Samples) -> None:
    watched.admin.execute(
        "insert into store.head (book, position, recorded_at)"
        " values ('silent', 1, now() - interval '4 days')"
    )
    watched.admin.execute(
        f"insert into read.checkpoint (book, version, position) values ('silent', {VERSION}, 1)"  # noqa: S608
    )
    try:
        after = scraped(watched.service)
    finally:
        forget(watched, "silent")
    assert watched.fires(healthy, after, 4) == {"DaybookSilent"}


def forget(watched: Watched, book: str) -> None:
    """Remove a book that was made up."""
    with watched.admin.transaction():
        watched.admin.execute("set local session_replication_role = replica")
        for table in ("store.head", "store.event", "read.checkpoint"):
            watched.admin.execute(f"delete from {table} where book = '{book}'")  # noqa: S608


def test_read_models_that_lag(watched: Watched, healthy: Samples) -> None:
    watched.admin.execute(
        "insert into store.head (book, position, recorded_at) values ('slow', 1, now())"
    )
    watched.admin.execute(
        "insert into store.event select (jsonb_populate_record(e, jsonb_build_object("
        " 'book', 'slow', 'recorded_at', now() - interval '2 minutes'))).* from store.event e"
        " where book = 'live' and position = 1"
    )
    try:
        after = scraped(watched.service)
    finally:
        forget(watched, "slow")
    assert watched.fires(healthy, after) == {"DaybookLag"}


def test_a_store_that_was_restored(watched: Watched, healthy: Samples) -> None:
    watched.admin.execute(
        "insert into store.head (book, position, recorded_at) values ('lost', 1, now())"
    )
    watched.admin.execute(
        "insert into read.checkpoint (book, version, position, link)"  # noqa: S608
        f" values ('lost', {VERSION}, 2, '\\x01')"
    )
    try:
        after = scraped(watched.service)
    finally:
        forget(watched, "lost")
    assert watched.fires(healthy, after) == {"DaybookRestored"}


def test_a_stream_that_is_parked(watched: Watched, healthy: Samples) -> None:
    watched.admin.execute(
        "insert into read.parked (book, build, stream, position, error)"
        " values ('live', 'live', 'subscription-sub_9', 1, '')"
    )
    after = scraped(watched.service)
    watched.admin.execute("delete from read.parked")
    assert watched.fires(healthy, after) == {"DaybookStreamParked"}


def test_a_book_that_differs_from_the_provider(watched: Watched, healthy: Samples) -> None:
    keep_comparison(watched.database_url, "20260504T120000Z-00000002", compared.RUN.drift)
    after = scraped(watched.service)
    assert watched.fires(healthy, after, 100) == set()
    assert watched.fires(healthy, after, 300) == {"DaybookDrift"}
    watched.admin.execute("update store.reconcile_run set ended_at = ended_at - interval '2 days'")
    late = scraped(watched.service)
    watched.admin.execute("delete from store.reconcile_run")
    assert watched.fires(healthy, late, 18) == {"DaybookComparisonStale"}


def test_a_dispute_that_is_due(watched: Watched, healthy: Samples) -> None:
    opened = now() - timedelta(days=6)  # of the seven that the book has
    told = body("dispute.opened", "opened", opened, "dp_1", created_at=opened, amount="400")
    assert deliver(watched, told).is_success
    due = named("disputes_awaiting_response", due="two_days")
    after = watched.awaited(lambda samples: samples[due] == 1)
    assert watched.fires(healthy, after) == {"DaybookDisputesDue"}
    won = body("dispute.won", "won", now(), "dp_1", created_at=opened, amount="400")
    assert deliver(watched, won).is_success
    watched.awaited(lambda samples: samples[due] == 0)


def test_a_disk_that_is_nearly_full(watched: Watched, healthy: Samples, disk: Path) -> None:
    left = shutil.disk_usage(disk).free
    (disk / "filler").write_bytes(bytes(left - (2 << 20)))
    after = scraped(watched.service)
    (disk / "filler").unlink()
    assert watched.fires(healthy, after) == {"DaybookDiskLow"}


def test_a_projector_that_is_gone(watched: Watched, healthy: Samples) -> None:
    projector = pid_of(watched.service, "projector")
    os.kill(projector, signal.SIGSTOP)
    try:
        watched.admin.execute(
            "update read.lease set expires_at = now() - interval '1 minute' where name = %s",
            [lease_name("live")],
        )
        after = watched.awaited(lambda samples: of(samples, "projector_up") == 0)
    finally:
        os.kill(projector, signal.SIGCONT)
    assert watched.fires(healthy, after) == {"DaybookProjectorGone"}
    watched.awaited(lambda samples: of(samples, "projector_up") == 1)


def test_a_database_that_is_away(watched: Watched, postgres: str, healthy: Samples) -> None:
    [name] = re.findall(r"/(\w+)\?", watched.database_url)
    with psycopg.connect(postgres, autocommit=True) as elsewhere:
        elsewhere.execute(f"alter database {name} allow_connections false")
        elsewhere.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = %s and application_name like 'daybook%%'", [name],
        )  # fmt: skip
        try:
            for _ in range(4):
                assert deliver(watched, b"1").status_code == 503
            after = watched.awaited(lambda samples: samples["daybook_database_up"] == 0)
        finally:
            elsewhere.execute(f"alter database {name} allow_connections true")
    assert watched.fires(healthy, after) == {"DaybookDatabaseDown"}
    watched.service.await_ready()
    watched.awaited(lambda now: all(up for name, up in now.items() if "task_up" in name))


def test_a_service_that_is_away(watched: Watched, healthy: Samples) -> None:
    assert watched.fires(healthy, {UP: 0.0}) == {"DaybookDown"}


REQUESTS = "daybook_http_request_duration_seconds"
ACCESS = {"route": "/v1/customers/{customer_id}/access", "method": "GET", "status": "2xx"}
FAILED = series(f"{REQUESTS}_count", {**ACCESS, "status": "5xx"})
WRITTEN: dict[str, dict[str, float]] = {
    "DaybookProcessDown": {series("daybook_process_up", {"process": "worker 1"}): 0},
    "DaybookTaskDown": {series("daybook_task_up", {"process": "worker 1", "task": "listener"}): 0},
    "DaybookRestarts": {series("daybook_process_restarts_total", {"process": "worker 1"}): 5},
    "DaybookClockAhead": {named("head_ahead_of_clock_seconds"): 90},
    "DaybookDenialsUnconfirmed": {named("denial_answers_total", result="unconfirmed"): 5},
}


@pytest.mark.parametrize("alert", WRITTEN)
def test_a_figure_that_is_written_into_a_scrape(
    alert: str, watched: Watched, healthy: Samples
) -> None:
    assert {name for name in WRITTEN[alert] if "restarts" not in name} <= healthy.keys()
    assert watched.fires(healthy, healthy | WRITTEN[alert]) == {alert}


def test_signing_that_stops(watched: Watched, healthy: Samples) -> None:
    more = of(healthy, "head_position") + 1
    behind = healthy | {named("head_position"): more}
    assert watched.fires(behind, behind) == {"DaybookUnsigned"}


def over(watched: Watched, healthy: Samples, **changing: str) -> set[str]:
    """What fires after twenty minutes in which some series ran as they are noted."""
    held = {name: f"{value!r}+0x20" for name, value in healthy.items()}
    return evaluated(watched.here, held | changing, 20, interval=1)


def test_answers_that_fail_or_are_slow(watched: Watched, healthy: Samples) -> None:
    answered = series(f"{REQUESTS}_count", ACCESS)
    failing = {answered: "0+90x20", FAILED: "0+2x20"}
    assert over(watched, healthy, **failing) == {"DaybookAnswersFail"}
    assert over(watched, healthy, **{answered: "0+900x20", FAILED: "0+2x20"}) == set()
    slow = {
        series(f"{REQUESTS}_bucket", {**ACCESS, "le": le}): f"0+{n}x20"
        for le, n in {"0.25": 90, "1": 97, "2.5": 100, "+Inf": 100}.items()
    }
    assert over(watched, healthy, **slow) == {"DaybookAccessSlow"}


@pytest.mark.slow
def test_a_busy_book_that_falls_silent(watched: Watched, healthy: Samples) -> None:
    """A hundred events an hour for eight days, and then none for hours; a step is an hour."""
    held = {name: f"{value!r}+0x198" for name, value in healthy.items()}
    for name in (*map(named, REACHED), LIVE_ANCHOR):
        held[name] = "0+100x192 19200+0x5"
    held[named("last_event_age_seconds")] = "1+0x192 3600+3600x5"
    assert evaluated(watched.here, held, 190, interval=60) == set()
    assert evaluated(watched.here, held, 198, interval=60) == {"DaybookQuieterThanUsual"}


def test_an_anchor_that_lags(watched: Watched, healthy: Samples) -> None:
    (watched.here / "bucket").rename(watched.here / "gone")
    assert deliver(watched, body("subscription.on_hold", "on_hold", now())).is_success
    head = of(healthy, "head_position") + 1
    # once the tasks that an earlier outage ended are back
    behind = watched.awaited(
        lambda now: (
            {of(now, name) for name in REACHED} == {head}
            and all(up for name, up in now.items() if "task_up" in name)
        )
    )
    assert behind[LIVE_ANCHOR] < head
    assert watched.fires(behind, behind) == {"DaybookUnanchored"}


def test_each_alert_is_raised_by_a_test() -> None:
    assert len(set(NAMES)) == len(NAMES)
    text = Path(__file__).read_text()
    assert [name for name in NAMES if f'"{name}"' not in text] == []
