"""What the command line says of an error: a sentence with what to do, and the exit status.

Every error that a command may meet in operation has one here; a traceback is for defects alone, and
goes to a file.
"""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator

import httpx
import psycopg
from msgspec import Struct
from psycopg import errors
from psycopg_pool import PoolTimeout

from service.cli.send import RefusedError
from service.database.connections import UnsupportedServerError
from service.database.embedded import EmbeddedError
from service.database.lease import LeaseTakenError
from service.problems import Problem
from service.readmodels.errors import NoPreviousBuildError, RebuildError, UnfoldableStreamsError
from service.settings import SettingsError
from service.store.migrations import SchemaError
from service.store.roles import RoleError
from service.telemetry.sanitize import sanitize_text
from service.telemetry.tracebacks import format_error
from service.telemetry.tracing import TracesUnavailableError

REFUSED = 1
"""What was asked for was found wanting: refused, not there, or different."""

FAILED = 2
"""It could not be done: the command, the configuration or the surroundings are wrong."""

DEFECT = 70
"""A defect of Daybook's own; ``EX_SOFTWARE`` of ``sysexits.h``."""

_DEBUG = "DAYBOOK_DEBUG"


class Report(Struct, frozen=True):
    """What is said of an error, and what the process exits with."""

    text: str
    status: int = FAILED


def debugging() -> bool:
    """Whether tracebacks are shown: with ``--debug``, or ``DAYBOOK_DEBUG`` set."""
    return os.environ.get(_DEBUG, "0") not in {"", "0"}


def debug() -> None:
    """Show tracebacks from now on, in the processes that are started too."""
    os.environ[_DEBUG] = "1"


def report(error: Exception) -> Report:
    """The sentence for an error, whatever it is."""
    for one in _members(error):
        for kind, explain in _EXPLANATIONS:
            if isinstance(one, kind):
                found = explain(one)
                return Report(sanitize_text(found.text), found.status)
    return _defect(error)


def _members(error: BaseException) -> Iterator[BaseException]:
    yield error
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _members(one)


def _defect(error: Exception) -> Report:
    text = format_error(error)
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="daybook-traceback-", suffix=".txt", delete=False, errors="replace"
        ) as file:
            file.write(text)
        where = f"The traceback is in {file.name}."
    except OSError:
        where = f"Run it again with {_DEBUG}=1 for the traceback."
    said = sanitize_text(text.rstrip().splitlines()[-1])
    return Report(f"Unexpected error, a defect of Daybook: {said}. {where}", DEFECT)


def _as_it_says(error: BaseException) -> Report:
    return Report(str(error))


def _refused(error: BaseException) -> Report:
    return Report(f"Refused: {error}", REFUSED)


def _problem(error: BaseException) -> Report:
    assert isinstance(error, Problem)  # noqa: S101 - as the table says
    return Report(error.detail, REFUSED)


def _not_allowed(error: BaseException) -> Report:
    return Report(f"{_primary(error)}: run `daybook migrate` with --owner.")


def _no_schema(_: BaseException) -> Report:
    return Report("This database has no schema yet: `daybook migrate`, or `daybook serve`.")


def _other_schema(error: BaseException) -> Report:
    return Report(
        f"The schema of this database is that of another version of Daybook ({_primary(error)})."
        " Run `daybook migrate`. A database of a version before the first release cannot be"
        " brought up to date: make a new one, and have the webhooks sent again."
    )


def _corrupted(error: BaseException) -> Report:
    return Report(
        f"PostgreSQL finds its files damaged: {_primary(error)}. Part of the data cannot be read;"
        " most often a disk or a copy of the files is at fault. Stop the service, keep a copy of"
        " the data directory, check the disk, and restore the last backup. Where only a read model"
        " is damaged, `daybook rebuild` builds it again."
    )


def _read_only(error: BaseException) -> Report:
    return Report(f"{_primary(error)}: DAYBOOK_DATABASE_URL must name the primary, not a standby.")


def _database_says(error: BaseException) -> Report:
    return Report(f"The database could not do it: {_primary(error)}.")


def _primary(error: BaseException) -> str:
    # its detail would quote rows
    assert isinstance(error, psycopg.Error)  # noqa: S101 - as the table says
    return f"{error.diag.message_primary or type(error).__name__} (SQLSTATE {error.sqlstate})"


_FULL = "All its connections are in use: raise max_connections, or run fewer --workers."

