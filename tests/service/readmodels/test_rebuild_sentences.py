"""What befalls a rebuild from outside is a sentence and exit 2, and the live tables stay."""

import asyncio
import fcntl
import os
import re
import resource
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from service.database.connections import Connection, connect
from service.readmodels import spill
from service.readmodels.checkpoints import live_tables
from service.readmodels.errors import explanation
from service.readmodels.rebuild import preview, rebuild
from tests import forkserver
from tests.acceptance.service import environment
from tests.builders import SECRET
from tests.conftest import PLAIN, as_owner
from tests.service.readmodels.test_rebuild import fill

pytestmark = pytest.mark.scenario

NOBODY = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid()"
)


class Daybook:
    """``daybook``, over the database of a test."""

    def __init__(self, url: str, here: Path) -> None:
        (here / "daybook.toml").write_text(f'[books.test]\nmode = "test"\nsecrets = ["{SECRET}"]\n')
        self.url, self._here = url, here
        self._env = environment({"DAYBOOK_DATABASE_URL": url, "TMPDIR": str(here)})

    def start(self, *args: str, **env: str) -> subprocess.Popen[str]:
        return forkserver.Popen(
            [sys.executable, "-m", "service", *args],
            env=self._env | env, cwd=self._here, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def fails(self, running: subprocess.Popen[str]) -> str:
        """The sentence that it ends with; exit 2, no traceback, and nothing left on disk."""
        _, said = running.communicate(timeout=60)
        assert running.returncode == 2, said
        assert "Traceback" not in said
        assert [*self._here.glob("daybook-rebuild-*")] == []
        return " ".join(said.split())


@pytest.fixture
def daybook(database_url: str, tmp_path: Path) -> Daybook:
    return Daybook(database_url, tmp_path)


async def test_verify_is_not_green_where_events_are_missing(
    daybook: Daybook, conn: Connection
) -> None:
    await fill(conn, 20)
    with psycopg.connect(as_owner(daybook.url)) as owner:
        owner.execute("alter table store.event disable trigger all")
        owner.execute("delete from store.event where position = 7")
    said = daybook.fails(daybook.start("verify", "read-models"))
    assert "book 'test' ends at position 20, and 19 of its events could be read" in said


async def test_another_one_that_runs_is_named(daybook: Daybook, conn: Connection) -> None:
    await conn.execute(
        "insert into read.lease (name, owner, since, expires_at, doing, done, total) values"
        " ('rebuild', 'books.example:4711:ab', '2026-05-03 12:00Z', now() + '1 min', 'fold', 3, 9)"
        " on conflict (name) do update set owner = excluded.owner, since = excluded.since,"
        " expires_at = excluded.expires_at, doing = excluded.doing, done = 3, total = 9"
    )
    running = daybook.start("rebuild")
    while running.poll() is None:
        await conn.execute("update read.lease set expires_at = now() + '1 min'")
        await asyncio.sleep(0.05)
    said = daybook.fails(running)
    assert "process 4711 on books.example, since 2026-05-03 12:00:00 UTC, fold 3 of 9" in said


async def test_a_directory_that_cannot_be_written_to_is_named(
    daybook: Daybook, conn: Connection, tmp_path: Path
) -> None:
    await fill(conn, 50)
    tables = await live_tables(conn)
    (tmp_path / "file").touch()
    for wrong in (tmp_path / "gone", tmp_path / "file"):
        said = daybook.fails(daybook.start("rebuild", TMPDIR=str(wrong)))
        assert f"cannot write to {wrong}: " in said
        assert "Set TMPDIR to a directory" in said
    # as on a full disk: no file may grow beyond half a kilobyte
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, kept[1]))
    try:
        running = daybook.start("rebuild")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
    said = daybook.fails(running)
    assert re.search(rf"cannot write to {tmp_path}/daybook-rebuild-\S+/test: File too large", said)
    assert await live_tables(conn) == tables


