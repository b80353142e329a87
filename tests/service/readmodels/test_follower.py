"""The projector of a book while it waits: it gives memory back, and ends when it is told to."""

import asyncio

import pytest

from service.readmodels import follower
from service.readmodels.follower import Projector


@pytest.fixture
def trimmed(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    trimmed = asyncio.Event()
    trim = follower._trim_memory

    def trim_and_tell() -> None:
        trim()
        trimmed.set()

    monkeypatch.setattr(follower, "_trim_memory", trim_and_tell)
    return trimmed


async def test_memory_is_returned_once_caught_up(database_url: str, trimmed: asyncio.Event) -> None:
    following = asyncio.create_task(Projector(database_url, "test").run())
    await asyncio.wait_for(trimmed.wait(), 20)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_it_ends_though_it_is_woken_at_that_moment(
    database_url: str, trimmed: asyncio.Event
) -> None:
    projector = Projector(database_url, "test")
    following = asyncio.create_task(projector.run())
    await asyncio.wait_for(trimmed.wait(), 20)
    await asyncio.sleep(0.1)
    projector.wake()
    following.cancel()
    done, _ = await asyncio.wait({following}, timeout=20)
    following.cancel()
    assert done
