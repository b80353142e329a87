"""How many requests fill a book, next to the fewest possible, and how much memory that takes."""

import asyncio
import contextlib
import math
import os
import resource
import time
from collections.abc import Awaitable

from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from service.database.connections import connect
from service.provider.backfill import CATEGORIES, Options, Outcome
from service.provider.pace import background_rate
from service.readmodels.process import build_missing
from service.readmodels.projector import advance
from service.store.prepare import prepare_once
from tests.acceptance.filling import answers, book_of, events, fewest_requests, fill, held
from tests.bench.server import server
from tests.sandbox import Sandbox, sandbox

CUSTOMERS = int(os.environ.get("CUSTOMERS", "3000"))
_SANDBOX = ("--requests-per-minute=0", "--requests-per-second=0")
_PER_MINUTE = background_rate(240)


class _Step(Struct, frozen=True):
    name: str
    requests: int
    fewest: str
    seconds: float
    events: int


def run() -> None:
    """Print the requests, the minutes they take at the provider's rate, and our own seconds."""
    table = Table("", "requests", "fewest", "min at 240/min", "s here", "events")
    with server() as url, sandbox(*_SANDBOX, customers=CUSTOMERS) as merchant:
        sizes = {k: len(held(merchant, k)) for k in ("customer", "subscription", "payment")}
        steps, wrong = asyncio.run(_filled(url, merchant))
        for step in steps:
            minutes = step.requests / _PER_MINUTE
            table.add_row(
                step.name, f"{step.requests:,}", step.fewest, f"{minutes:,.1f}",
                f"{step.seconds:,.1f}", f"{step.events:,}",
            )  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    out = Console(width=140)
    out.print(", ".join(f"{size:,} {kind}s" for kind, size in sizes.items()))
    out.print(table)
    out.print(f"{wrong} access answers changed after the lists; peak {peak:,.0f} MiB")


async def _filled(url: str, merchant: Sandbox) -> tuple[list[_Step], int]:
    await prepare_once(url, {"test": book_of(merchant)})
    await build_missing(url)
    ended = asyncio.Event()
    projecting = asyncio.create_task(_project(url, ended))
    active = {
        s["customer"]["customer_id"]
        for s in held(merchant, "subscription").values()
        if s["status"] == "active"
    }
    fewest = str(2 + math.ceil(len(held(merchant, "subscription")) / 100))
    steps = [await _step(url, "subscriptions", fill(url, merchant, _SUBSCRIPTIONS), fewest)]
    async with await connect(url) as conn:
        await _caught_up(url)
        found = await answers(conn, merchant)
        denied = sum(not found[name].entitled for name in active)
        name = f"subscriptions: of {len(active):,} active customers {denied} denied"
        steps[0] = replace(steps[0], name=name)
        fewest = f"{fewest_requests(merchant, lists_only=True, credit=False):,}"
        steps.append(await _step(url, "lists", fill(url, merchant, _LISTS), fewest))
        await _caught_up(url)
        by_lists = await answers(conn, merchant)
        fewest = f"{fewest_requests(merchant, credit=False):,}"
        steps.append(await _step(url, "lists and by id", fill(url, merchant, _ALL), fewest))
        steps.append(await _step(url, "again", fill(url, merchant, _ALL), ""))
        await _caught_up(url)
        after = await answers(conn, merchant)
    ended.set()
    await projecting
    return steps, sum(by_lists[name].entitled != after[name].entitled for name in after)


_SUBSCRIPTIONS = Options(only=["subscription"], lists_only=True)
# without credits: to the sandbox a ledger costs as much as all of them
_KINDS = tuple(kind for kind in CATEGORIES if kind != "credit")
_LISTS = Options(only=_KINDS, lists_only=True)
_ALL = Options(only=_KINDS)


async def _step(url: str, name: str, filling: Awaitable[Outcome], fewest: str) -> _Step:
    async with await connect(url) as conn:
        before, started = await events(conn), time.perf_counter()
        outcome = await filling
        seconds = time.perf_counter() - started
        step = _Step(name, outcome.requests, fewest, seconds, await events(conn) - before)
        Console(stderr=True).print(step)
        return step


async def _project(url: str, ended: asyncio.Event) -> None:
    async with await connect(url) as conn:
        while not ended.is_set():
            while await advance(conn, "test"):
                pass
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), 0.2)


async def _caught_up(url: str) -> None:
    async with await connect(url) as conn:
        while await advance(conn, "test"):
            pass
