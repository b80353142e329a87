"""Counts and samples of refused webhooks, without their bodies and signatures.

Counting one costs a dictionary look-up. Each second a batch is written to the database, for all
processes to share. While the database is away, counts and only the latest samples stay in memory.
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
"""The name under which webhooks for unknown books are counted."""

_MAX_SAMPLES = 1000
_SAMPLES_PER_FLUSH = 100
_COUNTS_AGE = timedelta(days=7)
_MAX_COUNTS = 10_000

_SIGNED = {name.encode(): name for name in SIGNED_HEADERS}
_MAX_DIGITS = 18


class Refusal(Struct, frozen=True):
    """One refused request, without its content.

    Attributes:
        book: ``NO_BOOK`` for an unknown one.
        reason: one of ``problems.REFUSALS``.
        headers: which of the signed headers it had.
        content_length: the header of that name, if there was one.
        remote: the peer's address, which is the proxy's if there is one.
    """

    book: str
    at: datetime
    reason: str
    headers: tuple[str, ...]
    content_length: int | None
    remote: str | None


_Counts = Counter[tuple[str, datetime, str]]


class Refusals:
    """Collects the refusals of one process, in bounded memory."""

    def __init__(self) -> None:
        self._counts: _Counts = Counter()
        self._latest: dict[str, deque[Refusal]] = {}

    def note(self, book: str, reason: str, scope: Scope) -> None:
        """Count a refusal and keep a sample; never waits and never fails.

        Args:
            book: a configured one, or ``NO_BOOK``.
            reason: one of ``problems.REFUSALS``.
            scope: the ASGI scope of the request.
        """
        metrics.count_refused(book, reason)
        refusal = _refusal(book, reason, scope)
        minute = refusal.at.replace(second=0, microsecond=0)
        self._count({(book, minute, reason): 1})
        self._keep(book, [refusal])

    async def flush(self, pool: Pool) -> None:
        """Write the batch; on an error keep it, as far as there is room."""
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
                # refusals noted meanwhile are newer
                self._keep(book, [*refusals, *self._latest.pop(book, ())])
            raise

    def _count(self, counts: "_Counts | dict[tuple[str, datetime, str], int]") -> None:
        for key, count in counts.items():
            if key in self._counts or len(self._counts) < _MAX_COUNTS:
                self._counts[key] += count

    def _keep(self, book: str, refusals: Iterable[Refusal]) -> None:
        self._latest.setdefault(book, deque(maxlen=_SAMPLES_PER_FLUSH)).extend(refusals)


def _refusal(book: str, reason: str, scope: Scope) -> Refusal:
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"")
    known = length.isdigit() and len(length) <= _MAX_DIGITS
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
        # sorted, so that two processes cannot deadlock
        rows = [
            {"book": book, "minute": minute, "reason": reason, "count": count}
            for (book, minute, reason), count in sorted(counts.items())
        ]
        await cursor.executemany(text("ingest/count_refusals"), rows)
        samples = [
            {name: getattr(refusal, name) for name in Refusal.__struct_fields__}
            | {"headers": list(refusal.headers), "id": secrets.randbits(62)}
            for refusal in latest
        ]
        await cursor.executemany(text("ingest/keep_refusals"), samples)
    for book in sorted({book for book, _, _ in counts}):
        await conn.execute(text("ingest/forget_beyond"), {"book": book, "kept": _MAX_SAMPLES})
        await conn.execute(text("ingest/forget_before"), {"book": book, "age": _COUNTS_AGE})
