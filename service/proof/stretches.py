"""Reads a stretch of a book, and recomputes its events and the blocks of its Merkle tree.

A chain can be verified in stretches, in parallel: each link is recomputed from the stored link
before it, and so is the first of a stretch. Memory does not grow with the store.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

import msgspec
from msgspec import Struct
from psycopg.sql import Literal

from service.database import binary, statements
from service.database.connections import bulk_connection
from service.proof.merkle import BITS, BLOCK, Frontier, leaf_hash, perfect_root
from service.proof.quick import quick_check
from service.proof.rows import MalformedRowError, Row, Signatures, Signer, field, parse_row

EVENTS = 64 * BLOCK
"""The length of a stretch: whole blocks."""

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
    with bulk_connection(url) as conn:
        statement = statements.fill(
            "proof/stretch",
            book=Literal(stretch.book),
            first=Literal(stretch.after),
            last=Literal(stretch.last),
        )
        with conn.cursor() as cursor, cursor.copy(statement) as copy:
            checked = Checked(stretch, secrets)
            checked.run(map(bytes, copy))
    return checked.result()


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
        self._tree = Frontier([])
        self._expected = stretch.after + 1
        self._previous: bytes | None = bytes(32) if not stretch.after else None

    def run(self, rows: Iterable[bytes]) -> None:
        """Recompute all rows of the stretch, as COPY delivers them."""
        quick, links = self._quick, self._links
        previous, position, proved = self._previous, self._expected, 0
        for raw in rows:
            link = quick(raw, previous, position) if previous else None
            if link is None:
                self._previous, self._expected = previous, position
                self._look(raw)
                previous, position = self._previous, self._expected
            else:
                links.append(link)
                previous = link
                proved += 1
                position += 1
            if len(links) == BLOCK or position == self._size + 1:
                self._close(position - 1)
        self._previous, self._expected = previous, position
        self._found.events += proved
        self._found.signatures.proved += proved

    def _look(self, raw: bytes) -> None:
        """Recompute one event that is not of the usual kind, or not whole."""
        raw = raw.removeprefix(binary.HEADER)
        if raw == binary.TRAILER or not raw:
            return
        try:
            row = parse_row(raw)
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
        leaves += map(leaf_hash, self._links[len(leaves) :])
        if position == self._size:
            self._found.ends[position] = [*self._tree.peaks, *subtrees(leaves)]
            self._size = next(self._sizes, -1)
        if len(leaves) == BLOCK:
            self._tree.push(BITS, perfect_root(leaves))
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
            or sha256(row.body).digest() != row.body_sha256
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
        leaves = [*self._leaves, *map(leaf_hash, self._links[len(self._leaves) :])]
        found.subtrees = [*self._tree.peaks, *subtrees(leaves)]
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
