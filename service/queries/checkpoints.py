"""Checkpoints and proofs of a book, for those who verify it."""

from base64 import b64encode
from datetime import datetime

from msgspec import Struct

from service.database.connections import Connection
from service.database.reader import Queryable
from service.problems import Problem
from service.proof import published
from service.proof.published import NotProvableError
from service.proof.tree import MissingNodesError
from service.queries import paging
from service.queries.paging import Cursor
from service.store.events import books
from service.store.positions import BEGINNING

_SORT = "-signed_at"


class AnchorAnswer(Struct, frozen=True):
    """An anchor that has a checkpoint."""

    anchor: str
    anchored_at: datetime
    receipt: str | None


class CheckpointAnswer(Struct, frozen=True):
    """A signed checkpoint: the size of a book and the root of its Merkle tree."""

    origin: str
    size: int
    root: str
    signed_at: datetime
    note: str
    anchors: list[AnchorAnswer]


class OriginAnswer(Struct, frozen=True):
    """A name under which the checkpoints of a book are signed.

    ``parted_at`` is the size up to which it has the history of the origin before it.
    """

    origin: str
    public_key: str
    parted_at: int | None
    created_at: datetime


class ProofProblem(Struct, frozen=True):
    """Why no checkpoint is signed, or why the named anchor fails."""

    anchor: str | None
    explanation: str
    failing_since: datetime


class AnchoredAnswer(Struct, frozen=True):
    """The latest checkpoint that an anchor has, of the book's current origin."""

    anchor: str
    size: int
    anchored_at: datetime


class CheckpointPage(Struct, frozen=True):
    """Checkpoints, the latest first, with the origins of the book and what is wrong now.

    ``unsigned`` and ``unanchored`` count the events at the end of the book that no checkpoint
    covers, and that no anchor has.
    """

    origins: list[OriginAnswer]
    problems: list[ProofProblem]
    anchored: list[AnchoredAnswer]
    unsigned: int
    unanchored: int
    data: list[CheckpointAnswer]
    next_cursor: str | None


async def page(conn: Queryable, book: str, limit: int, cursor: str | None) -> CheckpointPage:
    """A page of a book's checkpoints.

    Raises:
        Problem: ``invalid-parameter`` for a cursor that is not ours.
    """
    order = paging.order({"cursor": cursor}, (_SORT,), int, "/v1/checkpoints")
    before = _before(order.after)
    rows = await published.checkpoints(conn, book, before, limit + 1)
    more, rows = len(rows) > limit, rows[:limit]
    following = None
    if more:
        last = rows[-1]
        following = order.following(last.signed_at, _key(last.number, last.size), BEGINNING)
    kept = await published.anchors_of(conn, book)
    signed = rows if cursor is None else await published.checkpoints(conn, book, published.LAST, 1)
    head = (await books(conn)).get(book)
    recorded = head.position if head else 0
    return CheckpointPage(
        [
            OriginAnswer(one.name, one.key, one.parted_at, one.created_at)
            for one in reversed(await published.origins(conn, book))
        ],
        [
            ProofProblem(one.anchor or None, one.problem, one.since)
            for one in await published.problems(conn, book)
        ],
        [AnchoredAnswer(one.anchor, one.size, one.anchored_at) for one in kept],
        max(0, recorded - (signed[0].size if signed else 0)),
        max(0, recorded - max((one.size for one in kept), default=0)),
        [
            CheckpointAnswer(
                row.origin,
                row.size,
                b64encode(row.root).decode(),
                row.signed_at,
                row.note,
                [AnchorAnswer(one.anchor, one.anchored_at, one.receipt) for one in row.anchors],
            )
            for row in rows
        ],
        following,
    )


async def signed(conn: Queryable, book: str) -> int:
    """How many events the last checkpoint of a book covers; 0 before the first one."""
    latest = await published.checkpoints(conn, book, published.LAST, 1)
    return latest[0].size if latest else 0


_SIZE_BITS = 48


def _key(number: int, size: int) -> int:
    """One number that orders checkpoints: by origin, then by size."""
    return number << _SIZE_BITS | size


def _before(after: Cursor[int] | None) -> tuple[int, int]:
    if after is None:
        return published.LAST
    return after.key >> _SIZE_BITS & published.LAST[0], after.key & (1 << _SIZE_BITS) - 1


async def latest(conn: Connection, book: str) -> str:
    """The last checkpoint of a book, as a note.

    Raises:
        Problem: ``not-found`` before the first one, or if there is no such book.
    """
    note = await published.latest_note(conn, book)
    if note is None:
        raise Problem("not-found", f"There is no checkpoint of book {book!r}.")
    return note


async def checkpoint(conn: Connection, book: str, size: int) -> str:
    """The checkpoint of exactly this size, as a note.

    Raises:
        Problem: ``not-found``.
    """
    try:
        return await published.checkpoint_note(conn, book, size)
    except NotProvableError as error:
        raise Problem("not-found", str(error)) from None


async def consistency(conn: Connection, book: str, old: int, size: int) -> str:
    """A consistency proof between two sizes, one hash a line in base64.

    Raises:
        Problem: ``not-found``.
    """
    try:
        hashes = await published.consistency_proof(conn, book, old, size)
    except (NotProvableError, MissingNodesError) as error:
        raise Problem("not-found", str(error)) from None
    return "".join(f"{b64encode(one).decode()}\n" for one in hashes)


async def proof(conn: Connection, book: str, position: int) -> str:
    """The proof of an event, as a file.

    Raises:
        Problem: ``not-found``.
    """
    try:
        return await published.event_proof(conn, book, position)
    except (NotProvableError, MissingNodesError) as error:
        raise Problem("not-found", str(error)) from None
