"""Long folds, in threads: the loop that acknowledges webhooks does not wait for them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from service.problems import Problem

T = TypeVar("T")

MOST_ENTRIES = 100_000
"""The most events that are read to answer one question."""

MOST_FOLDED = 5_000_000
"""The most that are folded for it, where the same events are folded several times."""

_FEW = 300
_MOST_WAITING = 16

_threads = ThreadPoolExecutor(2, "fold")
_waiting = 0


async def fold_aside(entries: int, work: Callable[[], T], folds: int = 1) -> T:
    """Do pure work over some events: at once where they are few, else in one of two threads.

    Args:
        entries: how many events there are.
        work: what is to be done: to fold them, ``folds`` times.
        folds: how often each of them is folded.

    Raises:
        Problem: ``too-many-events`` where it is more than one question may cost; ``busy`` where
            too many questions wait for a thread.
    """
    global _waiting  # noqa: PLW0603 - one limit for the process
    if entries > MOST_ENTRIES:
        said = f"{entries:,} events concern this question; it may read {MOST_ENTRIES:,}."
        raise Problem("too-many-events", said)
    if entries * folds > MOST_FOLDED:
        said = f"This page folds {entries:,} events {folds:,} times. Ask with a lower `limit`."
        raise Problem("too-many-events", said)
    if entries * folds <= _FEW:
        return work()
    if _waiting >= _MOST_WAITING:
        raise Problem("busy", f"{_waiting} questions about long histories are waiting.")
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, work)
    finally:
        _waiting -= 1
