"""The message and exit status for every error that a command can meet in operation.

A message says what is wrong, then what to do. Only a defect of ours has a traceback, in a file.
"""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from service.cli.app import DEBUG, DEFECT, FAILED, REFUSED
from service.telemetry.sanitize import sanitize_text
from service.telemetry.tracebacks import format_error

if TYPE_CHECKING:
    import psycopg

    from service.problems import Problem


class Report(Struct, frozen=True):
    """The message for an error, and the exit status of the process."""

    text: str
    status: int = FAILED


def report(error: Exception) -> Report:
    """The report on any error."""
    for member in _members(error):
        for kind in type(member).__mro__:
            if explain := EXPLANATIONS.get(f"{kind.__module__}.{kind.__qualname__}"):
                explained = explain(member)
                return Report(sanitize_text(explained.text), explained.status)
    return _defect(error)


def _members(error: BaseException) -> Iterator[BaseException]:
    yield error
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _members(member)


def _defect(error: Exception) -> Report:
    text = format_error(error)
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="daybook-traceback-", suffix=".txt", delete=False, errors="replace"
        ) as file:
            file.write(text)
        place = f"The traceback is in {file.name}."
    except OSError:
        place = f"Run it again with {DEBUG}=1 for the traceback."
    summary = sanitize_text(text.rstrip().splitlines()[-1])
    return Report(f"Unexpected error, a defect of Daybook: {summary}. {place}", DEFECT)


def _own_text(error: BaseException) -> Report:
    return Report(str(error))


def _damaged(error: BaseException) -> Report:
    return Report(str(error), REFUSED)


def _refused(error: BaseException) -> Report:
    return Report(f"Refused: {error}", REFUSED)


def _problem(error: "Problem") -> Report:
    return Report(error.detail, REFUSED)


def _insufficient_privilege(error: "psycopg.Error") -> Report:
    return Report(f"{_primary(error)}. To grant it, run `daybook migrate` with --owner.")


def _no_schema(_: BaseException) -> Report:
    return Report("This database has no schema yet. Run `daybook migrate` or `daybook serve`.")


def _schema_mismatch(error: "psycopg.Error") -> Report:
    return Report(
        f"The schema of this database is of another version of Daybook ({_primary(error)})."
        " Run `daybook migrate`. A database from before the first release cannot be migrated:"
        " create a new one, and let the provider send the webhooks again."
    )


def _corrupted(error: "psycopg.Error") -> Report:
    return Report(
        f"PostgreSQL reports that its files are damaged: {_primary(error)}. The usual causes are a"
        " failing disk and an incomplete copy of the files. Stop the service, keep a copy of the"
        " data directory, check the disk, and restore the last backup. If only a read model is"
        " damaged, run `daybook rebuild`."
    )


def _read_only(error: "psycopg.Error") -> Report:
    return Report(f"{_primary(error)}. DAYBOOK_DATABASE_URL must name the primary, not a standby.")


def _primary(error: "psycopg.Error") -> str:
    # its detail would quote rows
    return f"{error.diag.message_primary or type(error).__name__} (SQLSTATE {error.sqlstate})"


_FULL = "All its connections are in use: raise max_connections, or run fewer --workers."

_ADVICE = (
    ("connection slots", _FULL),
    ("too many clients", _FULL),
    ("password authentication failed", "Check the user and the password in DAYBOOK_DATABASE_URL."),
    ("no password supplied", "DAYBOOK_DATABASE_URL needs a password."),
    ("not permitted to log in", "Let it log in (ALTER ROLE … LOGIN), or name another role."),
    ("no pg_hba.conf entry", "Allow it in the server's pg_hba.conf."),
    (
        'role "',
        "Run `daybook migrate` with DAYBOOK_OWNER_URL, which creates it, or name another one.",
    ),
    ('database "', "Create it with createdb, or name another in DAYBOOK_DATABASE_URL."),
    ("translate host name", "Check the host in DAYBOOK_DATABASE_URL."),
    ("resolve host", "Check the host in DAYBOOK_DATABASE_URL."),
    ("refused", "Is PostgreSQL running there? Check host and port in DAYBOOK_DATABASE_URL."),
    ("No such file", "Is PostgreSQL running there? Check the host in DAYBOOK_DATABASE_URL."),
    ("", "Check DAYBOOK_DATABASE_URL, and that PostgreSQL can be reached from here."),
)
"""What to do about a failed connection, by a part of its text; the first match counts."""


