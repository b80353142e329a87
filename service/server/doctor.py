"""``daybook doctor``: every check of the database, of each book, and of each at the provider."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from msgspec import Struct

from projections.projection import VERSION
from service.database import statements
from service.database.citus import UnsupportedCitusError
from service.database.connections import QUESTIONS, Connection, connect
from service.provider.checks import Examination
from service.provider.findings import Finding, look
from service.queries import refusals, resources
from service.readmodels.follower import lease_name
from service.server import proof_checks, replica_checks, restore_checks
from service.settings import Book, Settings
from service.store import roles
from service.store.distribution import placement
from service.store.migrations import SchemaError, missing_migrations
from service.telemetry.wording import number_of, span_of

Explain = Callable[[Exception], str]

_LEAST_BYTES = 1 << 30
_LAG = timedelta(minutes=1)
_SILENCE = timedelta(days=3)
_VACANT_SECONDS = 10.0
_SHOWN = 5

_REMEDIES = {
    "unknown-signature": "Run daybook connect, which adds the endpoint's secret.",
    "other-book": "Correct the endpoint's URL in the provider's dashboard.",
    "stale-timestamp": "Check this host's time synchronisation and the proxy's queue.",
    "body-too-large": "Raise max_body_bytes.",
}
_OTHER_REMEDY = "See 'Webhooks answer 401' in service/operating/README.md, and /v1/refusals."


class Database(Struct, frozen=True):
    """The URL of the database; or None, and why there is none."""

    url: str | None
    reason: str = ""


async def examine(
    settings: Settings,
    books: Mapping[str, Book],
    database: Database,
    public_url: str | None,
    explain: Explain,
) -> list[Finding]:
    """Run all checks; one that fails or hangs does not stop the others.

    Args:
        settings: all settings.
        books: the books to check.
        database: where the database is.
        public_url: the URL that the provider should deliver to, if it is known.
        explain: the sentence for an error.
    """
    provider: list[Awaitable[list[Finding]]] = [
        look(name, "provider", Examination(name, book, public_url).run(explain), explain)
        for name, book in books.items()
    ]
    own = [
        _database(settings, database, books, explain),
        look(None, "disk", _disk(settings), explain),
        look(None, "replica", replica_checks.replica(settings, database.url), explain),
    ]
    results = await asyncio.gather(*own, *provider)
    found = [finding for findings in results for finding in findings]
    # what concerns all books first, then book by book
    order = {name: number for number, name in enumerate(books)}
    return sorted(found, key=lambda f: order[f.book] if f.book else -1)


async def _database(
    settings: Settings, database: Database, books: Iterable[str], explain: Explain
) -> list[Finding]:
    if database.url is None:
        return _unreachable(database.reason, books)
    try:
        async with asyncio.timeout(2 * QUESTIONS.answer):
            conn = await connect(database.url, QUESTIONS)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        return _unreachable(explain(error), books)
    async with conn:
        run = partial(_on, conn, explain)
        found = [
            *await run(None, "database", _access),
            *await run(None, "migrations", _migrations),
        ]
        for name in books:
            for check, looking in _CHECKS.items():
                found += await run(name, check, partial(looking, name))
            found += await run(name, "chain", partial(restore_checks.chain, name, settings))
            found += await run(name, "restore", partial(restore_checks.restore, name, settings))
        return found


def _unreachable(reason: str, books: Iterable[str]) -> list[Finding]:
    remedy = "Until it is back, webhooks are refused; the provider repeats them for a day."
    return [
        Finding(None, "database", "problem", reason, remedy),
        *(Finding(name, "events", "unknown", "The database is not reachable.") for name in books),
    ]


async def _on(
    conn: Connection,
    explain: Explain,
    book: str | None,
    check: str,
    looking: Callable[[Connection], Awaitable[list[Finding]]],
) -> list[Finding]:
    return await look(book, check, looking(conn), explain)


async def _access(conn: Connection) -> list[Finding]:
    access = await roles.access(conn)
    where = f"{access.role} on {access.database}, PostgreSQL {access.version}"
    found = [Finding(None, "database", "ok", f"Connected as {where}.")]
    if access.missing_privileges:
        lacks = f"{access.role} lacks: {', '.join(access.missing_privileges)}."
        remedy = "Run: daybook migrate --owner URL."
        found.append(Finding(None, "role", "problem", lacks, remedy))
    elif access.can_alter_events:
        text = f"{access.role} has its rights, and could alter events: "
        if access.distributed:
            # Citus distributes no table that has a trigger
            remedy = "Use two roles: daybook migrate --owner URL."
            found.append(Finding(None, "role", "problem", f"{text}nothing prevents it.", remedy))
        else:
            text += "only a trigger prevents it."
            found.append(Finding(None, "role", "ok", text, "See daybook migrate --help."))
    else:
        text = f"{access.role} has its rights, and can alter no event."
        found.append(Finding(None, "role", "ok", text))
    return found


async def _migrations(conn: Connection) -> list[Finding]:
    try:
        missing = await missing_migrations(conn)
    except SchemaError as error:
        return [Finding(None, "migrations", "problem", str(error))]
    if missing:
        found = f"Migrations are missing: {', '.join(sorted(missing))}."
        return [Finding(None, "migrations", "problem", found, "Run: daybook migrate.")]
    return [await _placement(conn)]


async def _placement(conn: Connection) -> Finding:
    try:
        placed = await placement(conn)
    except UnsupportedCitusError as error:
        return Finding(None, "migrations", "problem", str(error))
    if placed is None:
        return Finding(None, "migrations", "ok", "The schema is up to date.")
    if placed.missing:
        shown = ", ".join(placed.missing[:_SHOWN])
        more = f" and {len(placed.missing) - _SHOWN} more" if len(placed.missing) > _SHOWN else ""
        found = f"There is Citus {placed.version}, which does not distribute {shown}{more}."
        return Finding(None, "migrations", "problem", found, "Run: daybook migrate.")
    found = f"The schema is up to date, and distributed by Citus {placed.version}."
    return Finding(None, "migrations", "ok", found)


async def _disk(settings: Settings) -> list[Finding]:
    if settings.database_url is not None:
        found = "The disk of the database server cannot be seen from here. Watch it there."
        return [Finding(None, "disk", "skipped", found)]
    usage = await asyncio.to_thread(shutil.disk_usage, settings.data_dir)
    found = f"{usage.free / (1 << 30):.1f} GiB are free in {settings.data_dir}."
    if usage.free >= _LEAST_BYTES:
        return [Finding(None, "disk", "ok", found)]
    remedy = "Free space or enlarge the disk; never delete files of PostgreSQL."
    return [Finding(None, "disk", "problem", found, remedy)]


async def _events(book: str, conn: Connection) -> list[Finding]:
    row = await _gauges(book, conn)
    age: float | None = row["last_event_age_seconds"] if row else None
    if age is None:
        found = "No event has been recorded yet."
        remedy = (
            "Send an example from the Testing tab of the endpoint in the provider's dashboard;"
            f" for what was before: daybook backfill --book {book}."
        )
        return [Finding(book, "events", "problem", found, remedy)]
    found = f"The last event was recorded {span_of(age)} ago."
    if age < _SILENCE.total_seconds():
        return [Finding(book, "events", "ok", found)]
    remedy = "Silence is how a disabled endpoint looks: compare with the provider's dashboard."
    return [Finding(book, "events", "problem", found, remedy)]


async def _lag(book: str, conn: Connection) -> list[Finding]:
    row = await _gauges(book, conn)
    if row is None:
        return [Finding(book, "read models", "skipped", "The book has not been served yet.")]
    if row["checkpoint_lost"]:
        found = "The store was restored; the read models show events that it does not have."
        return [Finding(book, "read models", "problem", found, "Run: daybook rebuild.")]
    seconds = float(row["lag_seconds"])
    events = number_of(row["lag_events"], "event")
    lag = f"The read models lack {events}, the oldest {span_of(seconds)}"
    if seconds > _LAG.total_seconds():
        remedy = "See 'Lag grows' in service/operating/README.md; the log says what fails."
        return [Finding(book, "read models", "problem", f"{lag} old.", remedy)]
    return [Finding(book, "read models", "ok", "The read models are up to date.")]


async def _projector(book: str, conn: Connection) -> list[Finding]:
    names = {"names": [lease_name(book)]}
    cursor = await conn.execute(statements.text("server/leases"), names)
    row = await cursor.fetchone()
    if row is not None and row["vacant_seconds"] <= _VACANT_SECONDS:
        return [Finding(book, "projector", "ok", "A projector follows the book.")]
    found = "No projector has followed the book" + (
        f" for {span_of(row['vacant_seconds'])}." if row else " yet."
    )
    remedy = "Is daybook serve running, with this book? If it is, its log says what fails."
    return [Finding(book, "projector", "problem", found, remedy)]


async def _parked(book: str, conn: Connection) -> list[Finding]:
    streams = [row["stream"] for row in await resources.parked(conn, book)]
    if not streams:
        return [Finding(book, "parked streams", "ok", "No stream is parked.")]
    more = f" and {len(streams) - _SHOWN} more" if len(streams) > _SHOWN else ""
    found = f"Their rows are stale: {', '.join(streams[:_SHOWN])}{more}."
    remedy = "Run: daybook parked show STREAM; fix the cause; then daybook parked retry."
    return [Finding(book, "parked streams", "problem", found, remedy)]


async def _refused(book: str, conn: Connection) -> list[Finding]:
    counts = [count for _, count in await refusals.counts(conn, book)]
    serious = [count for count in counts if count.reason not in refusals.STRANGERS]
    if not serious:
        found = "No webhook of the provider was refused in the last day."
        return [Finding(book, "refusals", "ok", found)]
    return [
        Finding(
            book,
            "refusals",
            "problem",
            f"Refused in the last day: {number_of(c.last_day, 'webhook')}, of them {c.last_hour} in"
            f" the last hour: {c.reason}.",
            _REMEDIES.get(c.reason, _OTHER_REMEDY),
        )
        for c in serious
    ]


_CHECKS: Mapping[str, Callable[[str, Connection], Awaitable[list[Finding]]]] = {
    "events": _events,
    "refusals": _refused,
    "read models": _lag,
    "projector": _projector,
    "parked streams": _parked,
    "checkpoints": proof_checks.checkpoints,
    "anchors": proof_checks.anchors,
}


async def _gauges(book: str, conn: Connection) -> dict[str, Any] | None:
    params = {"book": book, "version": VERSION}
    cursor = await conn.execute(statements.text("server/gauges"), params)
    return await cursor.fetchone()
