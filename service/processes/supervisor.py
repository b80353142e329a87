"""The supervisor of a service's processes: one that ends or freezes is replaced.

A child that ends is started again after a growing pause, with the settings of now. One that sends
no heartbeat is killed, its stacks in the log. New settings are sent to all, and it is said when no
process follows the older ones any more.
"""

import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog

from service.processes.backoff import Backoff, repeat
from service.processes.child import Child, Job
from service.processes.orphans import GRACE_SECONDS
from service.processes.scoreboard import Scoreboard
from service.settings import Settings

SILENT_SECONDS = 30.0
"""How long a child may send no heartbeat before it is replaced."""

_START_SECONDS = 120.0
_TICK_SECONDS = 0.25
_RELOAD_TICK_SECONDS = 0.01
_SLOW_RELOAD_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class _Watched:
    """A child, and when it is to be started again."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.backoff = Backoff()
        self.due: float | None = None


class ProcessSupervisor:
    """The running children; see ``supervise``."""

    def __init__(
        self, jobs: Mapping[str, Job], settings: Settings, silent_seconds: float = SILENT_SECONDS
    ) -> None:
        self._settings = settings
        self._silent_seconds = silent_seconds
        self.scoreboard = Scoreboard(jobs)
        self._watched = [
            _Watched(Child(name, job, self.scoreboard, number))
            for number, (name, job) in enumerate(jobs.items())
        ]
        self._turn = threading.Lock()
        self._ended = threading.Event()
        self._generation = self._confirmed = 1
        self._reloaded = 0.0
        self._slow = False
        self._looked = time.monotonic()
        self._watcher = threading.Thread(
            target=repeat, args=("processes", self._look, _TICK_SECONDS, self._ended), daemon=True
        )

    def start(self) -> None:
        """Start all children, and watch them."""
        for one in self._watched:
            one.child.start(self._settings, self._generation)
        self._watcher.start()

    def reload(self, settings: Settings) -> None:
        """Have every child follow new settings; the log says when all of them do."""
        with self._turn:
            self._settings = settings
            self._generation += 1
            self._reloaded, self._slow = time.monotonic(), False

    def terminate(self) -> None:
        """Tell all children to end; they finish what they have begun."""
        self._ended.set()
        with self._turn:
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End all children at once."""
        self._ended.set()
        with self._turn:
            self._signal(signal.SIGKILL)

    def await_end(self, seconds: float) -> bool:
        """Wait until all children have ended; whether they have."""
        deadline = time.monotonic() + seconds
        return all(one.child.join(max(0.0, deadline - time.monotonic())) for one in self._watched)

    def stop(self) -> None:
        """End all children, after the grace by force."""
        self.terminate()
        if not self.await_end(GRACE_SECONDS):
            slow = [one.child.name for one in self._watched if one.child.running]
            _log.error("child processes killed: they did not end in time", processes=slow)
            self.kill()
            self.await_end(GRACE_SECONDS)

    def _signal(self, number: int) -> None:
        for one in self._watched:
            one.child.signal(number)

    def _look(self) -> None:
        # so much of our own time: neither a machine's sleep nor our own stop is a child's silence
        passed = min(time.monotonic() - self._looked, 4 * _TICK_SECONDS)
        self._looked = time.monotonic()
        for one in self._watched:
            with self._turn:
                if self._ended.is_set():
                    return
                self._look_at(one, passed)
        self._hand_on()

    def _look_at(self, one: _Watched, passed: float) -> None:
        if one.due is not None:
            if time.monotonic() >= one.due:
                self._restart(one)
        elif not one.child.running:
            self._await_restart(one)
        elif one.child.up:
            self.scoreboard.up(self._watched.index(one))
            self._end_silence(one.child, passed, self._silent_seconds)
        else:
            self._end_silence(one.child, passed, max(_START_SECONDS, self._silent_seconds))

    def _await_restart(self, one: _Watched) -> None:
        pause = one.backoff.pause(one.child.lived)
        one.due = time.monotonic() + pause
        self.scoreboard.down(self._watched.index(one))
        _log.error(
            "child process exited; restarting",
            process=one.child.name,
            exit_code=one.child.exit_code,
            pause=pause,
        )

    def _restart(self, one: _Watched) -> None:
        try:
            one.child.start(self._settings, self._generation)
        except Exception as error:  # noqa: BLE001 - the others are watched on
            pause = one.backoff.pause()
            one.due = time.monotonic() + pause
            _log.error(
                "child process not started; retrying",
                process=one.child.name,
                pause=pause,
                error=f"{type(error).__name__}: {error}",
            )
        else:
            one.due = None

    def _end_silence(self, child: Child, passed: float, allowed: float) -> None:
        silent = child.silent(passed)
        if silent < allowed:
            return
        stacks = child.dump()
        child.signal(signal.SIGKILL)
        child.join(1.0)
        _log.error(
            "child process frozen; killed",
            process=child.name,
            silent_seconds=round(silent),
            stacks=stacks,
        )

    def _hand_on(self) -> None:
        """Send the latest settings to the children, and say when all of them follow."""
        while self._confirmed < self._generation and not self._ended.is_set():
            with self._turn:
                generation = self._generation
                for one in self._watched:
                    one.child.send(self._settings, generation)
                late = [x.child.name for x in self._watched if not x.child.follows(generation)]
            if not late:
                workers = sum(one.child.job.reloads for one in self._watched)
                _log.info(
                    "configuration reloaded", workers=workers, books=sorted(self._settings.books)
                )
                self._confirmed = generation
            elif time.monotonic() - self._reloaded < _SLOW_RELOAD_SECONDS:
                self._ended.wait(_RELOAD_TICK_SECONDS)
                continue
            elif not self._slow:
                self._slow = True
                _log.warning("configuration not yet reloaded everywhere", processes=late)
            return


@contextmanager
def supervise(
    jobs: Mapping[str, Job], settings: Settings, silent_seconds: float = SILENT_SECONDS
) -> Iterator[ProcessSupervisor]:
    """Run the jobs, each in a process of its own, until the block is left."""
    supervisor = ProcessSupervisor(jobs, settings, silent_seconds)
    try:
        supervisor.start()
        yield supervisor
    finally:
        supervisor.stop()
