"""What is wrong with an event: its body, a column, its link, its place, or its absence. Pure.

A link that cannot be recomputed says only that something is wrong. What it is, the events around it
show: the link after it was made from the true one.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Literal

from msgspec import Struct

from service.proof.rows import Row, field

AROUND = 16
"""How many events after a broken position are looked at, and how many removed ones are seen."""

Kind = Literal["body", "column", "link", "missing", "order", "signature", "head", "checkpoint"]
"""What is broken."""


class Fault(Struct, frozen=True):
    """The first broken position of a book, and what about it is broken."""

    position: int
    kind: Kind
    text: str


class Surroundings(Struct, frozen=True):
    """Events of a book around a broken position, and further broken positions with their own.

    Attributes:
        book: the name of the book.
        rows: the events, by position.
        broken: the broken positions that are known.
        head: the last position of the book and its link, by the head's own word.
    """

    book: str
    rows: Mapping[int, Row]
    broken: Sequence[int]
    head: tuple[int, bytes]

    def link(self, position: int) -> bytes | None:
        """The stored link at a position; that of the beginning is known."""
        if position == 0:
            return bytes(32)
        return self.rows[position].link if position in self.rows else None

    def follows(self, row: Row, previous: bytes | None, position: int | None = None) -> bool:
        """Whether a row's link is the one after ``previous``, at its own or another position."""
        return previous is not None and row.follows(previous, self._field, position)

    def recomputed(self, row: Row, previous: bytes, digest: bytes | None = None) -> bytes:
        """The link that a row should have."""
        return sha256(row.preimage(previous, self._field, body_sha256=digest)).digest()

    @property
    def _field(self) -> bytes:
        return field(self.book.encode())


def diagnose(around: Surroundings, position: int) -> Fault:
    """Say what is broken at a position."""
    row = around.rows.get(position)
    if row is None:
        return Fault(position, "missing", "There is no event at this position.")
    previous = around.link(position - 1)
    digest = row.digest
    if around.follows(row, previous):
        if digest != row.body_sha256:
            text = "The body is not the one that was recorded: its SHA-256 differs."
            return Fault(position, "body", text)
        text = "The stored signature is not of the secret that it was verified with."
        return Fault(position, "signature", text)
    if previous is not None and around.recomputed(row, previous, digest) == row.link:
        return Fault(position, "column", "The column body_sha256 was changed.")
    return (
        _changed_link(around, row, previous)
        or _renumbered(around, row)
        or _swapped(around, row)
        or Fault(position, "column", "A column was changed: the link does not match them.")
    )


def _changed_link(around: Surroundings, row: Row, previous: bytes | None) -> Fault | None:
    """Whether the next event was linked to what this one's link should be."""
    if previous is None:
        return None
    true, following = around.recomputed(row, previous), around.rows.get(row.position + 1)
    at_head = around.head == (row.position, true)
    if at_head or (following is not None and around.follows(following, true)):
        text = "The column link was changed: the events around it have another one."
        return Fault(row.position, "link", text)
    return None


def _renumbered(around: Surroundings, row: Row) -> Fault | None:
    """Whether this event and the next ones had other positions."""
    following = around.rows.get(row.position + 1)
    if following is None:
        return None
    for count in range(1, AROUND + 1):
        if around.follows(following, row.link, following.position + count):
            text = f"{count} events before it were removed, and the later ones renumbered."
            if count == 1:
                text = "The event before it was removed, and the later ones renumbered."
            return Fault(row.position, "missing", text)
        if following.position > count and around.follows(
            following, row.link, following.position - count
        ):
            text = f"{count} positions here were filled with others, and the later ones renumbered."
            return Fault(row.position, "order", text)
    return None


def _swapped(around: Surroundings, row: Row) -> Fault | None:
    """Whether this event belongs to another broken position, and that one's here."""
    for other in around.broken:
        stranger = around.rows.get(other)
        if stranger is None or other == row.position:
            continue
        fits = any(
            sha256(row.preimage(link, field(around.book.encode()), other)).digest()
            in {row.link, stranger.link}
            for link in _before(around, other, row)
        )
        if fits:
            text = f"The event of position {other} stands here."
            return Fault(row.position, "order", text)
    return None


def _before(around: Surroundings, other: int, row: Row) -> Iterator[bytes]:
    """The links that may have stood before ``other``, if it and ``row`` changed places."""
    previous = around.link(other - 1)
    if previous is not None:
        yield previous
    if other - 1 == row.position:
        # what stood here is there now
        yield around.rows[other].link
