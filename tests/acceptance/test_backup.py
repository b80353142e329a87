"""A backup is made while the service runs, and restored: under it, elsewhere, on a server."""

import asyncio
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from service.cli import exit_reports
from service.database.connections import connect
from service.store import backups
from service.store.events import append
from service.store.roles import SERVICE
from tests import forkserver
from tests.acceptance.doors import CONFIG
from tests.acceptance.service import Service, environment, new_key, number
from tests.builders import OTHER_SECRET, SECRET, at, body
from tests.conftest import as_owner, fresh_database
from tests.deliveries import delivery

pytestmark = pytest.mark.scenario

OWN_KEY = {"DAYBOOK_SIGNING_KEY": ""}
"""The key is the file of the data directory, and not the one that tests give."""


class Done:
    """What a command printed, and its exit status."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err


def daybook(cwd: Path, *args: object, **env: str) -> Done:
    done = forkserver.run(
        [sys.executable, "-m", "service", *map(str, args)], env=environment(OWN_KEY | env),
        cwd=cwd, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


class Installation:
    """``daybook serve`` on its private PostgreSQL, with a book that is signed."""

    def __init__(self, here: Path) -> None:
        self.here, self.data = here, here / "data"
        (here / "daybook.toml").write_text(CONFIG)
        args = ("--data-dir", str(self.data))
        self.service = Service(here, *args, env=OWN_KEY).start()
        self.url = f"postgresql://{SERVICE}@/postgres?host={self.data / 'postgres'}"
        self.key = new_key(self.url, "live", "read,audit,admin")

    def tell(self, *names: str) -> str:
        """Deliver an event of each subscription; the position of the last, once it shows."""
        told = ""
        for n, name in enumerate(names):
            content = body("subscription.active", "active", at(n), name)
            told = (
                self.service.deliver("live", SECRET, content).raise_for_status().json()["position"]
            )
        self.service.await_position(self.key, number(told))
        return told

    def has(self, name: str) -> bool:
        headers = {"authorization": f"Bearer {self.key}"}
        answer = self.service.client.get(f"/v1/subscriptions/{name}", headers=headers)
        assert answer.status_code in {200, 404}, answer.text
        return answer.is_success

    def origins(self) -> list[str]:
        told = self.service.ask("checkpoints", self.key)
        return [one["origin"] for one in told["origins"]]

    def daybook(self, *args: object, **env: str) -> Done:
        return daybook(self.here, *args, "--data-dir", self.data, **env)


@pytest.fixture(scope="module")
def home() -> Iterator[Installation]:
    path = Path(tempfile.mkdtemp(prefix="daybook-backup-"))
    path.chmod(0o711)
    made = Installation(path)
    yield made
    assert made.service.stop() == 0
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def saved(home: Installation) -> Path:
    """A backup of three events, made while more are recorded."""
    home.tell("sub_1", "sub_2", "sub_3")
    while not home.origins():
        pass
    ended = threading.Event()

    def go_on() -> None:
        while not ended.is_set():
            content = body("payment.succeeded", "succeeded", at(9), "pay_1")
            home.service.deliver("test", OTHER_SECRET, content)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        done = home.daybook("backup", home.here / "saved.backup")
    finally:
        ended.set()
        thread.join()
    assert done.status == 0, done.err
    assert "live: saved up to position 3." in done.out
    assert "daybook.toml with the secrets" in done.err
    return home.here / "saved.backup"


def test_a_backup_is_private_and_has_no_secret(home: Installation, saved: Path) -> None:
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    content = saved.read_bytes()
    for secret in (SECRET, OTHER_SECRET, (home.data / "signing-key").read_text().strip()):
        assert secret.encode() not in content
    assert not list(home.here.glob(".saved*"))
    again = home.daybook("backup", saved)
    assert (again.status, "exists already" in again.err) == (2, True)
    assert saved.read_bytes() == content
    done = home.daybook("restore", saved, "--check")
    assert (done.status, "is complete" in done.out) == (0, True)


def test_what_is_not_a_whole_backup_is_not_restored(home: Installation, saved: Path) -> None:
    content = saved.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    path = home.here / "damaged"
    for damaged in (content[:-30], flipped, b"", b"no backup"):
        path.write_bytes(damaged)
        with pytest.raises(backups.DamagedError) as refused:
            backups.check(path, lambda *_: None)
        assert exit_reports.report(refused.value).status == 1
    done = home.daybook("restore", path, "--replace")
    assert (done.status, "not a backup" in done.err) == (1, True)
    assert home.has("sub_1")


def test_a_backup_of_a_newer_version_is_not_restored(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "newer.backup"
    shutil.copy(saved, path)
    subprocess.run([sys.executable, "-c", _RENAME, path], check=True)
    with pytest.raises(backups.BackupError, match="lacks 0099_later"):
        backups.check(path, lambda *_: None)


_RENAME = """
import sys, json, zipfile, warnings
warnings.simplefilter("ignore")
with zipfile.ZipFile(sys.argv[1], "a") as archive:
    manifest = json.loads(archive.read("manifest.json"))
    manifest["migrations"].append("0099_later")
    archive.writestr("manifest.json", json.dumps(manifest))
