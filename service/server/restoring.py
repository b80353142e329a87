"""Restores the store from a backup, or from a data directory of another major version.

Everything happens in a database that nobody uses yet: what was dumped is filled in and compared
with the ends of its books, the roles get their rights, the read models are made, and each book
begins a new origin. The private PostgreSQL then gives that database the name of the one that is
served, in one transaction: a running service is away for a moment, as in a short outage.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import IO

from msgspec import Struct
from psycopg.errors import ObjectInUse, UndefinedTable
from psycopg.sql import Identifier

from service.database import older, statements
from service.database.connections import UNAVAILABLE, bulk_connection, connect
from service.database.dumps import DumpError, dumping, programs, restoring
from service.database.embedded import DATABASE, Embedded, embedded
from service.proof.anchors import latest_everywhere, open_anchors
from service.proof.checkpoints import continue_book, current_origin
from service.proof.keys import load_signer
from service.readmodels.rebuild import open_checkpoints, rebuild
from service.settings import Settings
from service.store import backups
from service.store.backups import BackupError, End, Progress
from service.store.roles import SERVICE, migrate_as_owner, set_up_role

_FRESH = "daybook_restored"
_MAINTENANCE = "template1"
_PAUSE_SECONDS = 0.1


class Source(Struct, frozen=True):
    """What is restored: the end of each book, the version of its dump, and the dump itself."""

    ends: dict[str, End]
    postgresql: int
    feed: Callable[[IO[bytes]], None]


class Target(Struct, frozen=True):
    """The database that is filled: its URLs as owner and as the service, and the service's role.

    Without a role, the owner's serves too.
    """

    owner: str
    service: str
    role: str | None = None
    password: str | None = None


class Restored(Struct, frozen=True):
    """What was restored.

    Attributes:
        ends: of each book.
        origins: the name under which each book is signed from now on, where it is a new one.
        kept: the name of the database that was replaced, if it has events.
    """

    ends: dict[str, End]
    origins: dict[str, str]
    kept: str | None = None


def from_file(path: Path, progress: Progress) -> Source:
    """The source that a backup is, once all of it was checked.

    Raises:
        BackupError: if it is not whole.
    """
    manifest = backups.check(path, progress)
    feed = partial(backups.copy_dump, path, progress=progress)
    return Source(manifest.books, manifest.postgresql, feed)


@contextmanager
def from_directory(
    pgdata: Path, bin_dir: Path | None, major: int, progress: Progress
) -> Iterator[Source]:
    """The source that the data directory of an older PostgreSQL is.

    Args:
        pgdata: the directory; no server may be running in it.
        bin_dir: the programs of its version; by default those that are installed.
        major: the version of the server that is filled.
        progress: called with the bytes that were copied.
    """
    with older.running(pgdata, bin_dir) as url:
        with bulk_connection(url) as conn:
            try:
                ends = backups.ends_of(conn)
            except UndefinedTable:
                raise BackupError(f"{pgdata} has no event store of Daybook.") from None

        def feed(target: IO[bytes]) -> None:
            with dumping(programs(major), url, *backups.WITHOUT_READ_MODELS) as dump:
                backups.copy(dump, target, 0, progress)

        yield Source(ends, major, feed)


def into_own(
    settings: Settings, target: Target, source: Source, progress: Progress, *, complete: bool
) -> Restored:
    """Restore into a database of one's own, which must be empty.

    Raises:
        BackupError: if it has a schema of Daybook, or lacks something afterwards.
        DumpError: if it cannot be restored.
    """
    with bulk_connection(target.owner) as conn:
        row = conn.execute(statements.text("server/restore/taken")).fetchone()
        if row and row["taken"]:
            raise BackupError(
                "This database has a schema of Daybook already. Create an empty one, and name it"
                " in DAYBOOK_DATABASE_URL and --owner; nothing in this one is replaced."
            )
    origins = _fill(settings, target, source, progress, complete=complete)
    return Restored(source.ends, origins)


def into_private(
    settings: Settings, source: Source, progress: Progress, *, complete: bool, replace: bool
) -> Restored:
    """Restore into the private PostgreSQL, which may be serving.

    A database with events that is replaced is kept, under another name.

    Raises:
        BackupError: if there are events and ``replace`` is not given.
        DumpError: if it cannot be restored; nothing has changed then.
    """
    with embedded(settings.data_dir) as server:
        if not replace and backups.holds_events(server.url):
            raise BackupError(
                f"The database in {settings.data_dir} has events. To replace it, and to keep it"
                " under another name, add --replace. What it has and the backup lacks is no longer"
                " served then."
            )
        maintenance = server.url_of("postgres", _MAINTENANCE)
        _drop(maintenance, _FRESH)
        _execute(maintenance, "server/restore/create", database=_FRESH)
        target = Target(server.url_of("postgres", _FRESH), server.url_of(SERVICE, _FRESH), SERVICE)
        try:
            origins = _fill(settings, target, source, progress, complete=complete)
            return Restored(source.ends, origins, _switch(server, maintenance))
        finally:
            # what cannot be dropped now, the next restore drops
            with suppress(DumpError, *UNAVAILABLE):
                _drop(maintenance, _FRESH)


def _fill(
    settings: Settings, target: Target, source: Source, progress: Progress, *, complete: bool
) -> dict[str, str]:
    """Fill an empty database, and make everything that belongs to it; the new origins."""
    with bulk_connection(target.owner) as conn:
        major = conn.info.server_version // 10_000
    if major < source.postgresql:
        raise DumpError(
            f"The backup is of PostgreSQL {source.postgresql}, and this server is {major}. Restore"
            f" it into PostgreSQL {source.postgresql} or later."
        )
    with restoring(programs(major), target.owner) as stream:
        source.feed(stream)
    with bulk_connection(target.owner) as conn:
        if (found := backups.ends_of(conn)) != source.ends:
            raise BackupError(f"What was restored is not what was saved: it ends at {found}.")
    return asyncio.run(_complete(settings, target, source.ends, progress, complete=complete))


async def _complete(
    settings: Settings,
    target: Target,
    ends: Mapping[str, End],
    progress: Progress,
    *,
    complete: bool,
) -> dict[str, str]:
    if target.role is None:
        async with await connect(target.owner) as conn:
            await migrate_as_owner(conn)
    else:
        await set_up_role(target.owner, target.role, target.password)
    async with await connect(target.service) as conn:
        await rebuild(conn, progress=progress)
        await open_checkpoints(conn)
        if complete:
            return {}
        signer = load_signer(settings, create=True)
        assert signer is not None, "it was created"  # noqa: S101
        elsewhere = partial(latest_everywhere, open_anchors(settings.anchors))
        return {
            book: (await continue_book(conn, book, signer, elsewhere, surely=True))[1].name
            for book in ends
            if await current_origin(conn, book)
        }


def _switch(server: Embedded, maintenance: str) -> str | None:
    """Give the restored database the name of the served one; the name under which that is kept."""
    kept = f"replaced_{datetime.now(UTC):%Y%m%dt%H%M%S}"
    ended = Event()
    thread = Thread(target=_disconnect, args=(maintenance, ended), daemon=True)
    thread.start()
    try:
        with bulk_connection(maintenance) as conn, conn.transaction():
            for name, new in ((DATABASE, kept), (_FRESH, DATABASE)):
                names = {"database": Identifier(name), "new": Identifier(new)}
                conn.execute(statements.fill("server/restore/rename", **names))
    except ObjectInUse:
        raise DumpError(
            "Somebody stays connected to the database that is to be replaced, so nothing was"
            " changed. End what uses it, and run daybook restore again."
        ) from None
    finally:
        ended.set()
        thread.join()
    # asked now, since a webhook may have been recorded while the backup was restored
    if backups.holds_events(server.url_of("postgres", kept)):
        return kept
    _drop(maintenance, kept)
    return None


def _disconnect(maintenance: str, ended: Event) -> None:
    """End connections to the served database again and again, while it is renamed."""
    with bulk_connection(maintenance) as conn:
        while True:
            conn.execute(statements.text("server/restore/disconnect"), {"name": DATABASE})
            if ended.wait(_PAUSE_SECONDS):
                return


def _drop(maintenance: str, name: str) -> None:
    try:
        _execute(maintenance, "server/restore/drop", database=name)
    except ObjectInUse:
        raise DumpError("Another daybook restore is running in this data directory.") from None


def _execute(url: str, statement: str, **names: str) -> None:
    with bulk_connection(url) as conn:
        parts = {key: Identifier(name) for key, name in names.items()}
        conn.execute(statements.fill(statement, **parts))
