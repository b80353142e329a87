"""``daybook reconcile`` next to a service and a stand-in for the provider, as users run them."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.sandbox.messages import AnswerFaultRequest, WebhookFaultRequest
from tests import forkserver
from tests.acceptance.service import Service, environment, new_key
from tests.builders import SECRET
from tests.conftest import as_owner, fresh_database
from tests.sandbox import Sandbox, sandbox

pytestmark = pytest.mark.scenario

UNLIMITED = ("--requests-per-minute=0", "--requests-per-second=0")


class House:
    """A service with the book ``test``, and its provider."""

    def __init__(self, here: Path, url: str, service: Service, provider: Sandbox) -> None:
        self.here = here
        self.url = url
        self.service = service
        self.provider = provider
        self.key = new_key(url, "test", "read,audit")

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "service", "reconcile", "--settle", "0s", "--since", "3650d"]

    @property
    def environment(self) -> dict[str, str]:
        return environment({"DAYBOOK_DATABASE_URL": self.url, "COLUMNS": "200"})

    def reconcile(self, *args: str) -> subprocess.CompletedProcess[str]:
        return forkserver.run(
            [*self.command, *args], env=self.environment, cwd=self.here, capture_output=True,
            text=True, check=False, timeout=120,
        )  # fmt: skip

    def ask(self, path: str) -> Any:  # noqa: ANN401 - as JSON is
        return self.service.ask(path, self.key)

    def events(self) -> int:
        with psycopg.connect(as_owner(self.url)) as conn:
            row = conn.execute("select count(*) from store.event").fetchone()
        return row[0] if row else 0

    def fill(self) -> None:
        done = self.reconcile("--apply", "--yes-they-lose-access")
        assert done.returncode == 0, done.stdout + done.stderr

    def lose(self) -> None:
        """Lose what the provider tells from now on."""
        self.provider.control.add_webhook_fault(WebhookFaultRequest(kind="lose"))

    def active(self) -> str:
        held = self.provider.control.resources("subscription")
        return next(name for name, one in sorted(held.items()) if one["status"] == "active")


@pytest.fixture(scope="module")
def house(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    here = tmp_path_factory.mktemp("house")
    url = fresh_database(postgres, template)
    env = {"DAYBOOK_DATABASE_URL": url}
    (here / "daybook.toml").write_text(
        f'[books.test]\nmode = "test"\nsecrets = ["{SECRET}"]\nwebhook_max_age_days = 900\n'
    )
    service = Service(here, env=env).start()
    target = f"{service.client.base_url}/webhooks/test"
    with sandbox(
        *UNLIMITED, customers=8, behind="60d", webhooks_to=target, secret=SECRET
    ) as provider:
        with (here / "daybook.toml").open("a") as file:
            file.write(
                f'[books.test.provider]\napi_key = "{provider.api_key}"\nurl = "{provider.url}"\n'
                "requests_per_minute = 100000\n"
            )
        made = House(here, url, service, provider)
        made.fill()
        yield made
        service.stop()


@pytest.fixture(autouse=True)
def _calm(house: House) -> Iterator[None]:
    yield
    house.provider.control.clear_faults()


def test_a_lost_hold_is_reported_by_name_and_applied(house: House) -> None:
    name = house.active()
    customer = house.provider.control.resources("subscription")[name]["customer"]
    identity = customer["customer_id"]
    assert house.ask(f"customers/{identity}/access")["entitled"]
    house.lose()
    house.provider.control.act("pause", name)
    house.provider.control.move(timedelta(days=1))
    before = house.events()
    done = house.reconcile()
    assert done.returncode == 1, done.stderr
    assert "would lose access" in done.stdout
    assert f"{identity} ({customer['name']}, {customer['email']})" in done.stdout
    assert "active → paused" in done.stdout
    assert "never_arrived" in done.stdout
    assert house.events() == before
    assert house.reconcile("--apply").returncode == 0
    assert house.reconcile().returncode == 0
    assert not house.ask(f"customers/{identity}/access")["entitled"]
    runs = house.ask("reconcile/runs")["data"]
    assert [run["state"] for run in runs[:3]] == ["in_sync", "in_sync", "drift"]
    (difference, *_) = house.ask(f"reconcile/runs/{runs[1]['run_id']}/differences")["data"]
    assert difference["applied"]
    history = house.ask(f"subscriptions/{name}/history")["data"]
    assert history[-1]["source"] == "api"


@pytest.mark.slow
def test_it_is_printed_for_programs_too(house: House) -> None:
    house.fill()
    house.lose()
    house.provider.control.act("cancel", house.active())
    house.provider.control.move(timedelta(days=1))
    as_json = json.loads(house.reconcile("--format", "json").stdout)
    rows = list(csv.DictReader(StringIO(house.reconcile("--format", "csv").stdout)))
    assert as_json["run"]["differing"] == len(as_json["differences"]) == len(rows) > 0
    assert [row["id"] for row in rows] == [one["id"] for one in as_json["differences"]]
    run_id = as_json["run"]["run_id"]
    path = f"/v1/reconcile/runs/{run_id}/differences"
    headers = {"authorization": f"Bearer {house.key}", "accept": "text/csv"}
    table = house.service.client.get(path, headers=headers).text
    assert [row["id"] for row in csv.DictReader(StringIO(table))] == [row["id"] for row in rows]
    only = house.ask(f"reconcile/runs/{run_id}/differences?kind=payout")["data"]
    assert only == []


def test_only_one_kind_is_looked_at(house: House) -> None:
    done = json.loads(house.reconcile("--kind", "payout", "--format", "json").stdout)
    assert done["run"]["looked_at"] == len(house.provider.control.resources("payout"))


@pytest.mark.parametrize("kind", ["payment", pytest.param("subscription", marks=pytest.mark.slow)])
def test_what_the_key_may_not_read_is_named(house: House, kind: str) -> None:
    fault = AnswerFaultRequest(status=403, path=f"/{kind}s")
    house.provider.control.add_answer_fault(fault)
    found = json.loads(house.reconcile("--format", "json").stdout)
    assert kind in {one["what"] for one in found["run"]["skipped"]}


def test_a_guard_ends_it_with_the_reason(house: House) -> None:
    before = house.events()
    house.provider.control.add_answer_fault(AnswerFaultRequest(status=401))
    done = house.reconcile("--apply")
    assert (done.returncode, house.events()) == (2, before)
    assert "refuses the API key" in done.stdout


def test_missing_types_are_named_with_the_way_to_have_them_replayed(house: House) -> None:
    url, headers = house.provider.url, house.provider.headers
    endpoint = house.provider.control.status().endpoints[0].id
    changed = {"filter_types": ["payment.succeeded"]}
    httpx.patch(f"{url}/webhooks/{endpoint}", json=changed, headers=headers).raise_for_status()
    try:
        done = house.reconcile()
        assert "not subscribed to: abandoned_checkout.detected" in done.stdout
        assert "Replay missing messages" in done.stdout
    finally:
        every = {"filter_types": None}
        httpx.patch(f"{url}/webhooks/{endpoint}", json=every, headers=headers)


@pytest.mark.slow
def test_a_comparison_that_is_killed_does_no_harm(house: House) -> None:
    house.fill()
    house.provider.control.add_answer_fault(
        AnswerFaultRequest(by=timedelta(seconds=0.5), path="/payments")
    )
    process = forkserver.Popen(
        [*house.command, "--apply"], env=house.environment, cwd=house.here,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while house.ask("reconcile/runs")["data"][0]["state"] != "running":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    again = house.reconcile()
    assert again.returncode == 2
    assert "one at a time" in again.stderr
    with psycopg.connect(as_owner(house.url), autocommit=True) as conn:
        conn.execute("update read.lease set expires_at = now() - interval '1 second'")
    house.provider.control.clear_faults()
    assert house.reconcile("--apply").returncode == 0
    states = [run["state"] for run in house.ask("reconcile/runs")["data"][:2]]
    assert states == ["in_sync", "interrupted"]


def test_what_is_recorded_survives_a_rebuild(house: House) -> None:
    done = forkserver.run(
        [sys.executable, "-m", "service", "verify"], env=house.environment, cwd=house.here,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def samples(service: Service) -> dict[str, float]:
    text = httpx.get(f"{service.client.base_url}/metrics", timeout=30).text
    return {
        f"{sample.name} {' '.join(f'{k}={v}' for k, v in sorted(sample.labels.items()))}":
            sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }  # fmt: skip


def test_serve_compares_without_being_asked_and_applies_nothing(
    house: House, scratch: Path
) -> None:
    house.lose()
    house.provider.control.act("pause", house.active())
    house.provider.control.move(timedelta(days=1))
    before = house.events()
    with psycopg.connect(as_owner(house.url), autocommit=True) as conn:
        conn.execute("truncate store.reconcile_run, store.reconcile_difference")
    shutil.copy(house.here / "daybook.toml", scratch)
    env = {"DAYBOOK_DATABASE_URL": house.url}
    service = Service(scratch, env=env, hasty=True).start()
    try:
        deadline = time.monotonic() + 60
        while "daybook_reconcile_age_seconds book=test" not in (found := samples(service)):
            assert time.monotonic() < deadline, service.log()
            time.sleep(0.2)
        assert found["daybook_drift book=test cause=never_arrived kind=subscription"] >= 1
        assert found["daybook_process_up process=reconciler"] == 1
        assert house.events() == before
        service.process.send_signal(signal.SIGHUP)
        while "configuration reloaded" not in service.log():
            assert time.monotonic() < deadline, service.log()
            time.sleep(0.1)
        (line,) = [line for line in service.log().splitlines() if "configuration reloaded" in line]
        assert json.loads(line)["workers"] == 1
    finally:
        assert service.stop() == 0
    assert "compared with the provider" in service.log()


@pytest.mark.slow
def test_serve_goes_on_where_the_provider_does_not_answer(house: House, scratch: Path) -> None:
    with psycopg.connect(as_owner(house.url), autocommit=True) as conn:
        conn.execute("truncate store.reconcile_run, store.reconcile_difference")
    text = (house.here / "daybook.toml").read_text()
    (scratch / "daybook.toml").write_text(text.replace(house.provider.url, "http://127.0.0.1:9"))
    service = Service(scratch, env={"DAYBOOK_DATABASE_URL": house.url}, hasty=True).start()
    try:
        deadline = time.monotonic() + 60
        while not (runs := service.ask("reconcile/runs", house.key)["data"]):
            assert time.monotonic() < deadline, service.log()
            time.sleep(0.2)
        assert runs[0]["state"] == "running"
        assert service.client.get("/readyz").is_success
        assert samples(service)["daybook_process_restarts_total process=reconciler"] == 0
    finally:
        assert service.stop() == 0
    assert "Traceback" not in service.log()