_ADVICE = (
    ("connection slots", _FULL),
    ("too many clients", _FULL),
    ("password authentication failed", "Check the user and the password in DAYBOOK_DATABASE_URL."),
    ("no password supplied", "DAYBOOK_DATABASE_URL needs a password."),
    ("not permitted to log in", "Let it log in (ALTER ROLE … LOGIN), or name another role."),
    ("no pg_hba.conf entry", "Allow it in the server's pg_hba.conf."),
    ('role "', "Create the role, or name another in DAYBOOK_DATABASE_URL."),
    ('database "', "Create it with createdb, or name another in DAYBOOK_DATABASE_URL."),
    ("translate host name", "Check the host in DAYBOOK_DATABASE_URL."),
    ("resolve host", "Check the host in DAYBOOK_DATABASE_URL."),
    ("refused", "Is PostgreSQL running there? Check host and port in DAYBOOK_DATABASE_URL."),
    ("No such file", "Is PostgreSQL running there? Check the host in DAYBOOK_DATABASE_URL."),
    ("", "Check DAYBOOK_DATABASE_URL, and that PostgreSQL can be reached from here."),
)
"""What to do, by what the text of a failed connection contains; the first that fits."""


def _no_database(error: BaseException) -> Report:
    if isinstance(error, psycopg.Error) and error.sqlstate is not None:
        lost = error.sqlstate.startswith(("08", "57P"))
        said = "The connection to the database was lost" if lost else "The database could not do it"
        return Report(f"{said}: {_primary(error)}. Try again.")
    said, *_ = " ".join(str(error).split()).partition(" Multiple connection attempts failed")
    said = said.removeprefix("connection failed: ").rstrip(".")
    advice = next(advice for part, advice in _ADVICE if part in _of_interest(said))
    return Report(f"Cannot connect to the database: {said}. {advice}")


def _of_interest(said: str) -> str:
    """What a server said, without the address, which may contain any word."""
    return said.rpartition("FATAL: ")[2].rpartition(" failed: ")[2]


def _bad_target(error: BaseException) -> Report:
    return Report(f"--to: {error}")


def _no_answer(error: BaseException) -> Report:
    return Report(f"Cannot reach the service: {error}. Is it running, and is --to its URL?")


_FILE_ADVICE = {
    errno.ENOSPC: "Free some space, or set TMPDIR to a directory that has more.",
    errno.EDQUOT: "Free some space, or set TMPDIR to a directory that has more.",
    errno.EROFS: "Choose a directory on a file system that can be written to.",
    errno.EMFILE: "Raise the limit of open files (ulimit -n).",
    errno.ENFILE: "Raise the system's limit of open files.",
    errno.ENOMEM: "Free some memory.",
}


def _file(error: BaseException) -> Report:
    assert isinstance(error, OSError)  # noqa: S101 - as the table says
    if "usable temporary directory" in str(error):
        return Report("No temporary directory can be written to. Set TMPDIR to one that can.")
    name = f"{error.filename}: " if error.filename else ""
    advice = _FILE_ADVICE.get(error.errno or 0, "Check that it is there, and who may use it.")
    if (given := os.environ.get("TMPDIR")) and str(error.filename).startswith(given):
        advice = "Set TMPDIR to a directory that can be written to, with some space."
    return Report(f"{name}{error.strerror or error}. {advice}")


def _too_slow(_: BaseException) -> Report:
    return Report("It took too long. Try again.")


_PLAIN = (
    EmbeddedError,
    LeaseTakenError,
    NoPreviousBuildError,
    RebuildError,
    RoleError,
    SchemaError,
    SettingsError,
    UnfoldableStreamsError,
    TracesUnavailableError,
    UnsupportedServerError,
)
"""Errors whose text is the sentence."""

_Kinds = type[BaseException] | tuple[type[BaseException], ...]

_EXPLANATIONS: tuple[tuple[_Kinds, Callable[[BaseException], Report]], ...] = (
    (_PLAIN, _as_it_says),
    (RefusedError, _refused),
    (Problem, _problem),
    ((httpx.UnsupportedProtocol, httpx.InvalidURL), _bad_target),
    (httpx.HTTPError, _no_answer),
    (errors.InsufficientPrivilege, _not_allowed),
    ((errors.UndefinedTable, errors.InvalidSchemaName), _no_schema),
    ((errors.DataCorrupted, errors.IndexCorrupted), _corrupted),
    (errors.ReadOnlySqlTransaction, _read_only),
    ((PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError), _no_database),
    ((errors.UndefinedColumn, errors.UndefinedFunction), _other_schema),
    (TimeoutError, _too_slow),
    (OSError, _file),
)
"""What is said of which error; the first row that fits."""
