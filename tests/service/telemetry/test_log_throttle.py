"""What is said of what happens again and again."""

import asyncio
from collections.abc import Callable

import pytest
from structlog.contextvars import bound_contextvars, get_contextvars

from service.telemetry import throttle as module
from service.telemetry.throttle import Throttle


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - what is waited for is a line of the log
            await asyncio.sleep(0.01)


async def test_it_is_said_at_once_then_counted_and_at_once_again_after_a_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_SECONDS", 0.05)
    said: list[tuple[int, dict[str, str]]] = []

    def log(again: int = 0) -> None:
        said.append((again, get_contextvars()))

    throttle = Throttle()
    with bound_contextvars(request_id="first"):
        for _ in range(5):
            throttle.log("away", log)
    assert said == [(0, {"request_id": "first"})]
    await until(lambda: len(said) > 1)
    # what is said of many has the id of none
    assert said[1:] == [(4, {})]
    await until(lambda: not throttle._repeats)
    throttle.log("away", log)
    assert said[2:] == [(0, {})]


async def test_what_differs_is_said_by_itself() -> None:
    said: list[str] = []
    throttle = Throttle()
    for what in ("one", "other", "one"):
        throttle.log(what, lambda what=what: said.append(what))
    assert said == ["one", "other"]
