"""The disk of the private PostgreSQL fills up: 503 and no lie, and it recovers when there is room.

On a small file system of its own, which only root can mount.
"""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from service.database.embedded import embedded
from tests.acceptance.oracle import nothing_lost_nothing_doubled
from tests.acceptance.provider import provider
from tests.acceptance.service import Service

_CHUNK = 64 << 10


@pytest.fixture
def disk(scratch: Path) -> Iterator[Path]:
    """A small disk for the data directory."""
    where = scratch / "data"
    where.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300m,mode=0711", "tmpfs", str(where)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield where
    subprocess.run(["umount", "--lazy", str(where)], check=True)


def fill(disk: Path) -> Path:
    """Take all the room that is left; removing the file gives it back."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(_CHUNK))
    return filler


def fill_log(url: str) -> None:
    """Have PostgreSQL begin a new segment of its log, for which there is no room: it crashes."""
    with psycopg.connect(url, autocommit=True) as conn:
        with pytest.raises(psycopg.OperationalError):  # noqa: PT012 - one of many writes
            while True:
                conn.execute("select pg_logical_emit_message(true, 'x', repeat('x', 1000000))")
        assert conn.broken, "it did not crash"


@pytest.mark.slow
@pytest.mark.parametrize("what", ["tables", "log"])
def test_a_full_disk_loses_nothing(what: str, disk: Path, scratch: Path) -> None:
    service = Service(scratch, "--data-dir", str(disk)).start()
    with embedded(disk) as server, provider(service, service.find(r"SECRET=(\S+)")) as made:
        filler = fill(disk)
        if what == "log":
            fill_log(server.url)
        made.await_failures(100)
        filler.unlink()
        made.await_more()
    assert made.failures.keys() <= {"503"}
    service.await_ready()
    with embedded(disk) as server:
        key = service.find(r"KEY=(\S+)")
        nothing_lost_nothing_doubled(made, server.url, service, key, 1)
    assert service.stop() == 0
