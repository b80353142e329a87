"""Supervises a service's child processes, and replaces those that exit or freeze.

A child that exits is restarted with the current settings after a growing pause. A child without
heartbeats is killed, after its stacks are logged. New settings are sent to all children; the log
says when every child follows them.
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
"""How long a child may stay without a heartbeat before it is replaced."""

_START_SECONDS = 120.0
_TICK_SECONDS = 0.25
_RELOAD_TICK_SECONDS = 0.01
_SLOW_RELOAD_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class _Watched:
    """A child, and the time of its next restart."""

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
        """Start and watch all children."""
        for watched in self._watched:
            watched.child.start(self._settings, self._generation)
        self._watcher.start()

    def reload(self, settings: Settings) -> None:
        """Send new settings to every child; the log says when all of them follow."""
        with self._turn:
            self._settings = settings
            self._generation += 1
            self._reloaded, self._slow = time.monotonic(), False

    def terminate(self) -> None:
        """Send SIGTERM to all children; they finish their current work."""
        self._ended.set()
        with self._turn:
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL to all children."""
        self._ended.set()
        with self._turn:
            self._signal(signal.SIGKILL)

    def await_end(self, seconds: float) -> bool:
        """Wait for all children to end, and return whether they have."""
        deadline = time.monotonic() + seconds
        return all(
            watched.child.join(max(0.0, deadline - time.monotonic())) for watched in self._watched
        )

    def stop(self) -> None:
        """Terminate all children, and kill those that exceed the grace period."""
        self.terminate()
        if not self.await_end(GRACE_SECONDS):
            slow = [watched.child.name for watched in self._watched if watched.child.running]
            _log.error("child processes killed: they did not end in time", processes=slow)
            self.kill()
            self.await_end(GRACE_SECONDS)

    def _signal(self, number: int) -> None:
        for watched in self._watched:
            watched.child.signal(number)

    def _look(self) -> None:
        # capped: neither a suspended machine nor a stopped parent counts as a child's silence
        passed = min(time.monotonic() - self._looked, 4 * _TICK_SECONDS)
        self._looked = time.monotonic()
        for watched in self._watched:
            with self._turn:
                if self._ended.is_set():
                    return
                self._look_at(watched, passed)
        self._distribute_settings()

    def _look_at(self, watched: _Watched, passed: float) -> None:
        if watched.due is not None:
            if time.monotonic() >= watched.due:
                self._restart(watched)
        elif not watched.child.running:
            self._await_restart(watched)
        elif watched.child.up:
            self.scoreboard.up(self._watched.index(watched))
            self._end_silence(watched.child, passed, self._silent_seconds)
        else:
            self._end_silence(watched.child, passed, max(_START_SECONDS, self._silent_seconds))

    def _await_restart(self, watched: _Watched) -> None:
        pause = watched.backoff.pause(watched.child.lived)
        watched.due = time.monotonic() + pause
        self.scoreboard.down(self._watched.index(watched))
        _log.error(
            "child process exited; restarting",
            process=watched.child.name,
            exit_code=watched.child.exit_code,
            pause=pause,
        )

    def _restart(self, watched: _Watched) -> None:
        try:
            watched.child.start(self._settings, self._generation)
        except Exception as error:  # noqa: BLE001 - the other children must be watched
            pause = watched.backoff.pause()
            watched.due = time.monotonic() + pause
            _log.error(
                "child process not started; retrying",
                process=watched.child.name,
                pause=pause,
                error=f"{type(error).__name__}: {error}",
            )
        else:
            watched.due = None

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

    def _distribute_settings(self) -> None:
        """Send the latest settings to all children, and log when all of them follow."""
        while self._confirmed < self._generation and not self._ended.is_set():
            with self._turn:
                generation = self._generation
                for watched in self._watched:
                    watched.child.send(self._settings, generation)
                late = [x.child.name for x in self._watched if not x.child.follows(generation)]
            if not late:
                names = [x.child.name for x in self._watched if x.child.job.reloads]
                workers = sum(name.startswith("worker") for name in names)
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
    """Run each job in its own process until the block ends."""
    supervisor = ProcessSupervisor(jobs, settings, silent_seconds)
    try:
        supervisor.start()
        yield supervisor
    finally:
        supervisor.stop()
