"""Passes run in parallel processes, or beside us in a thread where there is little to do."""

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
    """A function of some module, and what it is called with."""

    do: Callable[..., T]
    args: tuple[Any, ...]


class WorkerPool:
    """Runs tasks; see ``worker_pool``."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def run(self, tasks: Iterable[Call[T]], done: Callable[[T], None]) -> list[T]:
        """The results of all tasks; ``done`` is told each as it comes.

        Raises:
            Exception: the first that a task raises; those not begun are dropped.
        """

        async def one(task: Call[T]) -> T:
            loop = asyncio.get_running_loop()
            result = await loop.run_in_executor(self._executor, task.do, *task.args)
            done(result)
            return result

        try:
            async with asyncio.TaskGroup() as group:
                running = [group.create_task(one(task)) for task in tasks]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return [task.result() for task in running]


@asynccontextmanager
async def worker_pool(processes: int) -> AsyncIterator[WorkerPool]:
    """Workers for as long as the block runs; with 0 processes, one thread of this one."""
    executor: Executor = ThreadPoolExecutor(1)
    if processes:
        # spawned and not forked: this process has threads
        executor = ProcessPoolExecutor(processes, get_context("spawn"), initializer=_begin)
    try:
        yield WorkerPool(executor)
    finally:
        # what runs is waited for, so that nothing is written after we said that it is over
        await asyncio.to_thread(executor.shutdown, wait=True, cancel_futures=True)


def processors() -> int:
    """How many processes can run at once here."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin() -> None:
    # Ctrl-C is for the one who started us, who then lets us end what we are at
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    # millions of small things without cycles: looking for cycles among them costs a fifth
    gc.disable()
