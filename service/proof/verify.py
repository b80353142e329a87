"""Verifies the chain of each book: every event, every link, every signature that can be checked."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

from msgspec import Struct, field
from psycopg.rows import tuple_row

from service.database import statements
from service.database.connections import Connection, url_of
from service.processes.workers import Call, WorkerPool, processors, worker_pool
from service.proof import stretches
from service.proof.diagnosis import AROUND, Fault, Surroundings, diagnose
from service.proof.ends import End, end_of, ends
from service.proof.merkle import BLOCK, Frontier
from service.proof.notes import Checkpoint
from service.proof.rows import MalformedRowError, Row, Signatures, row_of
from service.proof.stretches import EVENTS, Recomputed, Stretch
from service.telemetry.wording import number_of

Progress = Callable[[str, int, int], None]
"""Called with a book, how many of its events are recomputed, and how many there are."""

Secrets = Mapping[str, Sequence[tuple[str, bytes]]]
"""The secrets of each book that we hold, as fingerprint and key."""

_FEW = 5_000  # events that are not worth starting other processes for


class Report(Struct):
    """What verifying the chain of one book shows.

    Attributes:
        book: its name.
        events: how many were recomputed.
        head: the position of its head; None if the book has events but no head.
        signatures: what the signatures show.
        broken: the number of positions at which something is wrong.
        fault: the first of them; None if the chain holds.
        root: of the Merkle tree over all events.
    """

    book: str
    events: int
    head: int | None
    signatures: Signatures = field(default_factory=Signatures)
    broken: int = 0
    fault: Fault | None = None
    root: bytes = b""
    roots: dict[int, bytes] = {}

    @property
    def holds(self) -> bool:
        """Whether there are events, and nothing is wrong with any."""
        return self.events > 0 and self.fault is None

    def compare(self, signed: Iterable[Checkpoint]) -> None:
        """See that the chain has the history of each checkpoint; the first one counts that differs.

        A chain with a fault has other roots too, which say nothing more.
        """
        if self.fault is not None:
            return
        for one in sorted(signed, key=lambda checkpoint: checkpoint.size):
            if self.roots.get(one.size) != one.root:
                size = number_of(one.size, "event")
                text = (
                    f"The book was signed with {size}: its end was cut off."
                    if one.size > self.events
                    else f"The checkpoint of {size} has another root: events were"
                    " changed, and the chain after them recomputed."
                )
                self.fault = Fault(min(one.size, self.events), "checkpoint", text)
                self.broken = 1
                return


async def verify_chain(  # noqa: PLR0913, PLR0917 - one parameter a part of it
    conn: Connection,
    books: Sequence[str],
    secrets: Secrets,
    sizes: Mapping[str, Sequence[int]],
    progress: Progress = lambda *_: None,
    processes: int | None = None,
) -> list[Report]:
    """Recompute all events of some books, or of all that the store has.

    Args:
        conn: a connection of its own.
        books: their names; all of the store by default.
        secrets: those that we hold. Signatures of others cannot be proved.
        sizes: where the Merkle tree of a book ended, if its root then is asked for.
        progress: called after each stretch.
        processes: how many processes recompute; one for each processor by default.
    """
    chosen = [end for end in await ends(conn) if not books or end.book in books]
    few = sum(end.last for end in chosen) <= _FEW and processes is None
    count = 0 if few else processes or processors()
    async with worker_pool(count) as workers:
        return [
            await _verify(
                conn, workers, end, _stretches(end, sizes.get(end.book, ()), max(count, 1)),
                secrets.get(end.book, ()), progress,
            )
            for end in chosen
        ]  # fmt: skip


async def verify_recent(
    conn: Connection, book: str, secrets: Sequence[tuple[str, bytes]], most: int
) -> Report | None:
    """Recompute the last events of a book, in a thread; None if there is none of the name.

    The report has no roots. Its first event is compared with the stored link before it.
    """
    end = await end_of(conn, book)
    if end is None:
        return None
    last = end.last if end.position is None else min(end.position, end.last)
    stretch = Stretch(book, max(0, last - most) // BLOCK * BLOCK, last)
    shown = await asyncio.to_thread(stretches.recompute, url_of(conn), stretch, secrets)
    report = Report(book, shown.events, end.position, shown.signatures, shown.broken)
    await _judge(conn, end, report, list(shown.first), shown.link if last else bytes(32))
    return report


async def _verify(  # noqa: PLR0913, PLR0917
    conn: Connection,
    workers: WorkerPool,
    end: End,
    parts: Sequence[Stretch],
    secrets: Sequence[tuple[str, bytes]],
    progress: Progress,
) -> Report:
    done, head, url = 0, end.position or 0, url_of(conn)

    def took(found: Recomputed) -> None:
        nonlocal done
        done += found.events
        progress(end.book, done, max(head, end.last))

    calls = [Call(stretches.recompute, (url, one, secrets)) for one in parts]
    found = await workers.run(calls, took)
    report = Report(end.book, sum(one.events for one in found), end.position)
    tree = Frontier([])
    for one in found:
        report.signatures.merge(one.signatures)
        report.broken += one.broken
        report.roots |= {size: tree.root(rest) for size, rest in one.ends.items()}
        for level, subtree in one.subtrees:
            tree.push(level, subtree)
    report.root = tree.root()
    broken = sorted(position for one in found for position in one.first)
    await _judge(conn, end, report, broken, found[-1].link if found else bytes(32))
    return report


async def _judge(
    conn: Connection, end: End, report: Report, broken: list[int], link: bytes | None
) -> None:
    """Say in a report what is wrong, by the broken positions and the link of the last event."""
    if end.position is not None and end.position > end.last:
        report.broken += end.position - end.last
        broken.append(end.last + 1)
    if broken:
        report.fault = await _diagnose(conn, end, broken)
    elif fault := _fault_of_head(end, link):
        report.broken, report.fault = 1, fault


def _stretches(end: End, sizes: Sequence[int], processes: int) -> list[Stretch]:
    """Stretches of one length, as many for each process, so that none waits for another long."""
    # what stands after the head, or is missing before it, is reported without being read
    last = end.last if end.position is None else min(end.position, end.last)
    ordered = sorted({*sizes})
    rounds = -(-last // (EVENTS * processes))
    length = -(-last // (rounds * processes * BLOCK)) * BLOCK if last else BLOCK
    return [
        Stretch(
            end.book, after, min(after + length, last),
            tuple(ordered[bisect_right(ordered, after) : bisect_right(ordered, after + length)]),
        )
        for after in range(0, last, length)
    ]  # fmt: skip


def _fault_of_head(end: End, last: bytes | None) -> Fault | None:
    if end.position is None:
        return Fault(end.last, "head", "The book has events, but no head: its row was removed.")
    if end.last > end.position:
        text = f"Events stand after the head, which is at position {end.position}."
        return Fault(end.position + 1, "head", text)
    if end.link != last:
        return Fault(end.position, "head", "The head has another link than the last event.")
    return None


async def _diagnose(conn: Connection, end: End, broken: Sequence[int]) -> Fault:
    """Say what is wrong at the first broken position, by the events around it and the others."""
    around: set[int] = set()
    for number, position in enumerate(broken[: stretches.SHOWN]):
        after = AROUND if not number else 1
        around |= set(range(max(position - 1, 1), position + after + 1))
    params = {"book": end.book, "positions": sorted(around)}
    rows: dict[int, Row] = {}
    async with conn.cursor(row_factory=tuple_row) as cursor:
        stretches.as_stored(cursor)
        await cursor.execute(statements.text("proof/some"), params, binary=True)
        for values in await cursor.fetchall():
            with suppress(MalformedRowError):
                row = row_of(values)
                rows[row.position] = row
    head = (end.position or 0, end.link or b"")
    return diagnose(Surroundings(end.book, rows, broken, head), broken[0])
