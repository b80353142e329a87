"""The processes beside the first one: the projector, and further workers.

A child that ends is started again; one whose parent is gone ends.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.context import SpawnProcess
from typing import Any

import structlog
from msgspec import Struct

from service import logs, meters
from service.orphans import GRACE_SECONDS, end_with_parent

_WATCH_SECONDS = 0.25
_RESTART_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class Job(Struct, frozen=True):
    """What a child does: a function of some module, and what it is called with."""

    do: Callable[..., None]
    args: tuple[Any, ...]


class Children:
    """The running children, by name."""

    def __init__(self, jobs: Mapping[str, Job]) -> None:
        self._jobs = jobs
        self._ended = threading.Event()
        self._turn = threading.Lock()
        self._running: dict[str, SpawnProcess] = {}
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Start all of them."""
        for name in self._jobs:
            self._start(name)
        self._watcher.start()

    def signal(self, number: int) -> None:
        """Pass a signal on to all of them."""
        for child in list(self._running.values()):
            if child.pid is not None and child.is_alive():
                os.kill(child.pid, number)

    def end(self) -> None:
        """Tell them all to end; they finish what they have begun."""
        self._ended.set()
        with self._turn:
            self.signal(signal.SIGTERM)

    def stop(self) -> None:
        """End them all, those that do not end by themselves by force."""
        self.end()
        with self._turn:
            deadline = time.monotonic() + GRACE_SECONDS
            for child in [one for one in self._running.values() if one.pid is not None]:
                child.join(max(0.0, deadline - time.monotonic()))
                if child.is_alive():
                    child.kill()
                    child.join()

    def _watch(self) -> None:
        while not self._ended.wait(_WATCH_SECONDS):
            for name, child in list(self._running.items()):
                if not child.is_alive():
                    _log.error("a process ended, and is started again", process=name)
                    meters.process_restarted(name)
                    self._ended.wait(_RESTART_SECONDS)
                    with self._turn:
                        if not self._ended.is_set():
                            self._start(name)

    def _start(self, name: str) -> None:
        # known before it runs: a signal that ends us meanwhile must find it
        self._running[name] = child = _process(name, self._jobs[name])
        child.start()


@contextmanager
def beside(jobs: Mapping[str, Job]) -> Iterator[Children]:
    """Run the jobs, each in a process of its own, until the block is left."""
    children = Children(jobs)
    try:
        children.start()
        yield children
    finally:
        children.stop()


def _process(name: str, job: Job) -> SpawnProcess:
    # spawned and not forked: the parent has threads
    context = multiprocessing.get_context("spawn")
    return context.Process(target=_work, args=(job,), name=f"daybook {name}")


def _work(job: Job) -> None:
    logs.set_up()
    threading.Thread(target=end_with_parent, daemon=True).start()
    job.do(*job.args)
