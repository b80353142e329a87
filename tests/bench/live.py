"""How soon an acknowledged webhook is read, and how fast a backlog is worked off."""

import asyncio
import time
from datetime import UTC, datetime
from statistics import quantiles

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from service.cli.sending import new_webhook_id
from service.database.connections import Connection, connect
from service.ingest.signature import signed_headers
from service.readmodels.projector import advance
from tests.bench.filled import deliveries, fill
from tests.bench.ingest import served
from tests.bench.load import request
from tests.bench.server import server

_RATE = 1_000
_SECONDS = 15
_CONNECTIONS = 64
_BACKLOG = 50_000

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def run() -> None:
    """Print the lag at a steady rate, as a reader sees it, and the projector's rate."""
    table = Table("", "figure")
    with server() as url, served(url) as (service, secret, _):
        lags = uvloop.run(_lags(int(service.port), secret, service.find(r"KEY=(\S+)")))
        cuts = quantiles(lags, n=100)
        table.add_row(
            f"acknowledged, then read, at {_RATE:,} webhooks/s",
            f"p50 {cuts[49] * 1e3:.1f} ms, p99 {cuts[98] * 1e3:.1f} ms",
        )
    with server() as url:
        uvloop.run(fill(url, _BACKLOG))
        table.add_row("a backlog, worked off", f"{uvloop.run(_worked_off(url)):,.0f} events/s")
    Console(width=120).print(table)


async def _lags(port: int, secret: str, key: str) -> list[float]:
    """Send at the rate; for one in ten, how long after its answer it can be read."""
    made = deliveries()
    lags: list[float] = []
    idle: asyncio.Queue[_Connection] = asyncio.Queue()
    for _ in range(_CONNECTIONS):
        idle.put_nowait(await asyncio.open_connection("127.0.0.1", port))

    async def one(body: bytes, *, look: bool) -> None:
        signed = signed_headers(secret, new_webhook_id(), datetime.now(UTC), body)
        connection = await idle.get()
        told = await _ask(connection, request("POST", "/webhooks/test", signed, body))
        if look:
            acknowledged = time.perf_counter()
            path = f"/v1/events?limit=1&min_position={msgspec.json.decode(told)['position']}"
            await _ask(connection, request("GET", path, {"authorization": f"Bearer {key}"}))
            lags.append(time.perf_counter() - acknowledged)
        idle.put_nowait(connection)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(_RATE * _SECONDS):
            if (ahead := started + number / _RATE - time.perf_counter()) > 0:
                await asyncio.sleep(ahead)
            tasks.create_task(one(next(made).body, look=number % 10 == 0))
    return lags


async def _ask(connection: _Connection, sent: bytes) -> bytes:
    """Send a request; the body of its answer, which must be a 200."""
    reader, writer = connection
    writer.write(sent)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    assert head.startswith(b"http/1.1 200"), (head, body)
    return body


async def _worked_off(url: str) -> float:
    async with await connect(url) as conn:
        started = time.perf_counter()
        await _all(conn)
        return _BACKLOG / (time.perf_counter() - started)


async def _all(conn: Connection) -> None:
    while await advance(conn, "test"):
        pass
