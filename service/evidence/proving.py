"""Proves events, each in the first checkpoint that an authority has stamped, if there is one."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256

from msgspec import Struct

from service.database.connections import Connection
from service.evidence.case import Record
from service.problems import Problem
from service.proof.covering import Covering, covering, proofs_in
from service.proof.der import stated_time
from service.proof.tree import MissingNodesError

_AT_ONCE = 50
"""How many events are proved between two looks at what else is to be done."""


class Token(Struct, frozen=True):
    """A timestamp token of a checkpoint, and the time that it states."""

    file: str
    anchor: str
    at: datetime
    content: bytes


class Signed(Struct, frozen=True):
    """A checkpoint, as a file of the bundle."""

    file: str
    checkpoint: Covering
    tokens: list[Token]

    @property
    def latest(self) -> datetime | None:
        """When it existed at the latest, by the earliest token; None without one."""
        return min((one.at for one in self.tokens), default=None)


class Proved(Struct, frozen=True):
    """An event with its proof; both are None if no checkpoint covers it yet."""

    record: Record
    signed: Signed | None
    proof: str | None


async def prove(conn: Connection, book: str, records: Sequence[Record]) -> list[Proved]:
    """Prove some events of a book.

    Raises:
        Problem: ``not-found`` if an event or the tree of the book is not whole.
    """
    best = await covering(conn, book, [record.position for record in records])
    by_checkpoint: dict[tuple[int, int], list[Record]] = {}
    for record in records:
        if found := best.get(record.position):
            by_checkpoint.setdefault((found.number, found.size), []).append(record)
    proved: dict[int, Proved] = {}
    for covered in by_checkpoint.values():
        checkpoint = best[covered[0].position]
        signed = _signed(checkpoint)
        for some in _batched(covered):
            for record, proof in zip(
                some, await _proofs(conn, book, some, checkpoint), strict=True
            ):
                proved[record.position] = Proved(record, signed, proof)
    for record in records:
        if record.position not in proved:
            _preimage(book, record)
    return [proved.get(one.position) or Proved(one, None, None) for one in records]


def _batched(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """So many records at a time that other requests are not held up."""
    for start in range(0, len(records), _AT_ONCE):
        yield records[start : start + _AT_ONCE]


async def _proofs(
    conn: Connection, book: str, records: Sequence[Record], checkpoint: Covering
) -> list[str]:
    events = [(record.position, _preimage(book, record)) for record in records]
    try:
        return await proofs_in(conn, book, events, checkpoint)
    except MissingNodesError as error:
        raise _broken(str(error)) from None


def _preimage(book: str, record: Record) -> bytes:
    """What the link of an event is the SHA-256 of, if it is."""
    preimage = record.preimage(book)
    if sha256(preimage).digest() != record.link:
        raise _broken(f"The link of the event at position {record.position} does not fit it.")
    return preimage


def _broken(text: str) -> Problem:
    return Problem("not-found", f"It cannot be proved. {text} Run: daybook verify chain.")


def _signed(found: Covering) -> Signed:
    name = f"{found.number}-{found.size:012}"
    tokens = []
    for number, (anchor, content) in enumerate(found.tokens, 1):
        title = re.sub(r"[^a-z0-9]+", "-", anchor.lower()).strip("-")
        file = f"timestamps/{name}-{number}-{title}.tsr"
        try:
            tokens.append(Token(file, anchor, stated_time(content), content))
        except ValueError:
            continue
    return Signed(f"checkpoints/{name}.txt", found, tokens)
