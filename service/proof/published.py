"""What is told of the proof: checkpoints, the proof of an event, consistency proofs."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from msgspec import Struct, convert

from service.database import statements
from service.database.reader import Queryable
from service.proof import tree
from service.proof.merkle import consistency, inclusion
from service.proof.notes import Checkpoint, Key
from service.proof.tlog_proof import encode_proof
from service.store.chain import Columns, link_preimage

LAST = (2**31 - 1, 2**63 - 1)
"""An origin's number and a size beyond all checkpoints."""


class NotProvableError(Exception):
    """There is no such proof; the text says why."""


class Kept(Struct, frozen=True):
    """An anchor that has a checkpoint, and since when."""

    anchor: str
    anchored_at: datetime
    receipt: str | None


class Signed(Struct, frozen=True):
    """A checkpoint, and which anchors have it."""

    origin: str
    number: int
    size: int
    root: bytes
    note: str
    signed_at: datetime
    anchors: list[Kept]


class OriginRow(Struct, frozen=True):
    """An origin of a book."""

    number: int
    name: str
    public_key: bytes
    parted_at: int | None
    created_at: datetime

    @property
    def key(self) -> str:
        """The public key, as verifiers take it."""
        return str(Key(self.name, self.public_key))


class ProblemRow(Struct, frozen=True):
    """Why a book is not signed, or an anchor fails; ``anchor`` is empty for signing."""

    book: str
    anchor: str
    problem: str
    since: datetime


async def latest_note(conn: Queryable, book: str) -> str | None:
    """The last checkpoint of a book, as a note."""
    row = await _one(conn, "proof/latest_checkpoint", {"book": book})
    return str(row["note"]) if row else None


async def checkpoints(
    conn: Queryable, book: str, before: tuple[int, int], limit: int
) -> list[Signed]:
    """The checkpoints of a book before one (number of its origin, size), the latest first."""
    params = {
        "book": book, "before_origin": before[0], "before_size": before[1], "limit": limit,
    }  # fmt: skip
    cursor = await conn.execute(statements.text("proof/checkpoints"), params)
    return [convert(row, Signed) for row in await cursor.fetchall()]


async def origins(conn: Queryable, book: str) -> list[OriginRow]:
    """All origins of a book, the first one first."""
    cursor = await conn.execute(statements.text("proof/origins"), {"book": book})
    return [OriginRow(**row) for row in await cursor.fetchall()]


async def problems(conn: Queryable, book: str | None) -> list[ProblemRow]:
    """The problems of one book, or of all."""
    cursor = await conn.execute(statements.text("proof/problems"), {"book": book})
    return [ProblemRow(**row) for row in await cursor.fetchall()]


async def event_proof(conn: Queryable, book: str, position: int) -> str:
    """The proof of an event, as a file: in the first checkpoint that covers it.

    Raises:
        NotProvableError: if there is no such event, or no checkpoint covers it yet.
    """
    wanted = {"book": book, "position": position}
    prepare = tree.may_prepare(position)
    cursor = await conn.execute(statements.text("proof/event"), wanted, prepare=prepare)
    row = await cursor.fetchone()
    if row is None:
        raise NotProvableError(f"This book has no event at position {position}.")
    columns = convert(row, Columns)
    extra = link_preimage(
        row["previous"], book, position, row["revision"], row["recorded_at"], columns
    )
    if sha256(extra).digest() != row["link"]:
        raise NotProvableError(
            f"The link of the event at position {position} does not fit its columns. Run: daybook"
            " verify chain."
        )
    if row["size"] is None:
        raise NotProvableError(
            f"No checkpoint covers position {position} yet. One is made every hour, and every"
            " 1,000 events."
        )
    hashes = await tree.range_hashes(conn, book, inclusion(position - 1, row["size"]))
    return encode_proof(extra, position - 1, hashes, row["note"])


async def checkpoint_note(conn: Queryable, book: str, size: int) -> str:
    """The checkpoint of exactly this size.

    Raises:
        NotProvableError: if there is none.
    """
    row = await _one(conn, "proof/checkpoint", {"book": book, "size": size})
    if row is None or row["size"] != size:
        raise NotProvableError(f"This book has no checkpoint of {size} events.")
    return str(row["note"])


async def consistency_proof(conn: Queryable, book: str, old: int, size: int) -> list[bytes]:
    """The hashes which prove that a tree is the beginning of that of a checkpoint.

    Raises:
        NotProvableError: if there is no such checkpoint, or it is smaller.
    """
    await checkpoint_note(conn, book, size)
    if not 0 < old <= size:
        raise NotProvableError(f"There is no tree of {old} events within one of {size}.")
    return await tree.range_hashes(conn, book, consistency(old, size))


class Anchored(Struct, frozen=True):
    """The latest checkpoint that an anchor has."""

    anchor: str
    size: int
    anchored_at: datetime


async def anchors_of(conn: Queryable, book: str) -> list[Anchored]:
    """The latest checkpoint of a book's current origin that each anchor has."""
    cursor = await conn.execute(statements.text("proof/anchored"), {"book": book})
    return [Anchored(**row) for row in await cursor.fetchall()]


async def signed_roots(conn: Queryable, book: str) -> list[Checkpoint]:
    """All checkpoints that hold for the current history of a book, of every origin.

    Those which the next origin has left behind are not among them.
    """
    cursor = await conn.execute(statements.text("proof/signed_roots"), {"book": book})
    return [Checkpoint(**row) for row in await cursor.fetchall()]


async def _one(conn: Queryable, statement: str, params: Mapping[str, Any]) -> dict[str, Any] | None:
    # not prepared: the plan must follow the tables as they grow
    cursor = await conn.execute(statements.text(statement), params, prepare=False)
    return await cursor.fetchone()
