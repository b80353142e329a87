"""Long folds in threads, so that the event loop can go on acknowledging webhooks."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from service.problems import Problem

T = TypeVar("T")

MOST_ENTRIES = 100_000
"""The most events that one query may read."""

MOST_FOLDED = 5_000_000
"""The most folded events of one query, which may fold the same events several times."""

_FEW = 300
_MOST_WAITING = 16

_threads = ThreadPoolExecutor(2, "fold")
_waiting = 0


async def fold_aside(entries: int, work: Callable[[], T], folds: int = 1) -> T:
    """Run pure work over some events: at once if they are few, else in one of two threads.

    Args:
        entries: the number of events.
        work: folds the events, ``folds`` times.
        folds: how often each event is folded.

    Raises:
        Problem: ``too-many-events`` if that exceeds the limits of one query; ``busy`` if too many
            queries wait for a thread.
    """
    global _waiting  # noqa: PLW0603 - one limit for the process
    if entries > MOST_ENTRIES:
        message = f"{entries:,} events concern this question; it may read {MOST_ENTRIES:,}."
        raise Problem("too-many-events", message)
    if entries * folds > MOST_FOLDED:
        message = f"This page folds {entries:,} events {folds:,} times. Ask with a lower `limit`."
        raise Problem("too-many-events", message)
    if entries * folds <= _FEW:
        return work()
    if _waiting >= _MOST_WAITING:
        raise Problem("busy", f"{_waiting} questions about long histories are waiting.")
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, work)
    finally:
        _waiting -= 1