def started(running: subprocess.Popen[str]) -> int:
    """The first process that a rebuild has started."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for directory in Path("/proc").glob("[0-9]*"):
            try:
                state = (directory / "stat").read_text().rpartition(")")[2].split()
                line = (directory / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(state[1]) == running.pid and b"spawn_main" in line:
                return int(directory.name)
        time.sleep(0.01)
    raise AssertionError("it started none")


async def test_a_killed_process_of_it_is_told_in_a_sentence(
    daybook: Daybook, conn: Connection
) -> None:
    await fill(conn, 50)
    tables = await live_tables(conn)
    running = daybook.start("rebuild", "--processes", "2")
    os.kill(started(running), signal.SIGKILL)
    assert "a process of the rebuild was killed" in daybook.fails(running)
    assert await live_tables(conn) == tables


async def test_a_lost_database_is_told_in_a_sentence_and_the_next_one_works(
    daybook: Daybook, conn: Connection
) -> None:
    await fill(conn, 50)
    tables = await live_tables(conn)
    running = daybook.start("rebuild", "--processes", "1")
    await conn.close()
    with psycopg.connect(as_owner(daybook.url), autocommit=True) as admin:
        while not admin.execute("select 1 from read.lease where expires_at > now()").fetchone():
            assert running.poll() is None
            await asyncio.sleep(0.01)
        while running.poll() is None:
            admin.execute(NOBODY)
            await asyncio.sleep(0.05)
    assert "the database failed" in daybook.fails(running)
    async with await connect(daybook.url) as again:
        assert await live_tables(again) == tables
        await again.execute("update read.lease set expires_at = now()")
        assert await rebuild(again) == {"test": 50}


@PLAIN
async def test_a_corrupt_page_is_told_in_a_sentence(database_url: str, conn: Connection) -> None:
    await fill(conn, 50)
    await conn.close()
    copied = database_url.replace("@/daybook_", "@/corrupt_")
    name, copy = (url.partition("@/")[2].partition("?")[0] for url in (database_url, copied))
    with psycopg.connect(
        as_owner(database_url).replace(name, "postgres"), autocommit=True
    ) as admin:
        statement = SQL("create database {} template {} strategy file_copy")
        admin.execute(statement.format(Identifier(copy), Identifier(name)))
        where = admin.execute("show data_directory").fetchone()
    with psycopg.connect(as_owner(copied)) as owner:
        file = owner.execute("select pg_relation_filepath('store.event')").fetchone()
    assert where is not None
    assert file is not None
    with (Path(where[0]) / file[0]).open("r+b") as page:
        page.seek(4000)
        page.write(b"\xff" * 64)
    async with await connect(copied) as own:
        for attempt in (rebuild, preview):
            with pytest.raises(psycopg.errors.DataCorrupted) as failed:
                await attempt(own)
            said = explanation(failed.value) or ""
            assert "PostgreSQL found a corrupt page (invalid page in block 0 of relation" in said


def test_what_is_no_accident_is_not_explained_away() -> None:
    assert "keeps the read models locked" in (
        explanation(psycopg.errors.LockNotAvailable("x")) or ""
    )
    assert explanation(KeyError("x")) is None
    assert explanation(psycopg.errors.UndefinedColumn("x")) is None


HOLD = """
import sys, time
from service.readmodels import spill
with spill.new_directory() as made:
    spill.divide(made, ["test"])
    spill.append(made / "test", 0, {"kind": b"content"})
    print(made, flush=True)
    time.sleep(60)
"""


def test_frames_are_private_and_swept_away_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = os.umask(0)
    try:
        running = forkserver.Popen(
            [sys.executable, "-c", HOLD], env=environment({"TMPDIR": str(tmp_path)}),
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
    finally:
        os.umask(before)
    assert running.stdout is not None
    made = Path(running.stdout.readline().strip())
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (made, made / "test")}
    assert modes == {0o700}
    assert [stat.S_IMODE(path.stat().st_mode) for path in (made / "test").iterdir()] == [0o600]
    spill.sweep()
    assert made.exists(), "it is in use"
    running.kill()
    running.communicate()
    (tmp_path / "kept").mkdir()
    (tmp_path / "daybook-rebuild-link").symlink_to(tmp_path / "kept")
    spill.sweep()
    assert not made.exists()
    assert (tmp_path / "kept").exists()


@pytest.mark.parametrize("age", [(0, True), (3600, False)])
def test_one_that_is_being_made_is_left_alone(
    age: tuple[float, bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    made = tmp_path / "daybook-rebuild-x"
    made.mkdir()
    seconds, stays = age
    os.utime(made, (time.time() - seconds,) * 2)
    spill.sweep()
    assert made.exists() is stays


def test_a_directory_is_not_swept_away_while_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    lock = fcntl.flock

    def swept_before(file: IO[bytes], kind: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        spill.sweep()
        lock(file, kind)

    monkeypatch.setattr(fcntl, "flock", swept_before)
    with spill.new_directory() as made:
        spill.sweep()
        assert made.exists()
    assert list(tmp_path.iterdir()) == []
