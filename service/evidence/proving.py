"""Proves events, each in the first checkpoint that an authority has stamped, if there is one."""

import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from msgspec import Struct

from service.database.connections import Connection
from service.evidence.case import Record
from service.problems import Problem
from service.proof.covering import Covering, covering, proof_in
from service.proof.der import stated_time
from service.proof.tree import MissingNodesError


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
    files: dict[tuple[int, int], Signed] = {}
    proved = []
    for record in records:
        preimage = record.preimage(book)
        if sha256(preimage).digest() != record.link:
            raise _broken(f"The link of the event at position {record.position} does not fit it.")
        found = best.get(record.position)
        if found is None:
            proved.append(Proved(record, None, None))
            continue
        if (found.number, found.size) not in files:
            files[found.number, found.size] = _signed(found)
        try:
            proof = await proof_in(conn, book, record.position, preimage, found)
        except MissingNodesError as error:
            raise _broken(str(error)) from None
        proved.append(Proved(record, files[found.number, found.size], proof))
    return proved


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
