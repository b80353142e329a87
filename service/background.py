"""What is written to the database beside the requests, and may wait."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from service.postgres import Pool

_LAST_FLUSH_SECONDS = 2.0

_log = structlog.get_logger(__name__)


async def flush_every(
    seconds: float, name: str, flush: Callable[[Pool], Awaitable[None]], pool: Pool
) -> None:
    """Flush until cancelled, and once more then. What fails is tried again."""
    try:
        while True:
            await asyncio.sleep(seconds)
            try:
                await flush(pool)
            except Exception as error:  # noqa: BLE001 - whatever it is, requests go on
                _log.warning("not written yet", what=name, error=type(error).__name__)
    finally:
        with suppress(Exception):
            async with asyncio.timeout(_LAST_FLUSH_SECONDS):
                await flush(pool)
