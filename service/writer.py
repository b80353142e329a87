"""Group commit: one writer per book and process records all that waits in one transaction."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

import psycopg
import structlog

from service.postgres import UNAVAILABLE, Connection, connect
from service.problems import Problem
from service.store import Delivery, Receipt, append

_MAX_WAITING = 10_000
_MAX_ROWS = 500
_MAX_BYTES = 8 << 20

_log = structlog.get_logger(__name__)

Waiting = tuple[Delivery, asyncio.Future[Receipt]]


class Writer:
    """Appends to one book. Everything that waits while a commit runs goes into the next one."""

    def __init__(self, url: str, book: str, on_append: Callable[[], None]) -> None:
        self._url = url
        self._book = book
        self._on_append = on_append
        self._waiting: deque[Waiting] = deque()
        self._wake = asyncio.Event()
        self._conn: Connection | None = None

    async def record(self, delivery: Delivery) -> Receipt:
        """Record a delivery; when this returns, it is on disk.

        Raises:
            Problem: ``busy`` or ``unavailable``; the sender will try again.
        """
        if len(self._waiting) >= _MAX_WAITING:
            raise Problem("busy", f"{_MAX_WAITING} webhooks of this book are waiting.")
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, future))
        self._wake.set()
        return await future

    async def run(self) -> None:
        """Write until cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    await self._write(self._next_batch())
        finally:
            await self._disconnect()

    def _next_batch(self) -> list[Waiting]:
        batch: list[Waiting] = []
        size = 0
        while self._waiting and len(batch) < _MAX_ROWS and size < _MAX_BYTES:
            batch.append(self._waiting.popleft())
            size += len(batch[-1][0].body)
        return batch

    async def _write(self, batch: list[Waiting]) -> None:
        try:
            receipts = await self._append([delivery for delivery, _ in batch])
        except UNAVAILABLE as error:
            _log.warning("append failed", book=self._book, error=type(error).__name__)
            self._fail(batch)
        except psycopg.Error as error:
            _log.exception("append refused", book=self._book, rows=len(batch))
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            # one bad row must not fail the others
            for one in batch:
                await self._write([one])
        except BaseException:
            self._fail(batch)
            raise
        else:
            for (_, future), receipt in zip(batch, receipts, strict=True):
                if not future.done():
                    future.set_result(receipt)
            self._on_append()

    async def _append(self, deliveries: Sequence[Delivery]) -> list[Receipt]:
        # twice: a connection may have died while idle. Appending again is safe, since what was
        # committed unconfirmed is found again as a duplicate
        for attempt in (1, 2):
            try:
                if self._conn is None:
                    self._conn = await connect(self._url)
                return await append(self._conn, self._book, deliveries)
            except UNAVAILABLE:
                await self._disconnect()
                if attempt == 2:  # noqa: PLR2004
                    raise
        raise AssertionError

    def _fail(self, batch: list[Waiting]) -> None:
        for _, future in batch:
            if not future.done():
                future.set_exception(
                    Problem("unavailable", "The webhook could not be recorded; send it again.")
                )

    async def _disconnect(self) -> None:
        if self._conn is not None:
            with suppress(psycopg.Error):
                await self._conn.close()
            self._conn = None
