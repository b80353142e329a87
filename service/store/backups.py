"""The file of a backup: a dump of the database, and a manifest that says what it must contain.

It is an ordinary ZIP archive, so that it can be used without Daybook too:

- ``database.dump``: what ``pg_dump`` wrote, for ``pg_restore``. The rows of the read models are not
  in it: it would take 1.6 times the space and the time. Made from the events when they are
  restored, they are also known to show what the events say.
- ``secrets/…``: files that the caller adds, if any
- ``manifest.json``: written last. It has the SHA-256 of the others, and the end of each book in the
  snapshot that was dumped

A damaged file, or one whose end is missing, is recognised before anything is restored from it.
"""

import os
import secrets
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import IO
from zipfile import BadZipFile, ZipFile

import msgspec
from msgspec import Struct
from psycopg import Connection, IsolationLevel
from psycopg.errors import InvalidSchemaName, UndefinedTable
from psycopg.rows import DictRow

from service.database.citus import is_clustered
from service.database.connections import bulk_connection
from service.database.dumps import dumping, programs
from service.database.statements import names, text

DUMP = "database.dump"
_MANIFEST = "manifest.json"
_SECRETS = "secrets/"
_FORMAT = 1
_CHUNK = 1 << 20
_POLL_SECONDS = 0.5
_MOST_BYTES = 1 << 20

WITHOUT_READ_MODELS = ("--exclude-table=read.*_v*", "--exclude-table-data=read.*")
"""Options of ``pg_dump`` that leave out the rows of what is made from the events."""

Progress = Callable[[str, int, int], None]
"""Called with a step, how much of it is done, and how much there is."""


class BackupError(Exception):
    """The file cannot be written, or is not a whole backup; the text says what to do."""


class DamagedError(BackupError):
    """The file is not a whole backup: damaged, cut off, or something else."""


class End(Struct, frozen=True):
    """Where a book ends: its last position, and the link there."""

    position: int
    link: str


class Manifest(Struct, frozen=True):
    """What a backup contains.

    Attributes:
        format: of the file.
        made_at: when it was made; it has what was recorded until then.
        daybook: the version that made it.
        postgresql: the major version of the server and of ``pg_dump``.
        migrations: those that were applied to the schema.
        books: the end of each book.
        files: the SHA-256 of the dump and of each secret.
    """

    format: int
    made_at: datetime
    daybook: str
    postgresql: int
    migrations: list[str]
    books: dict[str, End]
    files: dict[str, str]

    @property
    def secrets(self) -> list[str]:
        """The names of the files with secrets."""
        return [name.removeprefix(_SECRETS) for name in self.files if name.startswith(_SECRETS)]


def write(url: str, path: Path, files: Mapping[str, bytes], progress: Progress) -> Manifest:
    """Write a backup of a database that may be in use; only this account can read the file.

    Args:
        url: of the database, with a role that may read all of the store.
        path: a file that does not exist yet. It appears when it is whole.
        files: further ones, with secrets, by their names.
        progress: called with the events that were dumped.

    Raises:
        BackupError: if the file exists, or the database has no schema.
        DumpError: if the database cannot be dumped.
    """
    if path.exists():
        raise BackupError(f"{path} exists already. Choose another name.")
    with bulk_connection(url) as conn:
        if is_clustered(conn):
            raise BackupError(
                "This database is distributed by Citus: a dump would not be of one moment, since a"
                " snapshot is one of a single node. Back up all nodes of the cluster, with their"
                " WAL; see 'Citus' in service/README.md."
            )
        major = conn.info.server_version // 10_000
        directory = programs(major)
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        with conn.transaction():
            row = conn.execute(text("store/backup/snapshot")).fetchone() or {}
            applied = conn.execute(text("store/migrations_known")).fetchall()
            ends = ends_of(conn)
            options = (f"--snapshot={row['snapshot']}", *WITHOUT_READ_MODELS)
            with _appearing(path) as archive:
                with dumping(directory, url, *options) as dump:
                    copied = _dumped(
                        conn, dump, sum(end.position for end in ends.values()), progress
                    )
                    digests = {DUMP: _add(archive, DUMP, copied)}
                for name, content in files.items():
                    digests[_SECRETS + name] = _add(archive, _SECRETS + name, [content])
                manifest = Manifest(
                    _FORMAT, datetime.now(UTC), version("dodo-daybook"), major,
                    [row["name"] for row in applied], ends, digests,
                )  # fmt: skip
                archive.writestr(_MANIFEST, msgspec.json.encode(manifest))
    return manifest


