"""The drill: load, base backup, load, a crash, a restore to a moment, a replay, a comparison.

The commands are those of service/README.md, run as they stand there.
"""

import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from service.database.binaries import installed
from service.database.embedded import embedded
from tests import forkserver
from tests.acceptance.family import children
from tests.acceptance.service import Service, environment, new_key, number
from tests.builders import SECRET
from tests.documents import SERVICE
from tests.receiver import Received, Receiver, receiver
from tests.sandbox import Sandbox, sandbox

_log = logging.getLogger(__name__)
logging.getLogger("httpx").setLevel(logging.WARNING)

REPLAYED = 0.7
"""The share of the lost webhooks that the dashboard sends again; the rest is too old for it."""


class Drill:
    """A service on its private PostgreSQL, told by a provider whose webhooks are remembered."""

    def __init__(self, here: Path, provider: Sandbox, told: Receiver) -> None:
        self.here, self.provider, self.told = here, provider, told
        self.pgdata = here / "data" / "postgres"
        self.superuser = f"postgresql://postgres@/postgres?host={self.pgdata}"
        (here / "bucket").mkdir()
        (here / "daybook.toml").write_text(
            f'[books.test]\nmode = "test"\nsecrets = ["{SECRET}"]\nwebhook_max_age_days = 900\n'
            f'[books.test.provider]\napi_key = "{provider.api_key}"\nurl = "{provider.url}"\n'
            'requests_per_minute = 100000\nreconcile_every = "never"\n'
            f'[[anchors]]\nkind = "directory"\nname = "bucket"\npath = "{here / "bucket"}"\n'
        )
        self.service = Service(here, "--data-dir", str(here / "data"), hasty=True)
        self.acknowledged: dict[str, str] = {}
        self.sent: list[Received] = []

    def happen(self, by: timedelta) -> list[Received]:
        """Let time pass at the provider, and deliver what it tells: each is acknowledged."""
        before = len(self.told.received)
        self.provider.control.move(by)
        fresh = self.told.received[before:]
        self.deliver(fresh)
        self.sent += fresh
        return fresh

    def deliver(self, webhooks: list[Received]) -> None:
        for one in webhooks:
            headers = {k: v for k, v in one.headers.items() if k.startswith("webhook-")}
            answer = self.service.client.post("/webhooks/test", content=one.body, headers=headers)
            self.acknowledged[one.webhook_id] = answer.raise_for_status().json()["position"]

    def events(self) -> dict[str, tuple[int, bytes]]:
        """The position and the link of each webhook that is recorded."""
        with psycopg.connect(self.superuser) as conn:
            query = "select webhook_id, position, link from store.event where source = 'webhook'"
            return {one: (position, link) for one, position, link in conn.execute(query)}

    def daybook(self, *args: str) -> subprocess.CompletedProcess[str]:
        return forkserver.run(
            [sys.executable, "-m", "service", *args, "--data-dir", str(self.here / "data")],
            env=environment({}), cwd=self.here, capture_output=True, text=True, check=False,
            timeout=600,
        )  # fmt: skip

    def finding(self) -> dict[str, str]:
        found = json.loads(self.daybook("doctor", "--format", "json").stdout)["findings"]
        [one] = [one for one in found if one["check"] == "restore"]
        return dict(one)

    def origins(self, key: str) -> list[dict[str, Any]]:
        return list(self.service.ask("checkpoints", key)["origins"])

    def switch_wal(self) -> str:
        """Let the WAL so far be archived; the time of the server."""
        with psycopg.connect(self.superuser, autocommit=True) as conn:
            row = conn.execute("select now()::text, pg_switch_wal()").fetchone()
        assert row is not None
        return str(row[0])

    def crash(self) -> None:
        """Kill the service, its children and PostgreSQL, all at once."""
        postmaster = int((self.pgdata / "postmaster.pid").read_text().split()[0])
        for pid in (self.service.process.pid, *children(self.service), postmaster):
            os.kill(pid, signal.SIGKILL)
        self.service.process.wait()


def blocks() -> list[str]:
    """The commands of the chapter: keep the WAL, make a base backup, restore."""
    section = SERVICE.read_text().partition("### Base backup and WAL")[2].partition("\n### ")[0]
    return re.findall(r"^```console\n(.*?)^```", section, re.DOTALL | re.MULTILINE)


