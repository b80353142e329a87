"""Two PostgreSQL servers, of which one follows the other and takes over when it fails.

Replication is synchronous: what was acknowledged is on both.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

_START_SECONDS = 60
_SETTINGS = "-c unix_socket_directories='' -c listen_addresses=127.0.0.1 -c max_connections=100"


class Pair:
    """Two servers on ports of their own; ``url`` leads to the one that takes writes."""

    def __init__(self, here: Path, postgres: str) -> None:
        # the binaries, and the account that runs them, are those of a server that runs already
        with psycopg.connect(postgres) as conn:
            row = conn.execute("show data_directory").fetchone()
        assert row is not None
        owner = Path(row[0]).stat()
        pid = (Path(row[0]) / "postmaster.pid").read_text().split()[0]
        self._bin = Path(f"/proc/{pid}/exe").readlink().parent
        self._user = (owner.st_uid, owner.st_gid) if os.geteuid() == 0 else (None, None)
        self._here = here / "pair"
        self._here.mkdir(mode=0o700)
        os.chown(self._here, owner.st_uid, owner.st_gid)
        self._ports = [_free_port(), _free_port()]
        self._primary = 0

    @property
    def url(self) -> str:
        """Where a client finds whichever of them takes writes."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        return f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"

    def start(self) -> None:
        """Start both, the second as a copy of the first."""
        self._run("initdb", "-D", str(self._data(0)), "-U", "postgres", "--auth=trust", "-N")
        self._start(0)
        self._follow()

    def fail_over(self) -> None:
        """Kill the one that takes writes, promote the other, and let a new copy follow that."""
        self._kill(self._primary)
        self._primary = 1 - self._primary
        self._run("pg_ctl", "-D", str(self._data(self._primary)), "-w", "promote")
        self._follow()

    def stop(self) -> None:
        """End both."""
        for number in (0, 1):
            self._kill(number)

    def _follow(self) -> None:
        """Copy the one that takes writes; from then on it waits for the copy."""
        other = 1 - self._primary
        shutil.rmtree(self._data(other), ignore_errors=True)
        port = str(self._ports[self._primary])
        self._run(
            "pg_basebackup", "-h", "127.0.0.1", "-p", port, "-U", "postgres", "-c", "fast",
            "-R", "-N", "-D", str(self._data(other)),
        )  # fmt: skip
        self._start(other)
        where = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        with psycopg.connect(where, autocommit=True) as conn:
            conn.execute("alter system set synchronous_standby_names = '*'")
            conn.execute("select pg_reload_conf()")
            deadline = time.monotonic() + _START_SECONDS
            while not conn.execute(
                "select 1 from pg_stat_replication where sync_state = 'sync'"
            ).fetchone():
                assert time.monotonic() < deadline, "nobody follows"
                time.sleep(0.05)

    def _start(self, number: int) -> None:
        data = self._data(number)
        options = f"-p {self._ports[number]} {_SETTINGS}"
        log = str(data / "server.log")
        self._run("pg_ctl", "-D", str(data), "-l", log, "-o", options, "-w", "start")

    def _kill(self, number: int) -> None:
        file = self._data(number) / "postmaster.pid"
        if file.exists():
            pid = int(file.read_text().split()[0])
            os.kill(pid, signal.SIGKILL)
            file.unlink(missing_ok=True)
            # its children notice, and give up the port
            deadline = time.monotonic() + _START_SECONDS
            while _listens(self._ports[number]):
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def _data(self, number: int) -> Path:
        return self._here / str(number)

    def _run(self, name: str, *args: str) -> None:
        user, group = self._user
        done = subprocess.run(
            [str(self._bin / name), *args], user=user, group=group,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd="/", check=False, timeout=_START_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, name


@contextmanager
def pair(here: Path, postgres: str) -> Iterator[Pair]:
    """Two servers, until the block is left."""
    made = Pair(here, postgres)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
