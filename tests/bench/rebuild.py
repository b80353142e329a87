"""How fast the read models are made again, next to what the store's bytes take to be read."""

import asyncio
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import psycopg
from rich.console import Console
from rich.table import Table

from projections.catalog import PROJECTIONS, STREAMS
from projections.customers import CUSTOMERS
from projections.projection import Projection
from service.database.connections import connect
from service.readmodels.rebuild import rebuild
from tests.bench.filled import fill
from tests.bench.server import server

EVENTS = int(os.environ.get("EVENTS", "1000000"))
_STATES = (*STREAMS, CUSTOMERS)


def run() -> None:
    """Print events a second from start to switch, where the time goes, and the memory it took."""
    table = Table("", "events/s", "of COPY", "s", "where", "peak MiB")
    with server() as url:
        asyncio.run(fill(url, EVENTS))
        # the first reading marks every row as committed, which is the writer's work
        raw = min(_copied(url) for _ in range(2))
        table.add_row("COPY store.event TO STDOUT, read by one client", *_rate(raw, raw), "", "")
        for name, chosen in (("all read models", PROJECTIONS), ("states alone", _STATES)):
            seconds, phases, peak = _rebuilt(url, chosen)
            where = ", ".join(f"{phase} {took:.1f}" for phase, took in phases.items())
            table.add_row(f"rebuild, {name}", *_rate(seconds, raw), where, f"{peak:,.0f}")
    Console(width=140).print(table)


def _rate(seconds: float, raw: float) -> tuple[str, str, str]:
    return f"{EVENTS / seconds:,.0f}", f"{raw / seconds:.2f}", f"{seconds:.1f}"


def _copied(url: str) -> float:
    started = time.perf_counter()
    statement = "copy store.event to stdout (format binary)"
    with psycopg.connect(url) as conn, conn.cursor() as cursor, cursor.copy(statement) as copy:
        for _ in copy:
            pass
    return time.perf_counter() - started


def _rebuilt(url: str, chosen: Sequence[Projection[Any]]) -> tuple[float, dict[str, float], float]:
    phases: dict[str, float] = {}
    last = started = time.perf_counter()

    def told(doing: str, _: int, __: int) -> None:
        nonlocal last
        now = time.perf_counter()
        phases[doing] = phases.get(doing, 0.0) + now - last
        last = now

    async def once() -> None:
        async with await connect(url) as conn:
            await rebuild(conn, chosen, told)

    with _Peak() as peak:
        asyncio.run(once())
    phases["catch up and switch"] = time.perf_counter() - last
    return time.perf_counter() - started, phases, peak.mebibytes


class _Peak:
    """The most memory that this process and its children held together."""

    def __enter__(self) -> Self:
        self.mebibytes = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            self.mebibytes = max(self.mebibytes, sum(map(_resident, _family())))


def _family() -> list[int]:
    own = os.getpid()
    tasks = Path(f"/proc/{own}/task").glob("*/children")
    return [own, *(int(pid) for task in tasks for pid in task.read_text().split())]


def _resident(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
