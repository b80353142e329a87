"""The parent of a running service: whatever befalls it or its children, it goes on."""

import os
import resource
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance import raw
from tests.acceptance.processes import children_of, logged, pid_of, title_of
from tests.acceptance.service import Service
from tests.acceptance.test_rotation import fresh_client, until

pytestmark = pytest.mark.scenario


@pytest.fixture
def temporary(scratch: Path) -> Path:
    path = scratch / "tmp"
    path.mkdir()
    path.chmod(0o1777)
    return path


@pytest.fixture
def service(scratch: Path, data: Path, temporary: Path) -> Iterator[Service]:
    """Two workers, and a private PostgreSQL."""
    env = {"TMPDIR": str(temporary)}
    started = Service(scratch, "--data-dir", str(data), "--workers", "2", env=env).start()
    yield started
    assert started.stop() == 0


def kill_postgres(scratch: Path) -> None:
    pid = (scratch / "data" / "postgres" / "postmaster.pid").read_text().split()[0]
    os.kill(int(pid), signal.SIGKILL)


def metrics(service: Service) -> str:
    with fresh_client(service) as via:
        return via.get("/metrics").text


def until_shown(service: Service, line: str) -> None:
    until(lambda: line in metrics(service))


def answers(service: Service) -> bool:
    with fresh_client(service) as via:
        return via.get("/readyz").is_success


def meters(temporary: Path) -> list[Path]:
    return list(temporary.glob("daybook-*"))


def test_children_have_titles_and_are_replaced_and_it_is_told(
    service: Service, temporary: Path
) -> None:
    assert title_of(service.process.pid) == "daybook: serve"
    assert children_of(service.process.pid).keys() == {"worker 1", "worker 2", "projector"}
    (counts,) = meters(temporary)
    for name in ("worker 1", "projector"):
        before = pid_of(service, name)
        os.kill(before, signal.SIGKILL)
        for up in ("0.0", "1.0"):
            until_shown(service, f'daybook_process_up{{process="{name}"}} {up}')
        assert pid_of(service, name) not in {before, 0}
        assert f'daybook_process_restarts_total{{process="{name}"}} 1.0' in metrics(service)
    # those that came go on counting in the files of those that went
    assert {path.stem.rpartition("_")[2] for path in counts.iterdir()} == {
        "daybook-worker-1", "daybook-worker-2", "daybook-projector"
    }  # fmt: skip
    # as a terminal does that is closed
    for pid in children_of(service.process.pid).values():
        os.kill(pid, signal.SIGHUP)
        os.kill(pid, signal.SIGINT)
    time.sleep(0.5)
    assert answers(service)
    ended = logged(service, "child process exited; restarting")
    assert [(line["process"], line["exit_code"]) for line in ended] == [
        ("worker 1", "SIGKILL"),
        ("projector", "SIGKILL"),
    ]


@pytest.mark.slow
def test_it_recovers_from_used_up_descriptors_and_a_missing_directory(
    service: Service, scratch: Path, temporary: Path
) -> None:
    pid = service.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, before[1]))
    projector = pid_of(service, "projector")
    os.kill(projector, signal.SIGKILL)
    kill_postgres(scratch)
    until(lambda: bool(logged(service, "child process not started; retrying")))
    until(lambda: bool(logged(service, "supervisor failed; retrying")))
    until_shown(service, 'daybook_process_up{process="projector"} 0.0')
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    until(lambda: answers(service))
    until(lambda: pid_of(service, "projector") not in {projector, 0})

    shutil.rmtree(temporary)
    kill_postgres(scratch)
    until(lambda: answers(service))
    assert service.stop() == 0


@pytest.mark.long
@pytest.mark.parametrize("name", ["worker 1", "projector"])
def test_who_stands_still_for_half_a_minute_is_replaced(service: Service, name: str) -> None:
    before = pid_of(service, name)
    os.kill(before, signal.SIGSTOP)
    until(lambda: pid_of(service, name) not in {before, 0})
    until(lambda: answers(service))
    (line,) = logged(service, "child process frozen; killed")
    assert line["process"] == name
    assert 30 <= line["silent_seconds"] < 40


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once_and_nothing_is_left(
    service: Service, temporary: Path
) -> None:
    assert len(meters(temporary)) == 1
    children = children_of(service.process.pid)
    with raw.connection(service) as hanging:
        hanging.sendall(raw.signed(service.find(r"SECRET=(\S+)"), "msg_1", b"{}")[:-1])
        raw.await_read(service)
        service.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        assert service.process.poll() is None
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(15) == 128 + signal.SIGTERM
        assert time.monotonic() - began < 15
    assert not any(title_of(pid).startswith("daybook") for pid in children.values())
    assert not meters(temporary)


def test_what_a_killed_parent_leaves_ends_and_is_removed(service: Service, temporary: Path) -> None:
    children = children_of(service.process.pid)
    service.signal(signal.SIGKILL)
    (left,) = meters(temporary)
    until(lambda: not any(title_of(pid) for pid in children.values()))
    service.start()
    (fresh,) = meters(temporary)
    assert fresh != left
    service.stop()
    assert not meters(temporary)
