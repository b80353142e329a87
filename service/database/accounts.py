"""The account that runs the private PostgreSQL where we are root: PostgreSQL refuses to be root.

An account of its own is made once, where the system can do so. Where it cannot, one that is there
already serves. A store that exists is always run by its owner.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import structlog
from msgspec import Struct

ACCOUNT = "daybook"
"""The system account that is made."""

_OTHERS = ("postgres", "nobody")
"""Accounts that serve where none can be made."""

_SYSTEM_DIRS = "/usr/sbin:/sbin"  # which root's PATH may lack, as in a cron job

_COMMANDS = (
    ("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin"),
    ("adduser", "-S", "-D", "-H", "-s", "/sbin/nologin"),  # BusyBox, as on Alpine
)

_log = structlog.get_logger(__name__)


class EmbeddedError(Exception):
    """The private PostgreSQL cannot be run here; the text says what to do."""


class Account(Struct, frozen=True):
    """An account of the system that is not root's."""

    name: str
    uid: int
    gid: int


def account_for(pgdata: Path) -> Account | None:
    """Which account runs the server of a store, or None where it is our own.

    Raises:
        EmbeddedError: if we are root, and there is no account and none can be made.
    """
    if os.geteuid() != 0:
        return None
    if pgdata.exists() and (owner := pgdata.stat()).st_uid != 0:
        return Account(_name(owner.st_uid), owner.st_uid, owner.st_gid)
    return _known(ACCOUNT) or _create() or _other()


def run_as(
    account: Account | None,
    command: Sequence[str | Path],
    output: IO[bytes] | int = subprocess.DEVNULL,
    env: Mapping[str, str] | None = None,
) -> int:
    """Run a command as an account, or as ourselves; its exit status.

    Not through pipes: a server that it starts would inherit them, and we would wait for its end.

    Raises:
        EmbeddedError: if we are root but may not become the account.
    """
    try:
        return subprocess.run(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            check=False,
            env=env,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        ).returncode
    except OSError as error:
        # the name is that of the working directory, or none, where no command was begun
        if account is None or error.filename not in {None, "/"}:
            raise
        # a container without the capability, or whose only account is root's
        raise EmbeddedError(
            f"PostgreSQL does not run as root, and root may not become {account.name} here:"
            " run daybook as an ordinary user, or set DAYBOOK_DATABASE_URL to a PostgreSQL of"
            " yours."
        ) from error


def can_read(account: Account | None, paths: Sequence[Path]) -> bool:
    """Whether an account can read files, or open directories, as the system itself decides."""
    script = 'for path; do test -r "$path" || test -x "$path" || exit 1; done'
    return account is None or run_as(account, ["/bin/sh", "-c", script, "sh", *paths]) == 0


def _known(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _create() -> Account | None:
    path = f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_DIRS}"
    for name, *options in _COMMANDS:
        found = shutil.which(name, path=path)
        if found and run_as(None, [found, *options, ACCOUNT]) == 0 and (made := _known(ACCOUNT)):
            _log.warning("system account created", account=ACCOUNT, reason="runs PostgreSQL")
            return made
    return None


def _other() -> Account:
    for name in _OTHERS:
        if account := _known(name):
            _log.warning("system account shared", account=name, reason="none could be created")
            return account
    raise EmbeddedError(
        f"PostgreSQL does not run as root, and no account {ACCOUNT!r} could be made: make one"
        f" (useradd --system {ACCOUNT}, or adduser -S {ACCOUNT}), run daybook as an ordinary user,"
        " or set DAYBOOK_DATABASE_URL to a PostgreSQL of yours."
    )
