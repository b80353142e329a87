"""Runs calls in parallel processes, or in a thread if there is little to do."""

import asyncio
import gc
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from multiprocessing import get_context
from typing import Any, Generic, TypeVar

from msgspec import Struct

from service.processes.orphans import end_with_parent

T = TypeVar("T")


class Call(Struct, Generic[T], frozen=True):
    """A module-level function and its arguments."""

    do: Callable[..., T]
    args: tuple[Any, ...]


class WorkerPool:
    """Runs calls; see ``worker_pool``."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def run(self, calls: Iterable[Call[T]], done: Callable[[T], None]) -> list[T]:
        """Run all calls and return their results; ``done`` receives each as soon as it is there.

        Raises:
            Exception: the first error of a call; calls that have not started are dropped.
        """

        async def run(call: Call[T]) -> T:
            loop = asyncio.get_running_loop()
            result = await loop.run_in_executor(self._executor, call.do, *call.args)
            done(result)
            return result

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(run(call)) for call in calls]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]


@asynccontextmanager
async def worker_pool(processes: int) -> AsyncIterator[WorkerPool]:
    """A pool of processes while the block runs; with 0 processes, one thread of this process."""
    executor: Executor = ThreadPoolExecutor(1)
    if processes:
        # spawned, not forked, because this process has threads
        executor = ProcessPoolExecutor(processes, get_context("spawn"), initializer=_begin)
    try:
        yield WorkerPool(executor)
    finally:
        # wait for running calls, so that nothing is written after the block
        await asyncio.to_thread(executor.shutdown, wait=True, cancel_futures=True)


def processors() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin() -> None:
    # the parent handles Ctrl-C, and waits for the running calls
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    # millions of small objects without cycles: cycle collection would cost a fifth of the time
    gc.disable()
