"""What was refused at the door, counted and kept beside it: never its body, never a signature.

Noting costs the door a dictionary look-up. A batch goes to the database each second, where the
processes of a service meet; while it is away counts wait here, and only the latest of the rest.
"""

import secrets
from collections import Counter, deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from litestar.types import Scope
from msgspec import Struct

from service.database.connections import QUESTIONS, Connection, Pool, pool_connection
from service.database.statements import text
from service.ingest.signature import SIGNED_HEADERS
from service.telemetry import metrics

NO_BOOK = ""
"""Under which what was sent to a book that there is not is counted."""

_KEPT = 1000
_KEPT_A_FLUSH = 100
_KEPT_COUNTS = timedelta(days=7)
_MOST_COUNTS = 10_000

_SIGNED = {name.encode(): name for name in SIGNED_HEADERS}
_LONGEST_NUMBER = 18


class Refusal(Struct, frozen=True):
    """One refused request, without anything that it said.

    Attributes:
        book: ``NO_BOOK`` where there is none of the name that was asked for.
        reason: one of ``problems.REFUSALS``.
        headers: which of the signed headers came.
        content_length: the announced length of the body, if it was announced.
        remote: the address of the peer, which is a proxy's where one stands before us.
    """

    book: str
    at: datetime
    reason: str
    headers: tuple[str, ...]
    content_length: int | None
    remote: str | None


_Counts = Counter[tuple[str, datetime, str]]


class Refusals:
    """Collects what one process refused. Its memory is bounded, however much that is."""

    def __init__(self) -> None:
        self._counts: _Counts = Counter()
        self._latest: dict[str, deque[Refusal]] = {}

    def note(self, book: str, reason: str, scope: Scope) -> None:
        """Remember a refusal; never waits and never fails.

        Args:
            book: one that is configured, or ``NO_BOOK``.
            reason: one of ``problems.REFUSALS``.
            scope: of the request, as ASGI has it.
        """
        metrics.count_refused(book, reason)
        refusal = _refusal(book, reason, scope)
        minute = refusal.at.replace(second=0, microsecond=0)
        self._count({(book, minute, reason): 1})
        self._keep(book, [refusal])

    async def flush(self, pool: Pool) -> None:
        """Write what was noted; on an error it stays noted, as far as there is room."""
        if not self._counts:
            return
        counts, self._counts = self._counts, Counter()
        latest, self._latest = self._latest, {}
        try:
            async with pool_connection(pool, QUESTIONS) as conn, conn.transaction():
                await _write(conn, counts, [r for of_book in latest.values() for r in of_book])
        except BaseException:
            self._count(counts)
            for book, refusals in latest.items():
                # what was noted meanwhile is newer
                self._keep(book, [*refusals, *self._latest.pop(book, ())])
            raise

    def _count(self, counts: "_Counts | dict[tuple[str, datetime, str], int]") -> None:
        for key, count in counts.items():
            if key in self._counts or len(self._counts) < _MOST_COUNTS:
                self._counts[key] += count

    def _keep(self, book: str, refusals: Iterable[Refusal]) -> None:
        self._latest.setdefault(book, deque(maxlen=_KEPT_A_FLUSH)).extend(refusals)


def _refusal(book: str, reason: str, scope: Scope) -> Refusal:
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"")
    known = length.isdigit() and len(length) <= _LONGEST_NUMBER
    client = scope["client"]
    return Refusal(
        book=book,
        at=datetime.now(UTC),
        reason=reason,
        headers=tuple(name for raw, name in _SIGNED.items() if raw in headers),
        content_length=int(length) if known else None,
        remote=client[0] if client else None,
    )


async def _write(conn: Connection, counts: _Counts, latest: Iterable[Refusal]) -> None:
    async with conn.cursor() as cursor:
        # in one order, so that two processes do not wait for each other
        rows = [
            {"book": book, "minute": minute, "reason": reason, "count": count}
            for (book, minute, reason), count in sorted(counts.items())
        ]
        await cursor.executemany(text("ingest/count_refusals"), rows)
        kept = [
            {name: getattr(refusal, name) for name in Refusal.__struct_fields__}
            | {"headers": list(refusal.headers), "id": secrets.randbits(62)}
            for refusal in latest
        ]
        await cursor.executemany(text("ingest/keep_refusals"), kept)
    for book in sorted({book for book, _, _ in counts}):
        await conn.execute(text("ingest/forget_beyond"), {"book": book, "kept": _KEPT})
        await conn.execute(text("ingest/forget_before"), {"book": book, "age": _KEPT_COUNTS})
