"""Makes checkpoints: a size and a root, signed, and never one that contradicts an earlier one.

What was signed is known in four places: the database, a file next to the signing key, and those
anchors that can be read. After a restore of the database to an earlier moment the others know more
than it. Then nothing is signed under that origin any more, until a person continues the book under
a new one.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from service.database import statements
from service.database.connections import Connection
from service.proof import tree
from service.proof.keys import Signer
from service.proof.notes import Checkpoint, Key, NoteError, open_checkpoint, sign

EVERY_EVENTS = 1000
EVERY = timedelta(hours=1)

Elsewhere = Callable[[str], Awaitable[Sequence[str]]]
"""The last notes that are known of an origin outside the database and this host."""


class Origin(Struct, frozen=True):
    """A name under which checkpoints of a book are signed, the last one, and the book's head."""

    number: int
    name: str
    public_key: bytes
    parted_at: int | None
    created_at: datetime
    size: int | None
    root: bytes | None
    note: str | None
    signed_at: datetime | None
    head: int

    @property
    def key(self) -> Key:
        """The public key, with its name."""
        return Key(self.name, self.public_key)


class RefusedError(Exception):
    """Nothing may be signed under the current origin; the text says why, and what to do."""


async def current_origin(conn: Connection, book: str) -> Origin | None:
    """The origin under which a book is signed; None before its first checkpoint."""
    cursor = await conn.execute(statements.text("proof/origin"), {"book": book})
    row = await cursor.fetchone()
    return Origin(**row) if row else None


async def make_checkpoint(  # noqa: PLR0913 - one parameter a part of it
    conn: Connection,
    book: str,
    signer: Signer,
    elsewhere: Elsewhere,
    *,
    at_once: bool = False,
    look: bool = True,
) -> Checkpoint | None:
    """Sign the state of a book, if it is time: after an hour, or a thousand events.

    Args:
        conn: a connection outside a transaction.
        book: its name.
        signer: the signing key.
        elsewhere: reads what else is known.
        at_once: sign any new event.
        look: compare with what is known elsewhere even if it is not time for one.

    Returns:
        The new checkpoint; None if it was not time for one.

    Raises:
        RefusedError: if it would contradict an earlier one, or the origin has another key.
        MissingNodesError: if events are missing.
    """
    origin = await current_origin(conn, book) or await _begin(conn, book, signer)
    if origin.public_key != signer.public:
        raise RefusedError(
            f"The checkpoints of book {book!r} are signed with another key than this"
            f" installation has: {origin.key}. Give it that key (DAYBOOK_SIGNING_KEY, or the file"
            f" signing-key of the data directory). If it is lost: daybook books continue"
            f" --book {book}"
        )
    if not look and not _is_due(origin, origin.size or 0, origin.head):
        return None
    head = tree.Head.after(origin.size or 0, origin.head)
    if head.lacking > tree.AT_ONCE:
        head = await tree.extend(conn, book)
    # at once, since nearly always no more is known elsewhere than here
    sizes = [size for size in (origin.size or 0, head.size) if size <= head.size]
    looking = asyncio.create_task(known_notes(signer, origin, elsewhere))
    try:
        grown = await tree.grow(conn, book, head, sizes)
        known = await looking
    finally:
        # whichever fails: neither goes on unseen
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
    last, grown = await _agreed(conn, book, origin, known, head, grown)
    if head.size == last or not (at_once or _is_due(origin, last, head.size)):
        return None
    made = Checkpoint(origin.name, head.size, grown.roots[head.size])
    note = sign(made.text, origin.name, signer.private)
    written = asyncio.create_task(asyncio.to_thread(signer.remember, origin.name, note))
    try:
        await _keep(conn, book, origin.number, made, note, grown, written)
    finally:
        await asyncio.gather(written, return_exceptions=True)
    return made


def _is_due(origin: Origin, last: int, size: int) -> bool:
    """Whether it is time for a checkpoint; the first one at once, to show that signing works."""
    if size == last:
        return False
    return not last or size - last >= EVERY_EVENTS or _is_old(origin)


def _is_old(origin: Origin) -> bool:
    return datetime.now(UTC) - (origin.signed_at or origin.created_at) >= EVERY


async def _begin(conn: Connection, book: str, signer: Signer) -> Origin:
    # at random: no other database has it, though it be served with the same key
    name = f"daybook/{secrets.token_hex(8)}/{book}"
    params = {
        "book": book, "number": 1, "name": name, "public_key": signer.public,
        "parted_at": None,
    }  # fmt: skip
    await conn.execute(statements.text("proof/add_origin"), params)
    origin = await current_origin(conn, book)
    assert origin is not None, "it was added"  # noqa: S101
    return origin


async def known_notes(
    signer: Signer | None, origin: Origin, elsewhere: Elsewhere
) -> list[tuple[str, str]]:
    """All notes that are known of an origin, each with where it is known."""
    kept = await asyncio.to_thread(signer.signed, origin.name) if signer else None
    notes = [("the database", origin.note), ("the signing key's directory", kept)]
    notes += [("an anchor", note) for note in await elsewhere(origin.name)]
    return [(where, note) for where, note in notes if note is not None]


