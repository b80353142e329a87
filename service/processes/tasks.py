"""Supervises background tasks: restarts them, and ends the process if that does not help.

During an outage of the database, tasks are retried every second and logged together. Any other
error is a defect: it is logged with its traceback, and the pauses grow. If a needed task does not
recover, the process exits, and its parent starts another.
"""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import structlog
from msgspec import Struct

from service.processes.orphans import GRACE_SECONDS
from service.telemetry import metrics
from service.telemetry.throttle import Throttle

T = TypeVar("T")

EXIT_CODE = 70
"""The exit code of a process whose task did not recover; ``EX_SOFTWARE`` of sysexits.h."""

_OUTAGE_PAUSE_SECONDS = 1.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_QUIET_SECONDS = 60.0
_MOST_RESTARTS = 10
_LONGEST_SECONDS = 300.0
_CANCEL_AGAIN_SECONDS = 3.0  # longer than what a task may do at its end takes

_log = structlog.get_logger(__name__)

_given_up = threading.Event()


class Task(Struct):
    """A background task and its state.

    Attributes:
        name: its name in the log, in metrics and in ``/readyz``.
        run: does the work until cancelled.
        needed: whether the service depends on it.
        once: whether it may return when its work is done.
        restarts: the number of restarts, including those of outages.
        error: the class of the last error.
        down_since: the start of the wait for a restart, on the monotonic clock.
        failures: failures without a quiet minute between them, not counting outages.
        failing_since: the time of the first of those failures.
    """

    name: str
    run: Callable[[], Awaitable[None]]
    needed: bool
    once: bool
    restarts: int = 0
    error: str | None = None
    down_since: float | None = None
    failures: int = 0
    failing_since: float = 0.0

    def __str__(self) -> str:
        """Describe why the task is down."""
        seconds = time.monotonic() - (self.down_since or time.monotonic())
        return f"{self.name} has been down for {seconds:.0f} s, after {self.error}"


class TaskSupervisor:
    """Runs background tasks until ``stop``."""

    def __init__(
        self,
        is_outage: Callable[[BaseException], bool],
        give_up: Callable[[], None] | None = None,
    ) -> None:
        self._is_outage = is_outage
        self._give_up = give_up or end_process
        self._tasks: list[Task] = []
        self._running: list[asyncio.Task[None]] = []
        self._throttle = Throttle()

    def start(
        self,
        name: str,
        run: Callable[[], Awaitable[None]],
        *,
        needed: bool = True,
        once: bool = False,
    ) -> asyncio.Task[None]:
        """Start a task and restart it for ever, or with ``once`` until it returns.

        A task that is not ``needed`` never ends the process.
        """
        task = Task(name, run, needed, once)
        self._tasks.append(task)
        running = asyncio.create_task(self._supervise(task), name=name)
        self._running.append(running)
        return running

    def down(self, *, needed: bool) -> Iterable[Task]:
        """The tasks that wait for a restart."""
        return [t for t in self._tasks if t.needed is needed and t.down_since is not None]

    async def stop(self) -> None:
        """Cancel all tasks and wait for their end."""
        await _cancel(self._running)

    async def _supervise(self, task: Task) -> None:
        while True:
            task.down_since = None
            metrics.set_task_up(task.name, up=True)
            began = time.monotonic()
            error = await _run(task)
            if error is None and task.once:
                return
            if time.monotonic() - began >= _QUIET_SECONDS:
                task.failures = 0
            await asyncio.sleep(self._record_end(task, error))

    def _record_end(self, task: Task, error: BaseException | None) -> float:
        """Record that a task has ended, and return the pause before its restart."""
        task.down_since = time.monotonic()
        task.restarts += 1
        task.error = "a return" if error is None else type(error).__name__
        metrics.set_task_up(task.name, up=False)
        metrics.count_task_restart(task.name)
        if error is not None and self._is_outage(error):
            log = partial(
                _log.warning, "database unavailable; background tasks wait", task=task.name,
                error=task.error, state=getattr(error, "sqlstate", None),
            )  # fmt: skip
            self._throttle.log("outage", log)
            return _OUTAGE_PAUSE_SECONDS
        return self._record_defect(task, error)

    def _record_defect(self, task: Task, error: BaseException | None) -> float:
        now = time.monotonic()
        task.failures += 1
        if task.failures == 1:
            task.failing_since = now
        pause = min(
            _LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(task.failures - 1, 10)
        )
        _log.error(
            "background task ended; restarting", task=task.name, error=task.error,
            pause=pause, restarts=task.restarts, exc_info=error,
        )  # fmt: skip
        too_long = now - task.failing_since > _LONGEST_SECONDS
        if task.needed and (task.failures > _MOST_RESTARTS or too_long):
            _log.critical("background task keeps failing; process exits", task=task.name)
            self._give_up()
        return pause


async def run_until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run the work of a process until SIGTERM cancels it.

    Raises:
        Exception: if the work does.
    """
    running, stopped = asyncio.create_task(work), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    await _cancel([waiting, running] if stopped.is_set() else [waiting])
    with suppress(asyncio.CancelledError):
        await running


async def run_until_cancelled(work: Coroutine[Any, Any, T]) -> T:
    """Run the work of a command; Ctrl-C, which cancels this, cancels the work until it ends.

    Raises:
        Exception: if the work does.
    """
    running = asyncio.create_task(work)
    try:
        await asyncio.wait({running})
    except asyncio.CancelledError:
        await _cancel([running])
        raise
    return await running


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they end.

    Before Python 3.12, ``asyncio.wait_for`` loses a cancellation that comes together with what it
    waits for, and the database driver uses it. A service that was stopped just after a webhook
    went on for the 25 seconds that its processes are given.
    """
    left = set(tasks)
    while left:
        for running in left:
            running.cancel()
        _, left = await asyncio.wait(left, timeout=_CANCEL_AGAIN_SECONDS)


async def _run(task: Task) -> BaseException | None:
    """Run a task, and return the error that ended it; None if it returned."""
    try:
        await task.run()
    except asyncio.CancelledError as error:
        current = asyncio.current_task()
        if current is None or current.cancelling():
            raise
        # something inside was cancelled, not this task
        return error
    except Exception as error:  # noqa: BLE001 - the task is restarted after any error
        return error
    return None


def end_process() -> None:
    """End this process as SIGTERM does: it finishes its current requests first."""
    if not _given_up.is_set():
        _given_up.set()
        # a broken process may not drain either
        timer = threading.Timer(GRACE_SECONDS, os._exit, (EXIT_CODE,))
        timer.daemon = True
        timer.start()
        os.kill(os.getpid(), signal.SIGTERM)


def exit_if_given_up() -> None:
    """Exit with ``EXIT_CODE`` if a task ended the process; call it after draining.

    Raises:
        SystemExit: if a task ended the process.
    """
    if _given_up.is_set():
        raise SystemExit(EXIT_CODE)
