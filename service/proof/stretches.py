"""Reads a stretch of a book, and recomputes its events and the blocks of its Merkle tree.

A chain can be verified in stretches, in parallel: each link is recomputed from the stored link
before it, and so is the first of a stretch. Memory does not grow with the store.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct
from psycopg import AsyncCursor, Cursor
from psycopg.rows import tuple_row
from psycopg.types.numeric import Int8BinaryLoader
from psycopg.types.string import ByteaBinaryLoader

from service.database import statements
from service.database.connections import bulk_connection
from service.proof.merkle import BITS, BLOCK, leaf_hashes, perfect_root
from service.proof.quick import Values, quick_check
from service.proof.rows import MalformedRowError, Row, Signatures, Signer, field, row_of

EVENTS = 256 * BLOCK
"""The most events of a stretch: whole blocks, which take about a second."""

_ROWS = 16  # that are in memory at once: a body may be as large as the limit for webhooks

SHOWN = 16
"""How many broken positions a stretch names."""

Subtree = tuple[int, bytes]


class Stretch(Struct, frozen=True):
    """The events of a book after ``after`` up to ``last``; ``after`` is a multiple of a block.

    Attributes:
        sizes: where a tree ends whose root is asked for, in order.
    """

    book: str
    after: int
    last: int
    sizes: tuple[int, ...] = ()


class Recomputed(Struct):
    """What a stretch shows.

    Attributes:
        stretch: which one.
        events: how many were recomputed.
        broken: the number of positions at which something is wrong.
        first: the first of them.
        subtrees: the perfect subtrees of which it consists.
        ends: those of its beginning, up to each size that was asked for.
        link: the stored link of the last event; None if that is missing.
    """

    stretch: Stretch
    events: int = 0
    broken: int = 0
    first: list[int] = []
    signatures: Signatures = msgspec.field(default_factory=Signatures)
    subtrees: list[Subtree] = []
    ends: dict[int, list[Subtree]] = {}
    link: bytes | None = None


def recompute(url: str, stretch: Stretch, secrets: Sequence[tuple[str, bytes]]) -> Recomputed:
    """Recompute all events of a stretch, and their signatures with the secrets that we hold."""
    checked = Checked(stretch, secrets)
    params = {"book": stretch.book, "first": stretch.after, "last": stretch.last}
    with bulk_connection(url) as conn, conn.cursor(row_factory=tuple_row) as cursor:
        as_stored(cursor)
        rows = cursor.stream(statements.text("proof/stretch"), params, binary=True, size=_ROWS)
        checked.run(rows)
    return checked.result()


def as_stored(cursor: Cursor[Any] | AsyncCursor[Any]) -> None:
    """Let a cursor load the columns of binary results as ``service.proof.rows.Row`` has them."""
    cursor.adapters.register_loader("text", ByteaBinaryLoader)
    cursor.adapters.register_loader("timestamptz", Int8BinaryLoader)


class Checked:
    """The events of a stretch so far."""

    def __init__(self, stretch: Stretch, secrets: Sequence[tuple[str, bytes]]) -> None:
        self._found = Recomputed(stretch)
        self._book = field(stretch.book.encode())
        keys = {name.encode(): key for name, key in secrets}
        self._secrets = {name: Signer(key) for name, key in keys.items()}
        self._quick = quick_check(stretch.book, keys)
        self._sizes = iter(stretch.sizes)
        self._size = next(self._sizes, -1)
        # of the last block, and the hashes of the first of them
        self._links: list[bytes] = []
        self._leaves: list[bytes] = []
        # which of them are joined to larger ones depends on where the stretch begins
        self._blocks: list[Subtree] = []
        self._expected = stretch.after + 1
        self._previous: bytes | None = bytes(32) if not stretch.after else None

    def run(self, rows: Iterator[Values]) -> None:
        """Recompute all rows of the stretch, in order."""
        links, found = self._links, self._found
        while True:
            before, wanted = len(links), self._wanted()
            if self._previous is None:
                unusual = next(rows, None)
            else:
                some = islice(rows, wanted)
                unusual = self._quick(some, self._previous, self._expected, links)
            proved = len(links) - before
            if proved:
                self._previous = links[-1]
                self._expected += proved
                found.events += proved
                found.signatures.proved += proved
            if unusual is not None:
                self._look(unusual)
            elif proved < wanted:
                return
            if len(links) == BLOCK or self._expected == self._size + 1:
                self._close(self._expected - 1)

    def _wanted(self) -> int:
        """How many rows there are up to the end of a block, or to a size that is asked for."""
        block, until = BLOCK - len(self._links), self._size + 1 - self._expected
        return min(block, until) if until > 0 else block

    def _look(self, values: Values) -> None:
        """Recompute one event that is not of the usual kind, or not whole."""
        try:
            row = row_of(values)
        except MalformedRowError:
            self._break(self._expected)
            self._previous = None
            self._expected += 1
            return
        if row.position <= self._found.stretch.after:
            self._previous = row.link
            return
        self._miss(row.position)
        self._found.events += 1
        self._check(row)
        self._links.append(row.link)
        self._previous, self._expected = row.link, row.position + 1

    def _close(self, position: int) -> None:
        """Hash the links up to a size that was asked for, and those of a full block."""
        leaves = self._leaves
        leaves += leaf_hashes(self._links[len(leaves) :])
        if position == self._size:
            self._found.ends[position] = [*self._blocks, *subtrees(leaves)]
            self._size = next(self._sizes, -1)
        if len(leaves) == BLOCK:
            self._blocks.append((BITS, perfect_root(leaves)))
            self._links.clear()
            leaves.clear()

    def _miss(self, until: int) -> None:
        """Note the positions that are missing before one."""
        for missing in range(self._expected, min(until, self._expected + SHOWN)):
            self._break(missing)
            self._previous = None
        self._found.broken += max(0, until - self._expected - SHOWN)

    def _check(self, row: Row) -> None:
        # the link of the stretch before this one is missing there, and is reported there
        linked = self._previous is None or row.follows(self._previous, self._book)
        if (
            not linked
            or row.digest != row.body_sha256
            or not self._found.signatures.add(row, self._secrets)
        ):
            self._break(row.position)

    def _break(self, position: int) -> None:
        self._found.broken += 1
        if len(self._found.first) < SHOWN:
            self._found.first.append(position)

    def result(self) -> Recomputed:
        """All of it, once the stretch has been read."""
        found = self._found
        whole = self._expected > found.stretch.last
        found.link = self._previous if whole else None
        self._miss(found.stretch.last + 1)
        leaves = [*self._leaves, *leaf_hashes(self._links[len(self._leaves) :])]
        found.subtrees = [*self._blocks, *subtrees(leaves)]
        return found


def subtrees(leaves: Sequence[bytes]) -> list[Subtree]:
    """The perfect subtrees of the leaves of a block."""
    parts, start = [], 0
    for level in range(BITS, -1, -1):
        if len(leaves) - start >= 1 << level:
            end = start + (1 << level)
            parts.append((level, perfect_root(leaves[start:end])))
            start = end
    return parts
