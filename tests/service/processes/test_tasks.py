"""A background task that ends is restarted; one that does not recover ends its process."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress

import psycopg
import pytest
from structlog.testing import capture_logs

from service.database.connections import is_unavailable
from service.processes import tasks as module
from service.processes.tasks import EXIT_CODE, TaskSupervisor, run_until_cancelled
from tests.service.telemetry.test_log_throttle import until


@pytest.fixture
async def supervisor(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TaskSupervisor]:
    for pause in ("_FIRST_PAUSE_SECONDS", "_LONGEST_PAUSE_SECONDS", "_OUTAGE_PAUSE_SECONDS"):
        monkeypatch.setattr(module, pause, 0.01)
    made = TaskSupervisor(is_unavailable, give_up=_given_up.clear)
    _given_up[:] = ["not yet"]
    # a traceback drawn for a terminal takes longer than all else here
    with capture_logs():
        yield made
        await made.stop()


_given_up: list[str] = []


class Failing:
    """A task that ends in some way a number of times, and runs then."""

    def __init__(self, *ends: BaseException | None) -> None:
        self.ends = [*ends]
        self.runs = 0
        self.running = False

    async def run(self) -> None:
        self.runs += 1
        if self.ends:
            if (end := self.ends.pop(0)) is not None:
                raise end
            return
        self.running = True
        await asyncio.Event().wait()


async def test_however_it_ends_it_is_restarted(supervisor: TaskSupervisor) -> None:
    failing = Failing(
        ValueError("x"), None, asyncio.CancelledError(), ExceptionGroup("g", [OSError()])
    )
    with capture_logs() as lines:
        supervisor.start("failing", failing.run)
        await until(lambda: failing.running)
    ended = [line for line in lines if line["event"] == "background task ended; restarting"]
    assert [(line["task"], line["error"], line["restarts"]) for line in ended] == [
        ("failing", "ValueError", 1),
        ("failing", "a return", 2),
        ("failing", "CancelledError", 3),
        ("failing", "ExceptionGroup", 4),
    ]
    assert isinstance(ended[0]["exc_info"], ValueError)
    assert _given_up


async def test_while_it_waits_it_is_down(
    supervisor: TaskSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FIRST_PAUSE_SECONDS", 60.0)
    monkeypatch.setattr(module, "_LONGEST_PAUSE_SECONDS", 60.0)
    healthy = Failing()
    supervisor.start("healthy", healthy.run)
    supervisor.start("writer", Failing(KeyError("x")).run)
    supervisor.start("notifier", Failing(KeyError("x")).run, needed=False)
    await until(lambda: healthy.running)
    assert [str(t) for t in supervisor.down(needed=True)] == [
        "writer has been down for 0 s, after KeyError"
    ]
    assert [task.name for task in supervisor.down(needed=False)] == ["notifier"]


class Losing:
    """Work that goes on after its first cancellation."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def run(self) -> None:
        with suppress(asyncio.CancelledError):
            self.begun.set()
            await asyncio.Event().wait()
        await asyncio.Event().wait()


async def test_a_task_that_loses_its_cancellation_is_cancelled_again(
    supervisor: TaskSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CANCEL_AGAIN_SECONDS", 0.01)
    losing = Losing()
    running = supervisor.start("losing", losing.run)
    await losing.begun.wait()
    async with asyncio.timeout(20):
        await supervisor.stop()
    assert running.cancelled()


async def test_so_is_a_command_that_loses_its_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CANCEL_AGAIN_SECONDS", 0.01)
    losing = Losing()
    running = asyncio.create_task(run_until_cancelled(losing.run()))
    await losing.begun.wait()
    running.cancel()
    done, _ = await asyncio.wait({running}, timeout=20)
    assert done
    assert running.cancelled()


async def test_work_that_is_done_is_not_done_again(supervisor: TaskSupervisor) -> None:
    once = Failing(OSError(), None)
    await supervisor.start("once", once.run, once=True)
    assert once.runs == 2
    assert not supervisor.down(needed=True)


async def test_an_outage_is_one_line_and_never_ends_the_process(supervisor: TaskSupervisor) -> None:
    away = psycopg.OperationalError("away"), psycopg.errors.ReadOnlySqlTransaction("standby")
    tasks = [Failing(*(away * 10)) for _ in range(3)]
    with capture_logs() as lines:
        for number, task in enumerate(tasks):
            supervisor.start(f"task {number}", task.run)
        await until(lambda: all(task.running for task in tasks))
    assert [line["event"] for line in lines] == ["database unavailable; background tasks wait"]
    assert _given_up


@pytest.mark.parametrize("needed", [True, False])
async def test_the_process_is_given_up_for_what_it_needs(
    supervisor: TaskSupervisor, *, needed: bool
) -> None:
    failing = Failing(*[ValueError()] * 12)
    supervisor.start("failing", failing.run, needed=needed)
    await until(lambda: failing.running)
    assert bool(_given_up) is not needed


async def test_so_is_it_after_a_long_time(
    supervisor: TaskSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LONGEST_SECONDS", 0.0)
    failing = Failing(ValueError(), ValueError())
    supervisor.start("failing", failing.run)
    await until(lambda: failing.running)
    assert not _given_up


async def test_a_quiet_minute_forgets_the_failures(
    supervisor: TaskSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_QUIET_SECONDS", 0.0)
    failing = Failing(*[ValueError()] * 12)
    supervisor.start("failing", failing.run)
    await until(lambda: failing.running)
    assert _given_up


PROCESS = """
import asyncio, signal
from service.processes import tasks as supervision
supervision._MOST_RESTARTS = 0

async def fail():
    raise ValueError("x")

async def main():
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    supervisor = supervision.TaskSupervisor(lambda error: False)
    supervisor.start("failing", fail)
    await stopped.wait()
    await supervisor.stop()
    print("drained")

asyncio.run(main())
supervision.exit_if_given_up()
"""


def test_a_process_that_gives_up_drains_and_says_so_by_its_status() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROCESS], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == EXIT_CODE, done.stderr
    assert done.stdout.endswith("drained\n")
