"""A child process, as its parent sees it: starts, signals, dumps and joins it."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import structlog
from msgspec import Struct
from setproctitle import setproctitle

from service.processes import scoreboard
from service.processes.link import Link, Message
from service.processes.orphans import end_with_parent
from service.processes.scoreboard import Scoreboard
from service.settings import Settings
from service.telemetry import logs

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

_DUMP_SECONDS = 1.0
_DUMP_BYTES = 1 << 16

_log = structlog.get_logger(__name__)


class Job(Struct, frozen=True):
    """The work of a child: a module-level function of its link, the settings, and ``args``.

    A job that ``reloads`` follows new settings while it runs.
    """

    do: Callable[..., None]
    args: tuple[Any, ...]
    reloads: bool = False


class Child:
    """The process of a job, which can be restarted any number of times."""

    def __init__(self, name: str, job: Job, scoreboard: Scoreboard, number: int) -> None:
        self.name = name
        self.job = job
        self._scoreboard = scoreboard
        self._number = number
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None
        self._started = 0.0
        self._sent = 0
        self._beats = 0
        self._silent = 0.0

    def start(self, settings: Settings, generation: int) -> None:
        """Start a process with settings of this generation.

        Raises:
            OSError: if the system has no room for another process or descriptor.
        """
        self.release()
        # spawned, not forked, because the parent has threads
        context = multiprocessing.get_context("spawn")
        self._scoreboard.begin(self._number, generation)
        self._started, self._sent = time.monotonic(), generation
        self._beats, self._silent = 0, 0.0
        ours, theirs = context.Pipe()
        with theirs:
            link = Link(self._scoreboard, self._number, theirs)
            args = (self.name, self.job, settings, link)
            process = context.Process(target=_run, args=args, name=f"daybook {self.name}")
            # set before it runs: a signal that ends the parent meanwhile must reach the child
            self._process, self._connection = process, ours
            process.start()

    def release(self) -> None:
        """Release the resources of the last process, whether or not it could be started."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._process = None

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.is_alive()

    @property
    def exit_code(self) -> int | str | None:
        """The exit code of the last process, or the name of the signal that ended it."""
        code = self._process.exitcode if self._process is not None else None
        if code is None or code >= 0:
            return code
        with suppress(ValueError):
            return signal.Signals(-code).name
        return code

    @property
    def lived(self) -> float:
        """Seconds since the last start."""
        return time.monotonic() - self._started

    @property
    def up(self) -> bool:
        """Whether the process has sent a heartbeat since its start."""
        return self._scoreboard.beats(self._number) > 0

    def silent(self, passed: float) -> float:
        """Seconds without a heartbeat; ``passed`` is the time since the last call."""
        beats = self._scoreboard.beats(self._number)
        self._silent = self._silent + passed if beats == self._beats else 0.0
        self._beats = beats
        return self._silent

    def follows(self, generation: int) -> bool:
        """Whether the process no longer uses settings older than this generation."""
        follows = self._scoreboard.generation(self._number) >= generation
        return follows or not self.job.reloads or not self.running

    def send(self, settings: Settings, generation: int) -> None:
        """Send newer settings, unless earlier ones are still being applied."""
        waiting = self._scoreboard.generation(self._number) < self._sent
        if waiting or self._sent >= generation or not self.job.reloads or not self.running:
            return
        assert self._connection is not None  # noqa: S101 - it runs
        message: Message = (generation, settings)
        self._sent = generation
        # in a thread: a frozen child reads nothing, and settings can be larger than a pipe
        threading.Thread(target=_deliver, args=(self._connection, message), daemon=True).start()

    def signal(self, number: int) -> None:
        """Send the process a signal, if it is alive."""
        process = self._process
        if process is not None and process.pid is not None and process.is_alive():
            os.kill(process.pid, number)

    def dump(self) -> str:
        """The stacks of its threads; empty if the process is stopped and cannot answer."""
        assert self._connection is not None  # noqa: S101 - it runs
        self.signal(signal.SIGUSR1)
        stacks = bytearray()
        deadline = time.monotonic() + _DUMP_SECONDS
        while len(stacks) < _DUMP_BYTES and self._connection.poll(
            max(0.0, deadline - time.monotonic())
        ):
            # a child sends no messages, so this is the plain text of faulthandler
            if not (chunk := os.read(self._connection.fileno(), _DUMP_BYTES)):
                break
            stacks += chunk
        return stacks.decode(errors="replace")

    def join(self, seconds: float) -> bool:
        """Wait for the process to end, and return whether it has."""
        process = self._process
        if process is not None and process.pid is not None:
            process.join(seconds)
        return not self.running


def _run(name: str, job: Job, settings: Settings, link: Link) -> None:
    """Run a job in its process, from start to exit."""
    # a terminal sends these to all processes; only the parent decides to end or to reload
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    setproctitle(f"daybook: {name}")
    logs.configure_logging()
    link.dump_stacks()
    scoreboard.share(link.scoreboard)
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        job.do(link, settings, *job.args)
    except Exception as error:  # noqa: BLE001 - reported by the log and the exit code
        _log.error("child process failed", process=name, exc_info=error)
        sys.exit(1)


def _deliver(connection: Connection, message: Message) -> None:
    # a child that is ending will be started again with these settings
    with suppress(OSError, ValueError):
        connection.send(message)
