"""What the questions cost that are asked on every login, next to an endpoint that does nothing."""

import asyncio
import os
from random import Random

from rich.console import Console
from rich.table import Table

from tests.bench.filled import fill, long, rebuilt
from tests.bench.ingest import served
from tests.bench.load import Load, drive, request
from tests.bench.server import server

EVENTS = int(os.environ.get("EVENTS", "1000000"))
_REQUESTS = 8_000
_CONNECTIONS = 32
_LONG = 200


def run() -> None:
    """Print requests a second, latencies, and the ratio to an endpoint that does nothing."""
    table = Table("", "/s", "p50 ms", "p99 ms", "of nothing")
    with server() as url:
        asyncio.run(fill(url, EVENTS))
        asyncio.run(long(url, _LONG, 50))
        asyncio.run(rebuilt(url))
        with served(url) as (service, _, _projector):
            port, key = int(service.port), service.find(r"KEY=(\S+)")
            service.await_position(key, EVENTS + 50 * _LONG)
            nothing = _asked(port, key, ["/healthz"])
            for name, paths in {"nothing: /healthz": ["/healthz"], **_questions()}.items():
                load = nothing if paths == ["/healthz"] else _asked(port, key, paths)
                figures = (load.percentile(0.5), load.percentile(0.99))
                table.add_row(
                    name,
                    f"{load.rate:,.0f}",
                    *(f"{f:.1f}" for f in figures),
                    f"{load.rate / nothing.rate:.2f}",
                )
    Console(width=120).print(table)


def _asked(port: int, key: str, paths: list[str]) -> Load:
    headers = {"authorization": f"Bearer {key}"}
    raw = [request("GET", path, headers) for path in paths]
    made = [raw[n % len(raw)] for n in range(_REQUESTS)]
    load = drive(port, made, _CONNECTIONS)
    assert set(load.statuses) == {200}, load.statuses
    return load


def _questions() -> dict[str, list[str]]:
    chance = Random(1)  # noqa: S311 - the same each time
    streams = EVENTS // 5
    some = [chance.randrange(streams // 2) * 2 + 1 for _ in range(2_000)]
    return {
        "access of a customer": [f"/v1/customers/cus_{n // 3:012d}/access" for n in some],
        "one subscription": [f"/v1/subscriptions/sub_{n:012d}" for n in some],
        "one customer": [f"/v1/customers/cus_{n // 3:012d}" for n in some],
        "history of 50 entries": [
            f"/v1/subscriptions/sub_long_{n}/history?limit=50" for n in range(_LONG)
        ],
        "a page of 50 subscriptions": ["/v1/subscriptions?limit=50&status=active"],
    }
