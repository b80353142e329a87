"""How fast a book is compared with the provider, and in how much memory, as resources grow."""

import asyncio
import math
import multiprocessing
import os
import resource
import time
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any

import httpx
import msgspec
from rich.console import Console
from rich.table import Table

from service.database.connections import connect
from service.provider.reconciliation.options import Options
from service.provider.reconciliation.run import reconcile
from service.settings import Book
from service.store.events import append
from tests.bench.filled import fill, rebuilt
from tests.bench.server import server
from tests.builders import SECRET
from tests.deliveries import delivery
from tests.service.provider.stand_in import KEY, Answer, Request, answering, document

RESOURCES = int(os.environ.get("RESOURCES", "100000"))
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
STEP = timedelta(seconds=10)
DIFFERING = 100
"""One of so many differs."""

_BATCH = 500


def run() -> None:
    """Print resources a second, next to reading the same pages only, and the memory it took."""
    table = Table("resources", "differ", "requests", "resources/s", "of reading pages", "peak MiB")
    for count in (RESOURCES // 10, RESOURCES):
        with server() as url, answering(_Provider(count).answer) as provider:
            asyncio.run(fill(url, 0))
            asyncio.run(_tell(url, count))
            raw = _read(provider, count)
            seconds, found, peak = _compared(url, provider)
            assert found["looked_at"] == count
            assert found["differing"] == math.ceil(count / DIFFERING)
            table.add_row(
                f"{count:,}", f"{found['differing']:,}", f"{found['calls']:,}",
                f"{count / seconds:,.0f}", f"{raw / seconds:.2f}", f"{peak:,.0f}",
            )  # fmt: skip
    Console(width=140).print(table)


def _subscription(number: int, quantity: int) -> dict[str, Any]:
    created = NOW - number * STEP
    return {
        "subscription_id": f"sub_{number:08}", "status": "active", "quantity": quantity,
        "customer": {"customer_id": f"cus_{number:08}", "email": "a@example.com", "name": "Ada"},
        "product_id": "pdt_1", "currency": "EUR", "recurring_pre_tax_amount": 1900,
        "created_at": created, "previous_billing_date": created, "metadata": {},
        "next_billing_date": created + timedelta(days=400), "cancel_at_next_billing_date": False,
    }  # fmt: skip


class _Provider:
    """Lists of subscriptions that are made as they are asked for."""

    def __init__(self, count: int) -> None:
        self._count = count

    def answer(self, request: Request) -> Answer:
        """The answer to a request of the client."""
        if request.path == "/webhooks":
            return document({"data": [], "done": True})
        if request.path == "/subscriptions":
            return _encoded({"items": [self._theirs(n) for n in self._page(request.query)]})
        if request.path.startswith("/subscriptions/"):
            return _encoded(self._theirs(int(request.path.rpartition("_")[2])))
        return document({"items": []})

    def _theirs(self, number: int) -> dict[str, Any]:
        return _subscription(number, 2 if number % DIFFERING == 0 else 1)

    def _page(self, query: dict[str, str]) -> range:
        since, until = (
            datetime.fromisoformat(query.get(f"created_at_{end}", default))
            for end, default in (("gte", "2000-01-01T00:00:00Z"), ("lte", NOW.isoformat()))
        )
        first = max(0, math.ceil((NOW - until) / STEP))
        end = min(self._count, math.floor((NOW - since) / STEP) + 1)
        size = int(query["page_size"])
        begin = first + int(query["page_number"]) * size
        return range(begin, min(end, begin + size))


def _encoded(content: object) -> Answer:
    return Answer(200, msgspec.json.encode(content))


async def _tell(url: str, count: int) -> None:
    async with await connect(url) as conn:
        for start in range(0, count, _BATCH):
            numbers = range(start, min(count, start + _BATCH))
            told = [
                delivery(
                    msgspec.json.encode({
                        "business_id": "bus_1", "type": "subscription.active",
                        "timestamp": NOW - n * STEP, "data": _subscription(n, 1),
                    })
                )
                for n in numbers
            ]  # fmt: skip
            await append(conn, "test", told)
    await rebuilt(url)


def _read(provider: str, count: int) -> float:
    """Seconds that one client takes for the same pages."""
    started = time.perf_counter()
    with httpx.Client(base_url=provider, trust_env=False) as client:
        for number in range(math.ceil(count / 100)):
            client.get("/subscriptions", params={"page_number": number, "page_size": 100})
    return time.perf_counter() - started


def _compared(url: str, provider: str) -> tuple[float, dict[str, Any], float]:
    """Compare in a process of its own: seconds, the head of the run, the process's peak memory."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_compare, args=(theirs, url, provider))
    process.start()
    seconds, head, peak = ours.recv()
    process.join()
    return seconds, msgspec.json.decode(head), peak


def _compare(result: Connection, url: str, provider: str) -> None:
    api = {"api_key": KEY, "url": provider, "requests_per_minute": 100_000, "timeout_seconds": 60}
    book = Book.model_validate({"mode": "test", "secrets": [SECRET], "provider": api})
    options = Options(since=timedelta(days=3650), settle=timedelta(0))
    started = time.perf_counter()
    found = asyncio.run(reconcile(url, "test", book, options))
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result.send((seconds, msgspec.json.encode(found), peak))
