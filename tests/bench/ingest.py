"""How fast webhooks become durable, next to an endpoint that does nothing and to pgbench."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from random import Random
from zlib import crc32

import psycopg
from rich.console import Console
from rich.table import Table

from service.database.connections import connect
from service.ingest.signature import Verifier, signed_by, signed_headers
from service.sandbox.simulation import simulate
from service.store.events import append
from tests.acceptance.service import Service
from tests.bench.load import Load, drive, request
from tests.bench.nothing import BARE, FRAMEWORK, nothing
from tests.bench.server import PGBENCH, server
from tests.builders import NOON

_REQUESTS = 40_000
_CONNECTIONS = 64
_STORED = 1_000_000
_HEADERS = {"content-type": "application/json", "user-agent": "Svix-Webhooks/1.24"}

_BEHIND = "select head.position - c.position from store.head join read.checkpoint c using (book)"

Delivered = tuple[dict[str, str], bytes]


def run() -> None:
    """Print requests a second and latencies; everything on the same cores, fsync on."""
    table = Table("", "/s", "p50 ms", "p99 ms", "of framework", "of pgbench")
    with nothing() as port:
        bodies = [body for _, body in islice(_webhooks("whsec_AAAA", 1), _REQUESTS)]
        framework, bare = (
            drive(port, [request("POST", path, _HEADERS, b) for b in bodies], _CONNECTIONS)
            for path in (FRAMEWORK, BARE)
        )
    with server() as url:
        singly = _pgbench(url)
    rows: list[tuple[str, Load]] = [
        ("an endpoint of the framework that only reads the body", framework),
        ("a bare ASGI endpoint that only reads the body", bare),
    ]
    with server() as url, served(url) as (service, secret, projector):
        rows.append(("webhooks, the projector following", measure(service, secret, 2)))
        await_caught_up(url)
        # its parent too: it would replace a projector that stands still
        os.kill(service.process.pid, signal.SIGSTOP)
        os.kill(projector, signal.SIGSTOP)
        rows.append(("webhooks, the projector held", measure(service, secret, 3)))
        rows.append(("the same, three of four duplicates", measure(service, secret, 4, again=3)))
        asyncio.run(_fill(url, secret))
        rows.append((f"the same, with {_STORED:,} stored", measure(service, secret, 5)))
        os.kill(projector, signal.SIGCONT)
        os.kill(service.process.pid, signal.SIGCONT)
    for name, load in rows:
        assert set(load.statuses) == {200}, load.statuses
        figures = (load.percentile(0.5), load.percentile(0.99))
        ratios = (load.rate / framework.rate, load.rate / singly)
        table.add_row(
            name, f"{load.rate:,.0f}", *(f"{f:.1f}" for f in figures), *(f"{r:.2f}" for r in ratios)
        )
    table.add_row("pgbench, the same rows singly, 64 clients", f"{singly:,.0f}", "", "", "", "1.00")
    Console(width=120).print(table)


def await_caught_up(url: str) -> None:
    """Wait until the read models reflect all that is recorded."""
    with psycopg.connect(url, autocommit=True) as conn:
        while conn.execute(_BEHIND).fetchone() != (0,):
            time.sleep(0.2)


def _webhooks(secret: str, seed: int) -> Iterator[Delivered]:
    now = datetime.now(UTC)
    number = 0
    for part in count():
        # a part at a time, since there is no end to them
        for one in simulate(2_000, seed * 1000 + part, until=NOON):
            number += 1
            # as the carrier's: 27 characters, the later ones sort behind
            webhook_id = f"msg_{seed:03d}{number:012d}{crc32(one.body):012d}"
            yield signed_headers(secret, webhook_id, now, one.body), one.body


def measure(
    service: Service, secret: str, seed: int, again: int = 0, requests: int = _REQUESTS
) -> Load:
    """Deliver new webhooks, each ``again`` so often as well."""
    made = list(islice(_webhooks(secret, seed), requests // (1 + again)))
    made *= 1 + again
    Random(seed).shuffle(made)  # noqa: S311 - the same order each time
    raw = [request("POST", "/webhooks/test", headers | _HEADERS, body) for headers, body in made]
    return drive(int(service.port), raw, _CONNECTIONS)


async def _fill(url: str, secret: str) -> None:
    verifier = Verifier([secret])
    made = _webhooks(secret, 6)
    async with await connect(url) as conn:
        for _ in range(_STORED // 500):
            batch = [
                verifier.verify(signed_by(h | _HEADERS), body) for h, body in islice(made, 500)
            ]
            await append(conn, "test", batch)


@contextmanager
def served(url: str, *args: str) -> Iterator[tuple[Service, str, int]]:
    """The service on a database: itself, its secret, and the process of its projector."""
    here = Path(tempfile.mkdtemp(prefix="daybook-bench-"))
    service = Service(
        here, "--data-dir", str(here / "data"), *args, env={"DAYBOOK_DATABASE_URL": url}
    ).start()
    try:
        children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children")
        (projector,) = (
            int(pid)
            for pid in children.read_text().split()
            if b"projector" in Path(f"/proc/{pid}/cmdline").read_bytes()
        )
        yield service, service.find(r"SECRET=(\S+)"), projector
    finally:
        service.stop()
        shutil.rmtree(here)


def _pgbench(url: str) -> float:
    """Transactions a second of the same rows, inserted singly by 64 clients."""
    body = "\\x" + Random(1).randbytes(1100).hex()  # noqa: S311 - the same body each time
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute((Path(__file__).parent / "single.sql").read_text())
    script = Path(__file__).parent / "pgbench.sql"
    done = subprocess.run(
        [
            PGBENCH, "-n", "-M", "prepared", "-c", str(_CONNECTIONS), "-j", "2", "-T", "10",
            "-D", f"body={body}", "-f", str(script), url,
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = re.search(r"tps = ([\d.]+) \(without", done.stdout)
    assert found, done.stdout
    return float(found[1])
