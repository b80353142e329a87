"""Processes are killed and the database goes away, under load: nothing is lost, nothing doubled."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from service.database.embedded import embedded
from tests.acceptance.oracle import nothing_lost_nothing_doubled
from tests.acceptance.provider import provider
from tests.acceptance.service import Service, new_key
from tests.builders import SECRET

WRITING = """
select pid from pg_locks
where relation = 'store.event'::regclass and mode = 'RowExclusiveLock' and granted
"""
"""The backend that copies events into the store at this moment."""

OURS = """
select pg_terminate_backend(pid) from pg_stat_activity
where application_name like 'daybook%%' and pid <> pg_backend_pid()
"""


def kill_the_service(service: Service, _: Path) -> None:
    service.signal(signal.SIGKILL)
    service.start()


def kill_the_writers_backend(_: Service, data: Path) -> None:
    """PostgreSQL ends all its backends after that, and recovers."""
    with embedded(data) as server, psycopg.connect(server.url, autocommit=True) as conn:
        while (row := conn.execute(WRITING).fetchone()) is None:
            pass
        os.kill(row[0], signal.SIGKILL)


def terminate_all_backends(_: Service, data: Path) -> None:
    with embedded(data) as server, psycopg.connect(server.url, autocommit=True) as conn:
        for _n in range(10):
            conn.execute(OURS)
            time.sleep(random.uniform(0, 0.1))  # noqa: S311 - any moment will do


def kill_postgres(_: Service, data: Path) -> None:
    pid = (data / "postgres" / "postmaster.pid").read_text().split()[0]
    os.kill(int(pid), signal.SIGKILL)


Faults = tuple[tuple[Callable[[Service, Path], None], set[str]], ...]

FAULTS: Faults = (
    # whatever befalls the database, everybody is answered; a killed service answers nobody
    (kill_the_writers_backend, {"503"}),
    (terminate_all_backends, {"503"}),
    (kill_postgres, {"503"}),
    (kill_the_service, {"ConnectError", "ReadError", "RemoteProtocolError", "WriteError", "503"}),
)
"""Each fault, and what the senders may meet instead of an acknowledgement."""


@pytest.fixture
def service(scratch: Path, data: Path) -> Iterator[Service]:
    """Two workers, each with a writer of its own, and a private PostgreSQL."""
    started = Service(scratch, "--data-dir", str(data), "--workers", "2").start()
    yield started
    assert started.stop() == 0


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(FAULTS[-1:], id="kill -9"),
        pytest.param(FAULTS, id="each", marks=pytest.mark.slow),
        pytest.param(FAULTS * 15, id="again and again", marks=pytest.mark.long),
    ],
)
def test_kills_lose_nothing(faults: Faults, service: Service, scratch: Path) -> None:
    data = scratch / "data"
    with provider(service, service.find(r"SECRET=(\S+)")) as made:
        for fault, told in faults:
            before = made.failures
            time.sleep(random.uniform(0, 0.5))  # noqa: S311 - any moment will do
            fault(service, data)
            made.await_more()
            assert (made.failures - before).keys() <= told, fault.__name__
    service.await_ready()
    with embedded(data) as server:
        key = service.find(r"KEY=(\S+)")
        nothing_lost_nothing_doubled(made, server.url, service, key, len(faults))


@pytest.mark.parametrize(
    "seconds", [pytest.param(3, marks=pytest.mark.slow), pytest.param(60, marks=pytest.mark.long)]
)
def test_an_outage_of_postgres_loses_nothing(seconds: float, scratch: Path) -> None:
    (scratch / "daybook.toml").write_text(f'[books.test]\nmode = "test"\nsecrets = ["{SECRET}"]\n')
    with ExitStack() as running:
        server = running.enter_context(embedded(scratch / "data"))
        env = {"DAYBOOK_DATABASE_URL": server.url}
        service = Service(scratch, "--workers", "2", env=env).start()
        key = new_key(server.url, "test")
        with provider(service, SECRET) as made:
            # the last user leaves, and it stops
            running.close()
            made.await_failures()
            time.sleep(seconds)
            running.enter_context(embedded(scratch / "data"))
            made.await_more()
        assert made.failures.keys() <= {"503"}
        service.await_ready()
        nothing_lost_nothing_doubled(made, server.url, service, key, 1)
        assert service.stop() == 0
