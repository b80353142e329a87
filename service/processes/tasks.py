"""Background tasks: restarted when they end, and the process given up when that does not help.

An outage of the database is waited out in even steps, and logged as one. Anything else is a defect:
it is logged with its traceback, the pauses grow, and a task that the service cannot do without and
that does not recover ends the process, so that the parent starts another.
"""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

import structlog
from msgspec import Struct

from service.processes.orphans import GRACE_SECONDS
from service.telemetry import metrics
from service.telemetry.throttle import Throttle

EXIT_CODE = 70
"""How a process ends that gave up; ``EX_SOFTWARE`` of sysexits.h."""

_AWAY_PAUSE_SECONDS = 1.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_QUIET_SECONDS = 60.0
_MOST_RESTARTS = 10
_LONGEST_SECONDS = 300.0

_log = structlog.get_logger(__name__)

_given_up = threading.Event()


class Task(Struct):
    """A background task and how it fares.

    Attributes:
        name: in the log, in metrics and in ``/readyz``.
        run: does the work, until cancelled.
        needed: whether the service cannot do without.
        once: whether it may return, when its work is done.
        restarts: how often it was restarted, outages included.
        error: the class of the last error.
        down_since: since when it waits for its restart, on the monotonic clock.
        failures: how often it has failed without a quiet minute, outages not counted.
        failing_since: when the first of those was.
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
        """Why it is down, in a sentence."""
        seconds = time.monotonic() - (self.down_since or time.monotonic())
        return f"{self.name} is being restarted for {seconds:.0f} s, after {self.error}"


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
        """Run a task for ever, or with ``once`` until it returns.

        One that is not ``needed`` is restarted for ever, and never ends the process.
        """
        task = Task(name, run, needed, once)
        self._tasks.append(task)
        running = asyncio.create_task(self._supervise(task), name=name)
        self._running.append(running)
        return running

    def down(self, *, needed: bool) -> Iterable[Task]:
        """The tasks that wait for their restart."""
        return [t for t in self._tasks if t.needed is needed and t.down_since is not None]

    async def stop(self) -> None:
        """Cancel all of them and wait for their end."""
        for running in self._running:
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _supervise(self, task: Task) -> None:
        while True:
            task.down_since = None
            metrics.set_task_up(task.name, up=True)
            began = time.monotonic()
            error = await _end_of(task)
            if error is None and task.once:
                return
            if time.monotonic() - began >= _QUIET_SECONDS:
                task.failures = 0
            await asyncio.sleep(self._after(task, error))

    def _after(self, task: Task, error: BaseException | None) -> float:
        """Take down that a task has ended; the pause before its restart."""
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
            return _AWAY_PAUSE_SECONDS
        return self._after_defect(task, error)

    def _after_defect(self, task: Task, error: BaseException | None) -> float:
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


async def _end_of(task: Task) -> BaseException | None:
    """The error that a task ends with; None where it returns."""
    try:
        await task.run()
    except asyncio.CancelledError as error:
        current = asyncio.current_task()
        if current is None or current.cancelling():
            raise
        # something inside was cancelled, and not this task
        return error
    except Exception as error:  # noqa: BLE001 - whatever it is, the task is restarted
        return error
    return None


def end_process() -> None:
    """End this process as SIGTERM does: requests that are under way are answered first."""
    if not _given_up.is_set():
        _given_up.set()
        # what is hopeless may not drain either
        timer = threading.Timer(GRACE_SECONDS, os._exit, (EXIT_CODE,))
        timer.daemon = True
        timer.start()
        os.kill(os.getpid(), signal.SIGTERM)


def exit_if_given_up() -> None:
    """Exit with ``EXIT_CODE`` where a task has ended the process; called when all has drained.

    Raises:
        SystemExit: then.
    """
    if _given_up.is_set():
        raise SystemExit(EXIT_CODE)
