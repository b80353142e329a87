"""Recognising a restore of the database to an earlier moment, by positions of the lost history."""

from psycopg.rows import DictRow

from projections.projection import VERSION
from service.database import statements
from service.database.reader import Queryable
from service.problems import Problem
from service.store.positions import BEGINNING, Position, parse, position_of


async def locate(conn: Queryable, book: str, position: Position) -> DictRow:
    """How a position stands in its book, as ``read/place`` selects it.

    Raises:
        Problem: ``book-was-restored`` for a position of another history; ``not-ready`` before the
            book is opened.
    """
    params = {"book": book, "version": VERSION, "position": position.number}
    # not prepared: the plan must follow the table as it grows
    row = await (
        await conn.execute(statements.text("queries/place"), params, prepare=False)
    ).fetchone()
    if row is None:
        raise Problem("not-ready", "This book is not opened yet.")
    # positions leave only after their commit: beyond the end there is nothing to wait for, except
    # on a standby, which may lag
    if row["head"] >= position.number or not row["standby"]:
        check(position, row["link"], row)
    return row


async def verify(conn: Queryable, book: str, position: Position) -> None:
    """Refuse a position of another history; a bare number is not checked.

    Raises:
        Problem: as ``locate``; ``behind`` for a position that a standby has not received yet.
    """
    if position.link is None:
        return
    row = await locate(conn, book, position)
    if row["head"] < position.number:
        raise Problem("behind", f"Position {position} is not here yet.")


async def placed(conn: Queryable, book: str, given: str) -> int:
    """The number of an event, from a position or a bare number in a path.

    Raises:
        Problem: as ``verify``; ``not-found`` for what no position looks like.
    """
    try:
        position = parse(given)
    except ValueError:
        raise Problem("not-found", f"This book has no event at position {given}.") from None
    await verify(conn, book, position)
    return position.number


def check(position: Position, found: bytes | None, end: DictRow) -> None:
    """Refuse a position whose link is not the one ``found`` in the store at its number.

    Args:
        position: as it came; a bare number is not checked.
        found: the beginning of the stored link; None where there is no such event.
        end: ``head`` and ``head_link`` of the book.

    Raises:
        Problem: ``book-was-restored``.
    """
    if position.number == 0:
        found = BEGINNING.link
    if position.link is None or (found is not None and bytes(found) == position.link):
        return
    head = position_of(end["head"], end["head_link"])
    raise Problem(
        "book-was-restored",
        f"Position {position} is not in this book: its database was restored to an earlier moment."
        " Read again from `go_on_from`; the book ends at `head` now.",
        go_on_from=str(BEGINNING),
        head=str(head),
    )
