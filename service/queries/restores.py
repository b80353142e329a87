"""Detection of a database restore, by positions of the history that it ended."""

from psycopg.rows import DictRow

from projections.projection import VERSION
from service.database import statements
from service.database.reader import Queryable
from service.problems import Problem
from service.store.positions import BEGINNING, Position, parse, position_of


async def locate(conn: Queryable, book: str, position: Position) -> DictRow:
    """The row of ``queries/place`` for a position: the book's end, checkpoint and links.

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
        raise Problem("not-ready", "This book is not open yet. Try again when /readyz is 200.")
    # a position is sent only after its commit: beyond the end there is nothing to wait for, except
    # on a standby, which may lag
    if row["head"] >= position.number or not row["standby"]:
        check(position, row["link"], row)
    return row


async def verify(conn: Queryable, book: str, position: Position) -> None:
    """Refuse a position of another history; a bare number is not checked.

    Raises:
        Problem: as ``locate``; ``behind`` for a position that this standby has not received yet.
    """
    if position.link is None:
        return
    row = await locate(conn, book, position)
    if row["head"] < position.number:
        raise Problem("behind", f"This standby has not received position {position} yet.")


async def event_number(conn: Queryable, book: str, text: str) -> int:
    """The number of an event, from a position or a bare number in a path.

    Raises:
        Problem: as ``verify``; ``not-found`` for a text that is not a position.
    """
    try:
        position = parse(text)
    except ValueError:
        raise Problem("not-found", f"This book has no event at position {text}.") from None
    await verify(conn, book, position)
    return position.number


def check(position: Position, link: bytes | None, end: DictRow) -> None:
    """Refuse a position whose link is not the stored one.

    Args:
        position: from the client; a bare number is not checked.
        link: the beginning of the stored link at its number; None without such an event.
        end: ``head`` and ``head_link`` of the book.

    Raises:
        Problem: ``book-was-restored``.
    """
    if position.number == 0:
        link = BEGINNING.link
    if position.link is None or (link is not None and bytes(link) == position.link):
        return
    head = position_of(end["head"], end["head_link"])
    raise Problem(
        "book-was-restored",
        f"Position {position} is not in this book: its database was restored to an earlier moment."
        " Read again from `go_on_from`. The book now ends at `head`.",
        go_on_from=str(BEGINNING),
        head=str(head),
    )