def check(path: Path, progress: Progress) -> Manifest:
    """Read a whole backup, and see that nothing of it was changed since it was written.

    Raises:
        BackupError: if it is not a whole backup, or of a newer version of Daybook.
    """
    with _opened(path) as archive:
        manifest = _manifest(path, archive)
        if newer := {*manifest.migrations} - {*names("store/migrations")}:
            raise BackupError(
                f"{path} was made by Daybook {manifest.daybook}, which is newer: this version lacks"
                f" {', '.join(sorted(newer))}. Install that version, or a later one."
            )
        total = sum(info.file_size for info in archive.infolist())
        done = 0
        for name, expected in manifest.files.items():
            digest = sha256()
            with archive.open(name) as member:
                while part := member.read(_CHUNK):
                    digest.update(part)
                    done += len(part)
                    progress("check", done, total)
            if digest.hexdigest() != expected:
                raise DamagedError(f"{path} is damaged: {name} is not what was written.")
        progress("check", total, total)
        return manifest


def copy_dump(path: Path, target: IO[bytes], progress: Progress) -> None:
    """Write the dump of a backup to a stream."""
    with _opened(path) as archive, archive.open(DUMP) as dump:
        copy(dump, target, archive.getinfo(DUMP).file_size, progress)


def copy(source: IO[bytes], target: IO[bytes], total: int, progress: Progress) -> None:
    """Copy a stream; a total of 0 is not known."""
    done = 0
    while part := source.read(_CHUNK):
        target.write(part)
        done += len(part)
        progress("restore", done, total)


def read_secrets(path: Path) -> dict[str, bytes]:
    """The files with secrets that a backup has, by their names."""
    with _opened(path) as archive:
        return {name: archive.read(_SECRETS + name) for name in _manifest(path, archive).secrets}


def ends_of(conn: Connection[DictRow]) -> dict[str, End]:
    """The end of each book in a database."""
    rows = conn.execute(text("store/backup/ends")).fetchall()
    return {row["book"]: End(row["position"], row["link"]) for row in rows}


def holds_events(url: str) -> bool:
    """Whether a database has an event."""
    with bulk_connection(url) as conn:
        try:
            row = conn.execute(text("store/backup/holds")).fetchone()
        except (UndefinedTable, InvalidSchemaName):
            return False
        return bool(row and row["holds"])


def _dumped(
    conn: Connection[DictRow], dump: IO[bytes], total: int, progress: Progress
) -> Iterator[bytes]:
    """The parts of a dump, as they come; shows how many events are in them."""
    done, looked = 0, 0.0
    while part := dump.read(_CHUNK):
        yield part
        if time.monotonic() - looked > _POLL_SECONDS:
            looked = time.monotonic()
            conn.execute(text("store/backup/refresh"))
            row = conn.execute(text("store/backup/copied")).fetchone() or {}
            # other tables come after it
            done = max(done, row["events"])
            progress("dump", min(done, total), total)
    # a book without events is done too
    progress("dump", max(1, total), max(1, total))


def _add(archive: ZipFile, name: str, parts: Iterable[bytes]) -> str:
    """Add a file to an archive; its SHA-256."""
    digest = sha256()
    with archive.open(name, "w", force_zip64=True) as member:
        for part in parts:
            digest.update(part)
            member.write(part)
    return digest.hexdigest()


@contextmanager
def _appearing(path: Path) -> Iterator[ZipFile]:
    """An archive that appears under its name when it is whole, and is on the disk then."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w+b") as file:
            with ZipFile(file, "w") as archive:
                yield archive
            file.flush()
            os.fsync(file.fileno())
        # fails if somebody else has made one meanwhile
        os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _opened(path: Path) -> Iterator[ZipFile]:
    try:
        with ZipFile(path) as archive:
            yield archive
    except (BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise DamagedError(f"{path} is damaged, or not a backup: {error}.") from None


def _manifest(path: Path, archive: ZipFile) -> Manifest:
    try:
        if archive.getinfo(_MANIFEST).file_size > _MOST_BYTES:
            raise DamagedError(f"{path} is not a backup: its manifest is too long.")
        manifest = msgspec.json.decode(archive.read(_MANIFEST), type=Manifest)
        for name in manifest.files:
            archive.getinfo(name)
    except (KeyError, msgspec.MsgspecError) as error:
        raise DamagedError(f"{path} is not a backup of Daybook: {error}.") from None
    if manifest.format != _FORMAT or DUMP not in manifest.files:
        raise BackupError(
            f"{path} has the format {manifest.format} of Daybook {manifest.daybook}. Install that"
            " version, or a later one."
        )
    return manifest