def _no_database(error: "psycopg.Error") -> Report:
    if error.sqlstate is not None:
        lost = error.sqlstate.startswith(("08", "57P"))
        event = "Lost the connection to the database" if lost else "The database reported an error"
        return Report(f"{event}: {_primary(error)}. Try again.")
    reason, *_ = " ".join(str(error).split()).partition(" Multiple connection attempts failed")
    # the advice asks the same as the driver's hint
    reason, *_ = reason.partition(" Is the server running ")
    reason = reason.removeprefix("connection failed: ").rstrip(".")
    advice = next(advice for part, advice in _ADVICE if part in _without_address(reason))
    return Report(f"Cannot connect to the database: {reason}. {advice}")


def _without_address(reason: str) -> str:
    """The reason without the server's address, which may contain any word."""
    return reason.rpartition("FATAL: ")[2].rpartition(" failed: ")[2]


def _invalid_url(error: BaseException) -> Report:
    return Report(f"--to: {error}")


def _unreachable(error: BaseException) -> Report:
    return Report(f"Cannot reach the service: {error}. Is it running, and is --to its URL?")


_FILE_ADVICE = {
    errno.ENOSPC: "Free some space, or set TMPDIR to a directory with more space.",
    errno.EDQUOT: "Free some space, or set TMPDIR to a directory with more space.",
    errno.EROFS: "Choose a directory on a writable file system.",
    errno.EMFILE: "Raise the limit on open files (ulimit -n).",
    errno.ENFILE: "Raise the system's limit on open files.",
    errno.ENOMEM: "Free some memory.",
}


def _file(error: OSError) -> Report:
    if "usable temporary directory" in str(error):
        return Report("No temporary directory is writable. Set TMPDIR to one that is.")
    name = f"{error.filename}: " if error.filename else ""
    advice = _FILE_ADVICE.get(
        error.errno or 0, "Check that it exists and that this account may use it."
    )
    if (directory := os.environ.get("TMPDIR")) and str(error.filename).startswith(directory):
        advice = "Set TMPDIR to a writable directory with free space."
    return Report(f"{name}{error.strerror or error}. {advice}")


def _too_slow(_: BaseException) -> Report:
    return Report("The command timed out. Try again.")


_PLAIN = (
    "service.database.citus.UnsupportedCitusError",
    "service.database.connections.UnsupportedServerError",
    "service.database.dumps.DumpError",
    "service.database.accounts.EmbeddedError",
    "service.database.lease.LeaseTakenError",
    "service.errors.SettingsError",
    "service.provider.errors.ProviderError",
    "service.readmodels.errors.NoPreviousBuildError",
    "service.readmodels.errors.RebuildError",
    "service.readmodels.errors.UnfoldableStreamsError",
    "service.sandbox.client.SandboxError",
    "service.sandbox.errors.ApiError",
    "service.store.backups.BackupError",
    "service.store.migrations.SchemaError",
    "service.store.roles.RoleError",
    "service.telemetry.tracing.TracesUnavailableError",
)
"""Errors whose own text is the message."""

EXPLANATIONS: Mapping[str, Callable[[Any], Report]] = dict.fromkeys(_PLAIN, _own_text) | {
    "service.cli.sending.RefusedError": _refused,
    "service.store.backups.DamagedError": _damaged,
    "service.problems.Problem": _problem,
    "httpx.UnsupportedProtocol": _invalid_url,
    "httpx.InvalidURL": _invalid_url,
    "httpx.HTTPError": _unreachable,
    "psycopg.errors.InsufficientPrivilege": _insufficient_privilege,
    "psycopg.errors.UndefinedTable": _no_schema,
    "psycopg.errors.InvalidSchemaName": _no_schema,
    "psycopg.errors.DataCorrupted": _corrupted,
    "psycopg.errors.IndexCorrupted": _corrupted,
    "psycopg.errors.ReadOnlySqlTransaction": _read_only,
    "psycopg.OperationalError": _no_database,
    "psycopg.InterfaceError": _no_database,
    "psycopg.errors.UndefinedColumn": _schema_mismatch,
    "psycopg.errors.UndefinedFunction": _schema_mismatch,
    "builtins.TimeoutError": _too_slow,
    "builtins.OSError": _file,
}
"""How each error is explained; of an error's classes the most special one counts.

By name, so that no command loads the libraries of others.
"""
