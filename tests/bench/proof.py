"""What proof costs: recomputing a store, a checkpoint, an event's proof, and webhooks meanwhile."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import psycopg
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from service.database.connections import Connection, connect
from service.ingest.signature import secret_of, signed_headers
from service.proof import published, tree
from service.proof.checkpoints import make_checkpoint
from service.proof.keys import load_signer
from service.proof.verify import verify_chain
from service.settings import Settings
from service.store.chain import Delivery, fingerprint
from service.store.events import append
from tests.bench import filled, ingest
from tests.bench.server import server
from tests.builders import SECRET

_EVENTS = 1_000_000
_ROUNDS = 21
_TURNS = 5
_REQUESTS = 10_000
_COPY = "copy (select * from store.event) to stdout (format binary)"


def run() -> None:
    """Print events a second next to a COPY of the same bytes, and the milliseconds of the rest."""
    table = Table("", "", "of COPY")
    with server() as url, tempfile.TemporaryDirectory() as here:
        asyncio.run(_run(url, Path(here), table))
    with server() as url:
        signed, held = _webhooks(url)
    table.add_row("webhooks/s while checkpoints are made", f"{signed:,.0f}", "")
    table.add_row("webhooks/s while none can be made", f"{held:,.0f}", "")
    Console().print(table)


def _webhooks(url: str) -> tuple[float, float]:
    """Webhooks a second, in turn while checkpoints are made and while their table is locked."""
    rates: tuple[list[float], list[float]] = [], []
    with ingest.served(url) as (service, secret, _), psycopg.connect(url) as conn:
        for seed in range(2, 2 + 2 * _TURNS):
            ingest.await_caught_up(url)
            if seed % 2:
                conn.execute("lock table store.origin in access exclusive mode")
            load = ingest.measure(service, secret, seed, requests=_REQUESTS)
            conn.rollback()
            assert set(load.statuses) == {200}, load.statuses
            rates[seed % 2].append(load.rate)
        made = conn.execute("select count(*) from store.checkpoint").fetchone()
    assert made is not None
    assert made[0] > _TURNS
    return statistics.median(rates[0]), statistics.median(rates[1])


async def _run(url: str, here: Path, table: Table) -> None:
    await filled.fill(url, 0)
    async with await connect(url) as conn:
        made = _signed()
        await _append(conn, made, _EVENTS)
        await conn.execute("vacuum analyze store.event")
        copies, verifications = [], []
        for _ in range(3):
            copies.append(_EVENTS / await asyncio.to_thread(_copied, url))
            began = time.perf_counter()
            (report,) = await verify_chain(conn, ["test"], {"test": [secret_of(SECRET)]}, {})
            verifications.append(_EVENTS / (time.perf_counter() - began))
            assert report.holds
            assert report.signatures.proved == _EVENTS
        copied, verified = map(statistics.median, (copies, verifications))
        signer = load_signer(Settings(data_dir=here), create=True)
        assert signer is not None

        async def sign() -> None:
            await make_checkpoint(conn, "test", signer, _nowhere, at_once=True)

        await sign()
        extended, signed = [], []
        for round_ in range(2 * _ROUNDS):
            old = (await tree.head_of(conn, "test")).size
            await _append(conn, made, 1000)
            if round_ % 2:
                signed.append(await _milliseconds(sign))
            else:
                extended.append(await _milliseconds(lambda old=old: _extend(conn, old)))  # type: ignore[misc]
                await sign()
        proofs = [
            await _milliseconds(lambda n=n: published.event_proof(conn, "test", n))  # type: ignore[misc]
            for n in range(1, _EVENTS, _EVENTS // 200)
        ]
    table.add_row("COPY of all columns, events/s", f"{copied:,.0f}", "1.00")
    ratio = f"{verified / copied:.2f}"
    table.add_row("verify chain, every signature, events/s", f"{verified:,.0f}", ratio)
    table.add_row(
        "extending the tree by 1,000 events, ms", f"{statistics.median(extended):.1f}", ""
    )
    table.add_row("a checkpoint of 1,000 more events, ms", f"{statistics.median(signed):.1f}", "")
    table.add_row("a proof at 1,000,000 events, ms", f"{statistics.median(proofs):.1f}", "")


async def _extend(conn: Connection, old: int) -> None:
    """What a checkpoint adds to the tree, stored; with its root, and that of the one before."""
    head = tree.Head.after(old, old + 1000)
    grown = await tree.grow(conn, "test", head, [old, head.size])
    await tree.store(conn, "test", grown)


def _signed() -> Iterator[Delivery]:
    for one in filled.deliveries():
        headers = signed_headers(SECRET, one.webhook_id, one.sent_at, one.body)
        yield replace(
            one,
            webhook_signature=headers["webhook-signature"],
            webhook_timestamp=headers["webhook-timestamp"],
            verified_by=fingerprint(SECRET),
        )


async def _append(conn: Connection, made: Iterator[Delivery], count: int) -> None:
    for start in range(0, count, 1000):
        await append(conn, "test", list(islice(made, min(1000, count - start))))


def _copied(url: str) -> float:
    """The seconds that one connection takes to read the store."""
    began = time.perf_counter()
    with psycopg.connect(url) as conn, conn.cursor().copy(_COPY) as copy:
        for _ in copy:
            pass
    return time.perf_counter() - began


async def _milliseconds(do: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await do()
    return 1000 * (time.perf_counter() - began)


async def _nowhere(origin: str) -> Sequence[str]:
    del origin
    return ()