"""


def test_a_restore_under_a_running_service(home: Installation, saved: Path) -> None:
    late = home.tell("sub_lost")
    old = home.origins()
    with psycopg.connect(url_of(home, "template1"), autocommit=True) as conn:
        # what a restore that was killed has left
        conn.execute("create database daybook_restored")
    done = home.daybook("restore", saved, "--replace")
    assert done.status == 0, done.err
    assert "live: restored up to position 3." in done.out
    kept = re.findall(r"is kept as (\w+)", done.out)[0]
    home.service.await_ready()
    assert (home.has("sub_1"), home.has("sub_lost")) == (True, False)
    headers = {"authorization": f"Bearer {home.key}"}
    assert home.service.client.get(f"/v1/changes?after={late}", headers=headers).status_code == 409
    assert home.origins() == [f"{old[0]}/2", *old]
    assert number(home.tell("sub_4")) == 4
    assert home.daybook("verify").status == 0
    # nothing that was recorded is destroyed
    with psycopg.connect(url_of(home, kept)) as conn:
        row = conn.execute("select position from store.head where book = 'live'").fetchone()
        assert row == (number(late),)
    assert "daybook_restored" not in databases(home)


def url_of(home: Installation, name: str) -> str:
    return f"postgresql://postgres@/{name}?host={home.data / 'postgres'}"


def databases(home: Installation) -> set[str]:
    with psycopg.connect(url_of(home, "template1")) as conn:
        return {row[0] for row in conn.execute("select datname from pg_database").fetchall()}


def test_a_restore_that_fails_changes_nothing(home: Installation, saved: Path) -> None:
    with psycopg.connect(url_of(home, "template1"), autocommit=True) as conn:
        conn.execute("create database daybook_restored")
    refused = home.daybook("restore", saved)
    assert (refused.status, "--replace" in refused.err) == (2, True)
    with psycopg.connect(url_of(home, "daybook_restored")):
        done = home.daybook("restore", saved, "--replace")
    assert (done.status, "Another daybook restore" in done.err) == (2, True)
    home.tell("sub_5")


@pytest.mark.slow
def test_a_move_to_another_host_with_the_secrets(home: Installation, saved: Path) -> None:
    assert saved.exists()
    home.service.await_ready()
    moved = home.here / "moved.backup"
    done = home.daybook("backup", moved, "--with-secrets")
    assert (done.status, "SECRETS are in it" in done.out) == (0, True)
    place = home.here / "elsewhere"
    place.mkdir(mode=0o711)
    done = daybook(place, "restore", moved, "--complete", "--data-dir", place / "data")
    assert done.status == 0, done.err
    for name in ("signing-key", "daybook.toml"):
        assert f"{place / 'data' / name} was written" in done.out
        assert stat.S_IMODE((place / "data" / name).stat().st_mode) == 0o600
    other = Service(place, "--data-dir", str(place / "data"), env=OWN_KEY).start()
    try:
        assert (
            other.ask("checkpoints", home.key)["origins"]
            == home.service.ask("checkpoints", home.key)["origins"]
        )
        assert other.ask("subscriptions/sub_1", home.key)["status"] == "active"
    finally:
        assert other.stop() == 0


def test_no_database_is_no_backup(tmp_path: Path) -> None:
    done = daybook(tmp_path, "backup", tmp_path / "x", "--data-dir", tmp_path / "data")
    assert (done.status, "There is no database" in done.err) == (2, True)
    assert not (tmp_path / "data").exists()


async def test_a_database_of_ones_own(postgres: str, database_url: str, tmp_path: Path) -> None:
    async with await connect(database_url) as conn:
        await append(conn, "test", [delivery(body("subscription.active", "active", at(0)))])
    env = {"DAYBOOK_DATABASE_URL": database_url, "DAYBOOK_DATA_DIR": str(tmp_path / "data")}
    run = asyncio.to_thread
    done = await run(lambda: daybook(tmp_path, "backup", tmp_path / "own.backup", **env))
    assert done.status == 0, done.err
    owner = as_owner(database_url)
    refused = await run(
        lambda: daybook(tmp_path, "restore", tmp_path / "own.backup", "--owner", owner, **env)
    )
    assert (refused.status, "Create an empty one" in refused.err) == (2, True)

    empty = fresh_database(postgres, "template1")
    env["DAYBOOK_DATABASE_URL"], owner = empty, as_owner(empty)
    done = await run(
        lambda: daybook(tmp_path, "restore", tmp_path / "own.backup", "--owner", owner, **env)
    )
    assert done.status == 0, done.err
    with psycopg.connect(empty) as again:
        assert again.execute("select book, position from store.head").fetchall() == [("test", 1)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            again.execute("delete from store.event")
