"""``daybook restore``: a database from a backup."""

from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Annotated

import typer

from service.cli.app import app
from service.cli.building import bars
from service.cli.commands.migrate import service_role
from service.cli.options import OUT, Config, DataDir, check_data_dir
from service.database import binaries, older
from service.proof.keys import FILE as SIGNING_KEY
from service.proof.keys import write_durably
from service.server import restoring
from service.server.restoring import Restored, Source, Target
from service.setting_checks import database_url_fault
from service.settings import CONFIG_NAME, Settings, SettingsError, load
from service.store import backups
from service.store.backups import Progress


@app.command()
def restore(  # noqa: PLR0913 - one parameter a flag
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="What daybook backup wrote; or the data directory of an older PostgreSQL, which no"
            " server uses.",
        ),
    ],
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Only read the whole file and see that it is complete.")
    ] = False,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Replace a private database that has events. It is kept under another name.",
        ),
    ] = False,
    complete: Annotated[
        bool,
        typer.Option(
            "--complete",
            help="Nothing was recorded after the backup, as in a move to another host: the books"
            " are signed on under their old names. Without it, each begins a new origin.",
        ),
    ] = False,
    owner: Annotated[
        str | None,
        typer.Option(
            envvar="DAYBOOK_OWNER_URL",
            show_default=False,
            help="The URL of your own, empty database as the role that shall own the schema; see"
            " daybook migrate.",
        ),
    ] = None,
    programs: Annotated[
        Path | None,
        typer.Option(help="The directory of the older PostgreSQL's programs, such as pg_ctl."),
    ] = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Restore a backup, make the read models, and switch to it; `daybook serve` may be running.

    The private database is replaced at once when all is ready: until then it serves as before, and
    if anything fails, nothing has changed. A database of your own must be empty. Files with secrets
    that the backup has are written to the data directory, unless they are there.

    Webhooks that were acknowledged after the backup are missing. `daybook doctor` says since when,
    and how to get them again.

    Exit status: 0 restored, 1 the file is damaged or not a backup, 2 it could not be restored.
    """
    settings = load(config, data_dir=data_dir)
    if check:
        with bars() as show:
            manifest = backups.check(source, show)
        for book, end in manifest.books.items():
            OUT.print(f"{book}: up to position {end.position}.", soft_wrap=True)
        OUT.print(f"{source} is complete. PostgreSQL {manifest.postgresql}, {manifest.made_at}.")
        return
    with ExitStack() as stack:
        show = stack.enter_context(bars())
        if older.is_data_directory(source):
            given = stack.enter_context(_from_directory(settings, source, programs, show))
            # a whole directory of a stopped server has all that was ever signed
            complete = True
        else:
            given = restoring.from_file(source, show)
            _write_secrets(settings, source)
            settings = load(config, data_dir=data_dir)
        if settings.database_url is None:
            check_data_dir(settings.data_dir)
            restored = restoring.into_private(
                settings, given, show, complete=complete, replace=replace
            )
        else:
            target = _target(settings, owner)
            restored = restoring.into_own(settings, target, given, show, complete=complete)
    _report(settings, restored)


def _from_directory(
    settings: Settings, path: Path, programs: Path | None, progress: Progress
) -> AbstractContextManager[Source]:
    if path.resolve() == (settings.data_dir / "postgres").resolve():
        raise SettingsError(f"Move {path} away first, for example to {path}-old.")
    if settings.database_url is not None:
        raise SettingsError(
            "A data directory is restored into the private PostgreSQL only. For a server of your"
            " own, use pg_dumpall or pg_upgrade."
        )
    return restoring.from_directory(path, programs, int(binaries.major()), progress)


def _write_secrets(settings: Settings, path: Path) -> None:
    """Write the files with secrets that a backup has to the data directory, if they are absent."""
    for name, content in backups.read_secrets(path).items():
        target = settings.data_dir / name
        if name not in {SIGNING_KEY, CONFIG_NAME}:
            continue
        if target.exists():
            if target.read_bytes() != content:
                OUT.print(f"{target} is kept; the backup has another one.", soft_wrap=True)
            continue
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(target, content)
        OUT.print(f"{target} was written from the backup.", soft_wrap=True)


def _target(settings: Settings, owner: str | None) -> Target:
    assert settings.database_url is not None, "the caller has looked"  # noqa: S101
    service = settings.database_url.get_secret_value()
    if owner is None:
        return Target(service, service)
    if fault := database_url_fault(owner):
        raise SettingsError(f"--owner: {fault}")
    role, password = service_role(settings)
    return Target(owner, service, role, password)


def _report(settings: Settings, restored: Restored) -> None:
    for book, end in restored.ends.items():
        OUT.print(f"{book}: restored up to position {end.position}.", soft_wrap=True)
    for book, origin in restored.origins.items():
        OUT.print(f"{book}: signed as {origin} from now on.", soft_wrap=True)
    if restored.kept:
        psql = (binaries.installed() or Path()) / "psql"
        socket = settings.data_dir / "postgres"
        OUT.print(f"The database before it is kept as {restored.kept}. To drop it:", soft_wrap=True)
        OUT.print(
            f"  {psql} --host={socket} --username=postgres postgres"
            f" -c 'drop database {restored.kept}'",
            soft_wrap=True,
        )
    OUT.print("Run daybook doctor: it says which webhooks are missing, and how to get them again.")
