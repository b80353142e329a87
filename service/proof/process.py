"""What the projector's process does for the proof: sign checkpoints, and carry them away.

Each has a lease, so that of many processes one does it. Neither is on the path of a webhook.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial

import psycopg
import structlog

from service.database import statements
from service.database.connections import PROJECTOR, Connection, connect, response_deadline
from service.database.lease import Lease, LeaseTakenError
from service.processes.tasks import TaskSupervisor
from service.proof.anchors import Anchor, AnchorError, latest_everywhere, open_anchors
from service.proof.checkpoints import RefusedError, make_checkpoint
from service.proof.keys import Signer, load_signer
from service.proof.notes import Key
from service.proof.tree import MissingNodesError
from service.settings import Settings, SettingsError

_POLL_SECONDS = 1.0
_LOOK_SECONDS = 30.0
_ANCHOR_SECONDS = 5.0
_FAILED_SECONDS = 60.0
_LEASE_SECONDS = 60.0

_log = structlog.get_logger(__name__)


def start(supervisor: TaskSupervisor, settings: Settings, url: str) -> None:
    """Start the tasks of the proof; requests need none of them."""
    anchors = open_anchors(settings.anchors)
    books = list(settings.books)
    # kept by this process, also while it has lost the database
    lease = Lease("checkpoints", _LEASE_SECONDS)
    supervisor.start("checkpoints", partial(_sign, settings, url, anchors, lease), needed=False)
    for anchor in anchors:
        lease = Lease(f"anchor {anchor.name}", _LEASE_SECONDS)
        supervisor.start(lease.name, partial(_carry, url, books, anchor, lease), needed=False)


async def _sign(settings: Settings, url: str, anchors: Iterable[Anchor], lease: Lease) -> None:
    """Make the checkpoints of all books until cancelled."""
    async with await connect(url, PROJECTOR) as conn, _released(conn, lease):
        signer = await _signer(conn, settings)
        looked = float("-inf")
        while True:
            # a restore ends this connection, so that it is noticed at once
            if look := time.monotonic() - looked >= _LOOK_SECONDS:
                looked = time.monotonic()
            if await _holds(conn, lease):
                for book in settings.books:
                    await sign_book(conn, book, signer, list(anchors), look=look)
            await asyncio.sleep(_POLL_SECONDS)


async def _signer(conn: Connection, settings: Settings) -> Signer:
    """The signing key, as soon as it can be read or made."""
    while True:
        try:
            signer = await asyncio.to_thread(load_signer, settings, create=True)
        except (SettingsError, OSError) as error:
            for book in settings.books:
                await _record(conn, book, "", f"There is no signing key: {error}")
            await asyncio.sleep(_FAILED_SECONDS)
            continue
        assert signer is not None, "it was created"  # noqa: S101
        return signer


async def sign_book(
    conn: Connection, book: str, signer: Signer, anchors: list[Anchor], *, look: bool = True
) -> None:
    """Make the checkpoint of a book if it is time, and record why that is not possible."""
    elsewhere = partial(latest_everywhere, anchors)
    async with response_deadline(conn, PROJECTOR.answer):
        try:
            made = await make_checkpoint(conn, book, signer, elsewhere, look=look)
        except (RefusedError, MissingNodesError, OSError) as error:
            await _record(conn, book, "", str(error))
            return
        if look or made is not None:
            await _forget(conn, book, "")
    if made is not None:
        key = Key(made.origin, signer.public)
        _log.info("checkpoint signed", book=book, size=made.size, key=str(key))


async def _carry(url: str, books: Iterable[str], anchor: Anchor, lease: Lease) -> None:
    """Carry the checkpoints of all books to an anchor until cancelled."""
    async with await connect(url, PROJECTOR) as conn, _released(conn, lease):
        while True:
            failed = False
            if await _holds(conn, lease):
                for book in books:
                    failed |= not await carry_book(conn, book, anchor)
            await asyncio.sleep(_FAILED_SECONDS if failed else _ANCHOR_SECONDS)


async def carry_book(conn: Connection, book: str, anchor: Anchor) -> bool:
    """Carry the checkpoints that an anchor lacks to it; whether it has kept them."""
    wanted = {"book": book, "anchor": anchor.name, "limit": anchor.every}
    cursor = await conn.execute(statements.text("proof/unanchored"), wanted)
    lacking = await cursor.fetchall()
    for row in reversed(lacking):
        try:
            receipt = await anchor.keep(row["name"], row["size"], row["note"])
        except AnchorError as error:
            await _record(conn, book, anchor.name, str(error))
            return False
        kept = {
            "book": book, "anchor": anchor.name, "origin": row["origin"], "size": row["size"],
            "anchored_at": datetime.now(UTC), "receipt": receipt,
        }  # fmt: skip
        await conn.execute(statements.text("proof/add_anchored"), kept)
    if lacking:
        await _forget(conn, book, anchor.name)
    return True


async def _holds(conn: Connection, lease: Lease) -> bool:
    async with response_deadline(conn, PROJECTOR.answer):
        try:
            await lease.acquire(conn)
        except LeaseTakenError:
            return False
    return True


@asynccontextmanager
async def _released(conn: Connection, lease: Lease) -> AsyncIterator[None]:
    """Release a lease at the end of the block, so that the next process need not wait for it."""
    try:
        yield
    finally:
        with suppress(psycopg.Error):
            await lease.release(conn)


async def _record(conn: Connection, book: str, anchor: str, problem: str) -> None:
    params = {"book": book, "anchor": anchor, "problem": problem}
    cursor = await conn.execute(statements.text("proof/set_problem"), params)
    if await cursor.fetchone():
        event = "checkpoint not anchored" if anchor else "checkpoint not signed"
        _log.error(event, book=book, anchor=anchor or None, reason=problem)


async def _forget(conn: Connection, book: str, anchor: str) -> None:
    await conn.execute(statements.text("proof/clear_problem"), {"book": book, "anchor": anchor})
