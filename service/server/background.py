"""What is written to the database from time to time, and may wait."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from service.database.connections import Pool

_LAST_FLUSH_SECONDS = 2.0


async def flush_every(
    seconds: float,
    flush: Callable[[Pool], Awaitable[None]],
    pool: Pool,
    prepared: asyncio.Event,
) -> None:
    """Flush until cancelled, from when the store is ``prepared``, and once more at the end."""
    try:
        await prepared.wait()
        while True:
            await asyncio.sleep(seconds)
            await flush(pool)
    except asyncio.CancelledError:
        with suppress(Exception):
            async with asyncio.timeout(_LAST_FLUSH_SECONDS):
                await flush(pool)
        raise
