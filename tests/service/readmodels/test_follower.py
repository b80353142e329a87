"""The projector gives memory back once it has caught up."""

import asyncio

import pytest

from service.readmodels import follower
from service.readmodels.follower import Projector


async def test_memory_is_returned_once_caught_up(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trimmed = asyncio.Event()
    trim = follower._trim_memory

    def trim_and_tell() -> None:
        trim()
        trimmed.set()

    monkeypatch.setattr(follower, "_trim_memory", trim_and_tell)
    following = asyncio.create_task(Projector(database_url, "test").run())
    await asyncio.wait_for(trimmed.wait(), 20)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