def shell(script: str, **env: str | Path) -> None:
    bin_dir = installed()
    assert bin_dir is not None
    done = subprocess.run(
        ["bash", "-euc", script], capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, **{k: str(v) for k, v in env.items()},
             "PATH": f"{bin_dir}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def drill() -> Iterator[Drill]:
    here = Path(tempfile.mkdtemp(prefix="daybook-drill-"))
    here.chmod(0o711)
    with (
        receiver() as told,
        sandbox(
            "--requests-per-minute=0", "--requests-per-second=0", customers=40, behind="200d",
            webhooks_to=told.url, secret=SECRET,
        ) as provider,
    ):  # fmt: skip
        made = Drill(here, provider, told)
        yield made
        made.service.stop()
    shutil.rmtree(here, ignore_errors=True)


@pytest.mark.long
def test_the_drill(drill: Drill) -> None:
    archive, base = drill.here / "archive", drill.here / "base"
    keep, save, restore = blocks()
    with embedded(drill.here / "data"):
        owner = drill.pgdata.stat()
        archive.mkdir()
        os.chown(archive, owner.st_uid, owner.st_gid)
        shell(keep, SUPERUSER=drill.superuser, ARCHIVE=archive)
    drill.service.start()
    key = new_key(drill.superuser.replace("postgres@", "daybook_service@"), "test", "read,audit")
    assert drill.daybook("backfill", "--book", "test").returncode == 0

    first = drill.happen(timedelta(days=20))
    began = time.monotonic()
    shell(save, SUPERUSER=drill.superuser, BASE=base)
    backup_seconds = time.monotonic() - began
    second = drill.happen(timedelta(days=20))
    kept = drill.events()
    moment = drill.switch_wal()
    time.sleep(1.5)
    third = drill.happen(timedelta(days=20))
    assert min(map(len, (first, second, third))) > 0
    late = drill.acknowledged[third[-1].webhook_id]
    _await(lambda: _signed(drill, key) == number(late))
    drill.switch_wal()

    drill.crash()
    began = time.monotonic()
    drill.pgdata.rename(drill.here / "crashed")
    shell(restore, BASE=base, DATA=drill.pgdata, ARCHIVE=archive, MOMENT=moment)
    for path in (drill.pgdata, *drill.pgdata.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    drill.service.start()
    restore_seconds = time.monotonic() - began

    # nothing that was acknowledged before the moment is lost, and all after it is
    assert drill.events() == kept
    assert not kept.keys() & {one.webhook_id for one in third}
    everybody_is_told(drill, key, late)
    origin = continued(drill, key)
    again = third[int(len(third) * (1 - REPLAYED)) :]
    drill.deliver(again)
    all_is_found_again(drill)
    assert drill.events().keys() >= {one.webhook_id for one in (*first, *second, *again)}
    _log.info(
        "drill: %d webhooks before the base backup, %d before the moment, %d after it;"
        " base backup %.1f s, restored and ready in %.1f s; lost before the moment 0;"
        " %d came again by replay, %d resources by reconcile; origin %s",
        len(first), len(second), len(third), backup_seconds, restore_seconds, len(again),
        _applied(drill, key), origin,
    )  # fmt: skip


def everybody_is_told(drill: Drill, key: str, late: str) -> None:
    """Followers get 409, and the doctor says what was lost."""
    headers = {"authorization": f"Bearer {key}"}
    refused = drill.service.client.get(f"/v1/changes?after={late}", headers=headers)
    assert refused.status_code == 409
    assert refused.json()["type"] == "/problems/book-was-restored"
    problem = drill.finding()
    assert problem["state"] == "problem"
    assert f"A checkpoint of {number(late)} events" in problem["found"]
    assert "books continue" in problem["remedy"]


def continued(drill: Drill, key: str) -> str:
    """The new origin: nothing is signed under the old one any more."""
    _await(lambda: drill.service.ask("checkpoints", key)["problems"])
    [old] = drill.origins(key)
    assert drill.daybook("books", "continue", "--book", "test").returncode == 0
    new, before = drill.origins(key)
    assert before == old
    assert new["origin"] == f"{old['origin']}/2"
    return str(new["origin"])


def all_is_found_again(drill: Drill) -> None:
    """What was not sent again is found by the comparison; then all agrees, and holds."""
    compare = ("reconcile", "--book", "test", "--settle", "0s", "--since", "3650d")
    drift = drill.daybook(*compare, "--apply", "--yes-they-lose-access")
    assert drift.returncode == 0, drift.stdout + drift.stderr
    agreed = drill.daybook(*compare)
    assert agreed.returncode == 0, agreed.stdout + agreed.stderr
    assert drill.finding()["state"] == "ok"
    assert drill.daybook("verify").returncode == 0
    assert drill.daybook("verify", "against", str(drill.here / "bucket")).returncode == 0


def _signed(drill: Drill, key: str) -> int:
    data = drill.service.ask("checkpoints", key)["data"]
    anchored = [one["size"] for one in data if one["anchors"]]
    return max(anchored, default=0)


def _applied(drill: Drill, key: str) -> int:
    runs = drill.service.ask("reconcile/runs", key)["data"]
    return max(int(run["applied"]) for run in runs)


def _await(true: Any) -> None:  # noqa: ANN401
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)
