"""Long folds: outside the loop, two at once, and never without an end."""

import asyncio
import threading
import time

import pytest

from service.problems import Problem
from service.readmodels import folding
from service.readmodels.folding import MOST_ENTRIES, MOST_FOLDED, fold_aside


async def test_few_are_folded_at_once_and_many_in_a_thread() -> None:
    here = threading.get_ident()
    assert await fold_aside(10, threading.get_ident) == here
    assert await fold_aside(10_000, threading.get_ident) != here
    # a few, but again and again
    assert await fold_aside(10, threading.get_ident, 100) != here


async def test_two_at_once_and_beyond_the_queue_it_is_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(folding, "_MOST_WAITING", 4)
    running, most = 0, 0
    lock, go = threading.Lock(), threading.Event()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        go.wait(10)
        time.sleep(0.01)
        with lock:
            running -= 1

    waiting = [asyncio.create_task(fold_aside(1_000, work)) for _ in range(4)]
    await asyncio.sleep(0.05)
    with pytest.raises(Problem, match="waiting") as raised:
        await fold_aside(1_000, work)
    assert raised.value.kind.name == "busy"
    # few are folded all the same
    assert await fold_aside(1, lambda: "few") == "few"
    go.set()
    await asyncio.gather(*waiting)
    assert most == 2
    assert await fold_aside(1_000, lambda: "free") == "free"


@pytest.mark.parametrize(("entries", "folds"), [(MOST_ENTRIES + 1, 1), (50_000, 101)])
async def test_what_would_cost_too_much_is_refused(entries: int, folds: int) -> None:
    assert entries > MOST_ENTRIES or entries * folds > MOST_FOLDED
    with pytest.raises(Problem) as raised:
        await fold_aside(entries, lambda: None, folds)
    assert raised.value.kind.name == "too-many-events"


async def test_a_failing_fold_frees_its_place() -> None:
    with pytest.raises(ZeroDivisionError):
        await fold_aside(1_000, lambda: 1 // 0)
    assert folding._waiting == 0
