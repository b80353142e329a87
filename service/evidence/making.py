"""Makes a bundle of evidence from a book, at the position that its read models reflect."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from msgspec import Struct

from projections.catalog import STREAMS
from projections.customers import CUSTOMERS
from projections.events import EVENTS
from projections.projection import Projection
from service.database.connections import Connection
from service.evidence.bundle import (
    SUMS,
    checkpoint_files,
    event_files,
    index_file,
    pack,
    sums,
)
from service.evidence.case import Case, Question
from service.evidence.documents import Document, document_files
from service.evidence.gathering import fetched_documents, gather
from service.evidence.page import page
from service.evidence.proving import Proved, prove
from service.evidence.record import read_text
from service.evidence.wording import noun
from service.problems import Problem
from service.queries.one_reading import one_reading
from service.queries.resources import VIEWS, position
from service.readmodels.folding import fold_aside
from service.readmodels.streams import Target
from service.store.events import books
from service.store.positions import Position

_READ: tuple[Projection[Any], ...] = (EVENTS, CUSTOMERS, *STREAMS)


class Evidence(Struct, frozen=True):
    """A bundle.

    Attributes:
        archive: the ZIP; the same question makes the same bytes, until an event is recorded or an
            anchor takes a checkpoint.
        digest: the SHA-256 of its ``SHA256SUMS``, which pins every byte of it.
        position: what it reflects.
        behind: how many events of the book came after that.
        events: how many it has.
        uncovered: the positions that no checkpoint covers yet.
    """

    archive: bytes
    digest: str
    position: Position
    behind: int
    events: int
    uncovered: list[int]


async def make_evidence(
    conn: Connection, book: str, question: Question, response_days: int
) -> Evidence:
    """The bundle about a resource or a customer.

    Args:
        conn: a connection outside a transaction.
        book: the name of the book.
        question: what it is about.
        response_days: after so many days an answer to a dispute is due.

    Raises:
        Problem: ``not-found``; ``too-many-events``; ``not-ready``; ``busy``.
    """
    # a checkpoint that is made meanwhile must not be in one half of it only
    async with one_reading(conn, _READ):
        found = (await books(conn)).get(book)
        if found is None:
            raise Problem("not-ready", "This book is not opened yet.")
        target = Target(book, found.business_id, VIEWS)
        reflected = await position(conn, book)
        records, case = await gather(conn, target, question, reflected.number, found.position)
        proved = await prove(conn, book, records)
        documents = await fetched_documents(conn, book, case)

    def assemble() -> Evidence:
        files = _files(book, str(reflected), case, proved, documents, response_days)
        files[SUMS] = sums(files)
        uncovered = [one.record.position for one in proved if one.signed is None]
        digest = sha256(files[SUMS]).hexdigest()
        behind = found.position - reflected.number
        return Evidence(pack(files), digest, reflected, behind, len(proved), uncovered)

    return await fold_aside(len(records), assemble)


def _files(  # noqa: PLR0913, PLR0917 - all that it is made from
    book: str,
    at: str,
    case: Case,
    proved: Sequence[Proved],
    documents: Sequence[Document],
    response_days: int,
) -> dict[str, bytes]:
    signed = list({one.signed.file: one.signed for one in proved if one.signed}.values())
    question = case.question
    names = {
        "title": f"{noun(question.kind)} {_escaped(question.id)}",
        "book": book,
        "position": at,
    }
    return {
        **event_files(book, proved),
        **checkpoint_files(signed),
        **document_files(documents),
        **index_file(book, at, question, proved, signed),
        "index.html": page(case, book, at, proved, signed, documents, response_days),
        "README.txt": _text("README.txt", **names, statement=_indented("statement.txt")),
        "certification.txt": _text("certification.txt", **names),
        "verify.py": read_text("verify.py").encode(),
    }


def _escaped(text: str) -> str:
    """A text in one line of plain characters."""
    return text.encode("unicode_escape").decode()


def _text(name: str, **values: str) -> bytes:
    content = read_text(name)
    for key, value in values.items():
        content = content.replace(f"{{{key}}}", value)
    return content.encode()


def _indented(name: str) -> str:
    lines = (f"  {line}".rstrip() for line in read_text(name).strip().split("\n"))
    return "\n".join(lines)
