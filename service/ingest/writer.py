"""Group commit: a book's writer records all waiting deliveries in one transaction."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from time import perf_counter

import psycopg
import structlog
from psycopg.errors import LockNotAvailable, QueryCanceled

from service.database.blocking import log_blockers
from service.database.connections import (
    WRITER,
    Connection,
    connect,
    is_unavailable,
    response_deadline,
)
from service.problems import Problem
from service.store.chain import Delivery
from service.store.events import Receipt, append
from service.telemetry import metrics
from service.telemetry.throttle import Throttle

_MAX_WAITING = 10_000
_MAX_WAITING_BYTES = 256 << 20
_MAX_ROWS = 500
_MAX_BYTES = 8 << 20
_MAX_SECONDS = 10.0
"""Less than the provider's timeout of 15 seconds, so that it still gets a response."""

_log = structlog.get_logger(__name__)

Waiting = tuple[Delivery, asyncio.Future[Receipt]]


class Writer:
    """Appends to one book; deliveries that arrive during a commit go into the next one."""

    def __init__(self, url: str, book: str, on_append: Callable[[int], None]) -> None:
        self._url = url
        self._book = book
        self._on_append = on_append
        self._waiting: deque[Waiting] = deque()
        self._waiting_bytes = 0
        self._wake = asyncio.Event()
        self._conn: Connection | None = None
        self._stopped = False
        self._throttle = Throttle()

    async def record(self, delivery: Delivery) -> Receipt:
        """Record a delivery; it is on disk when this returns.

        Raises:
            Problem: ``busy`` or ``unavailable``, after ten seconds at most. The sender retries; if
                the delivery was recorded after all, the retry is a duplicate.
        """
        if self._stopped:
            raise _unavailable()
        if len(self._waiting) >= _MAX_WAITING or self._waiting_bytes >= _MAX_WAITING_BYTES:
            raise Problem(
                "busy", f"{len(self._waiting)} webhooks of this book are waiting. Send it again."
            )
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Receipt] = loop.create_future()
        self._waiting.append((delivery, future))
        self._waiting_bytes += len(delivery.body)
        self._wake.set()
        # a plain timer costs a third of ``asyncio.timeout``
        deadline = loop.call_later(_MAX_SECONDS, _give_up, future)
        try:
            return await future
        finally:
            deadline.cancel()

    async def run(self) -> None:
        """Write until cancelled; deliveries that still wait then fail as ``unavailable``."""
        self._stopped = False
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    if batch := self._next_batch():
                        await self._write(batch)
        finally:
            # deliveries that arrive before it runs again fail at once
            self._stopped = True
            _fail(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
            await self._disconnect()

    def _next_batch(self) -> list[Waiting]:
        batch: list[Waiting] = []
        size = 0
        while self._waiting and len(batch) < _MAX_ROWS and size < _MAX_BYTES:
            delivery, future = self._waiting.popleft()
            self._waiting_bytes -= len(delivery.body)
            # a sender that timed out sends again
            if not future.done():
                batch.append((delivery, future))
                size += len(delivery.body)
        return batch

    async def _write(self, batch: list[Waiting]) -> None:
        try:
            if not await self._try(batch):
                # one bad row must not fail the others
                for waiting in batch:
                    if not waiting[1].done():
                        await self._try([waiting])
        finally:
            # whatever happened, no sender is left waiting
            _fail(batch)

    async def _try(self, batch: list[Waiting]) -> bool:
        """Append a batch; return False if its rows should be tried one by one."""
        began = perf_counter()
        try:
            receipts = await self._append([delivery for delivery, _ in batch])
        except Exception as error:  # noqa: BLE001 - the writer must outlive any error
            self._log_error(error)
            await self._disconnect()
            return is_unavailable(error) or len(batch) == 1
        for (_, future), receipt in zip(batch, receipts, strict=True):
            if not future.done():
                future.set_result(receipt)
        self._report(receipts, perf_counter() - began)
        return True

    def _report(self, receipts: Sequence[Receipt], seconds: float) -> None:
        """Count and announce a commit; a failure here concerns no sender."""
        duplicates = sum(receipt.duplicate for receipt in receipts)
        metrics.count_appended(self._book, len(receipts) - duplicates, duplicates, seconds)
        try:
            self._on_append(max(receipt.position for receipt in receipts))
        except Exception:  # noqa: BLE001 - the events are recorded all the same
            _log.exception("append not announced", book=self._book)

    def _log_error(self, error: Exception) -> None:
        # without text and detail of the error, which can quote the row
        name, state = type(error).__name__, getattr(error, "sqlstate", None)
        log = partial(_log.error, "append failed", book=self._book, error=name, state=state)
        if is_unavailable(error):
            self._throttle.log((name, state), log)
        else:
            log()

    async def _append(self, deliveries: Sequence[Delivery]) -> list[Receipt]:
        # twice: the connection may have died while idle, or its server become a standby. Appending
        # again is safe: an unconfirmed commit is found as a duplicate
        try:
            return await self._append_once(deliveries)
        except Exception as error:
            # a limit that was reached would be reached again
            if not is_unavailable(error) or isinstance(error, LockNotAvailable | QueryCanceled):
                raise
            await self._disconnect()
        return await self._append_once(deliveries)

    async def _append_once(self, deliveries: Sequence[Delivery]) -> list[Receipt]:
        if self._conn is None:
            self._conn = await connect(self._url, WRITER)
        conn = self._conn
        async with (
            response_deadline(conn, WRITER.answer),
            log_blockers(conn, self._url, self._book, self._throttle),
        ):
            return await append(conn, self._book, deliveries)

    async def _disconnect(self) -> None:
        if self._conn is not None:
            with suppress(psycopg.Error):
                await self._conn.close()
            self._conn = None


def _unavailable() -> Problem:
    return Problem("unavailable", "The webhook was not recorded. Send it again.")


def _fail(waiting: Sequence[Waiting] | deque[Waiting]) -> None:
    for _, future in waiting:
        if not future.done():
            future.set_exception(_unavailable())


def _give_up(future: asyncio.Future[Receipt]) -> None:
    if not future.done():
        future.set_exception(_unavailable())
