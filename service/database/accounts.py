"""The system account of the private PostgreSQL, which refuses to run as root.

If Daybook runs as root, it creates an account once; if the system cannot, it shares an existing
one. An existing store is always run by its owner.
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
"""The name of the system account that is created."""

_OTHERS = ("postgres", "nobody")
"""Accounts to share if none can be created."""

_SYSTEM_DIRS = "/usr/sbin:/sbin"  # root's PATH may lack them, for instance in a cron job

_COMMANDS = (
    ("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin"),
    ("adduser", "-S", "-D", "-H", "-s", "/sbin/nologin"),  # BusyBox, on Alpine
)

_log = structlog.get_logger(__name__)


class EmbeddedError(Exception):
    """The private PostgreSQL cannot run on this machine; the text says what to do."""


class Account(Struct, frozen=True):
    """A system account other than root."""

    name: str
    uid: int
    gid: int


def account_for(pgdata: Path) -> Account | None:
    """The account that runs a store's server; None for the current account.

    Raises:
        EmbeddedError: if the current account is root, and no other can be found or created.
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
    """Run a command as an account, by default the current one, and return its exit status.

    Output does not go through pipes: a server started by the command would inherit them, and this
    call would wait until that server ends.

    Raises:
        EmbeddedError: if the current account is root, but may not become the account.
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
        # without a filename, or with that of the working directory, no command was started
        if account is None or error.filename not in {None, "/"}:
            raise
        # a container without the capability, or whose only account is root's
        raise EmbeddedError(
            f"PostgreSQL does not run as root, and root may not become {account.name} here."
            " Run daybook as an ordinary user, or set DAYBOOK_DATABASE_URL to your own PostgreSQL."
        ) from error


def can_read(account: Account | None, paths: Sequence[Path]) -> bool:
    """Whether an account can read the files, or enter the directories, at ``paths``."""
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
        command = shutil.which(name, path=path)
        created = command and run_as(None, [command, *options, ACCOUNT]) == 0
        if created and (account := _known(ACCOUNT)):
            _log.warning("system account created", account=ACCOUNT, reason="runs PostgreSQL")
            return account
    return None


def _other() -> Account:
    for name in _OTHERS:
        if account := _known(name):
            _log.warning("system account shared", account=name, reason="none could be created")
            return account
    raise EmbeddedError(
        f"PostgreSQL does not run as root, and no account {ACCOUNT!r} could be created. Create one"
        f" (useradd --system {ACCOUNT}, or adduser -S {ACCOUNT}), run daybook as an ordinary user,"
        " or set DAYBOOK_DATABASE_URL to your own PostgreSQL."
    )