async def _agreed(  # noqa: PLR0913, PLR0917 - one parameter a part of it
    conn: Connection,
    book: str,
    origin: Origin,
    known: Sequence[tuple[str, str]],
    head: tree.Head,
    grown: tree.Grown | None = None,
) -> tuple[int, tree.Grown]:
    """See that all known checkpoints are of this history; the largest size, and the tree.

    The tree has the root of the head, and is ``grown`` if that has all roots that are needed.

    What is known elsewhere only, since the process ended in between, is kept in the database too.
    """
    opened: dict[str, tuple[str, Checkpoint]] = {}
    for where, note in known:
        # most places know the same
        if note in opened:
            continue
        try:
            one = open_checkpoint(note, [origin.key])
        except NoteError as error:
            raise RefusedError(f"A checkpoint of {origin.name} in {where}: {error}") from None
        if one.size > head.size:
            raise _lost(book, origin, f"{where} has a checkpoint of {one.size} events, and the book"
                        f" has {head.size}")  # fmt: skip
        opened[note] = where, one
    sizes = {head.size, *(one.size for _, one in opened.values())}
    if grown is None or not sizes <= grown.roots.keys():
        grown = await tree.grow(conn, book, head, sizes)
    last = 0
    for note, (where, one) in opened.items():
        if grown.roots[one.size] != one.root:
            raise _lost(book, origin, f"{where} has a checkpoint of {one.size} events of another"
                        " history")  # fmt: skip
        if one.size > (origin.size or 0):
            await _keep(conn, book, origin.number, one, note, grown)
        last = max(last, one.size)
    return last, grown


def _lost(book: str, origin: Origin, reason: str) -> RefusedError:
    return RefusedError(
        f"Nothing is signed under {origin.name}: {reason}. The database was restored to an earlier"
        f" moment, or its history was changed. Look with daybook verify chain. To go on under a"
        f" new origin: daybook books continue --book {book}"
    )


async def _keep(  # noqa: PLR0913, PLR0917 - one parameter a part of it
    conn: Connection,
    book: str,
    number: int,
    made: Checkpoint,
    note: str,
    grown: tree.Grown,
    written: Awaitable[None] | None = None,
) -> None:
    """Keep a checkpoint in the database, once it is written down next to the key.

    Before anybody sees it: were it lost there, another could be signed in its place.
    """
    params = {"book": book, "origin": number, "size": made.size, "root": made.root, "note": note}
    # together with the blocks from which events are proved in it
    async with conn.pipeline(), conn.transaction():
        await tree.store(conn, book, grown)
        await conn.execute(statements.text("proof/add_checkpoint"), params)
        if written is not None:
            await written


async def continue_book(
    conn: Connection, book: str, signer: Signer, elsewhere: Elsewhere, *, surely: bool = False
) -> tuple[Origin, Origin]:
    """Begin a new origin of a book whose current one cannot be signed any more.

    Args:
        conn: a connection outside a transaction.
        book: its name.
        signer: the signing key.
        elsewhere: reads what else is known.
        surely: also if nothing is known that keeps the current one from being signed: after a
            restore, a checkpoint may be lost here that others have.

    Returns:
        The old and the new origin. The new one says up to which size both have one history: that
        of the last checkpoint that this history agrees with.

    Raises:
        RefusedError: if nothing keeps the current origin from being signed.
    """
    old = await current_origin(conn, book)
    if old is None:
        raise RefusedError(f"Book {book!r} has no checkpoints yet: there is nothing to continue.")
    head = await tree.extend(conn, book)
    known = await known_notes(signer, old, elsewhere)
    try:
        await _agreed(conn, book, old, known, head)
    except RefusedError:
        pass
    else:
        if old.public_key == signer.public and not surely:
            raise RefusedError(
                f"Nothing keeps {old.name} from being signed: there is nothing to continue."
            )
    number, base = old.number + 1, "/".join(old.name.split("/")[:3])
    # an origin that the database has forgotten was signed all the same
    while signer.signed(f"{base}/{number}") or await elsewhere(f"{base}/{number}"):
        number += 1
    params = {
        "book": book, "number": number, "name": f"{base}/{number}",
        "public_key": signer.public, "parted_at": await _parted(conn, book, old, known, head.size),
    }  # fmt: skip
    await conn.execute(statements.text("proof/add_origin"), params)
    await make_checkpoint(conn, book, signer, elsewhere, at_once=True)
    new = await current_origin(conn, book)
    assert new is not None, "it was added"  # noqa: S101
    return old, new


async def _parted(
    conn: Connection, book: str, old: Origin, known: Sequence[tuple[str, str]], head: int
) -> int:
    """The size of the largest known checkpoint that this history agrees with."""
    best = 0
    for _, note in known:
        try:
            one = open_checkpoint(note, [old.key])
        except NoteError:
            continue
        if best < one.size <= head and await tree.roots(conn, book, [one.size]) == [one.root]:
            best = one.size
    return best
