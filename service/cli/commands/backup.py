"""``daybook backup``: the database in one file."""

from datetime import UTC
from pathlib import Path
from typing import Annotated

import typer

from service.cli.app import app
from service.cli.building import bars
from service.cli.options import ERR, OUT, Config, DataDir, existing_database
from service.proof.keys import FILE as SIGNING_KEY
from service.settings import CONFIG_NAME, Settings, find_config, load
from service.store import backups


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that does not exist yet.")],
    *,
    with_secrets: Annotated[
        bool,
        typer.Option(
            "--with-secrets",
            help="Also save the configuration file, with its webhook secrets and API keys of the"
            " provider, and the signing key. Keep such a file as you keep them.",
        ),
    ] = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Save the database in one file, while `daybook serve` runs.

    The file has all events, checkpoints and what else is in the store; `daybook restore` makes the
    read models from the events. Only this account can read it. It is a ZIP archive whose
    database.dump pg_restore accepts. It is personal data: it has what your customers entered.

    Without --with-secrets, neither the configuration file nor the signing key is in it. Values that
    the environment sets, and the passwords of database roles, are never in it.

    Exit status: 0 the file is complete, 2 it was not made.
    """
    settings = load(config, data_dir=data_dir)
    secrets = _secrets(settings, config) if with_secrets else {}
    with existing_database(settings) as url, bars() as show:
        manifest = backups.write(url, file, secrets, show)
    for book, end in manifest.books.items():
        OUT.print(f"{book}: saved up to position {end.position}.", soft_wrap=True)
    at = manifest.made_at.astimezone(UTC)
    size = file.stat().st_size / (1 << 20)
    OUT.print(f"{file}: {size:.1f} MiB, as of {at:%Y-%m-%d %H:%M:%S} UTC.", soft_wrap=True)
    if secrets:
        OUT.print(f"SECRETS are in it, readable: {', '.join(secrets)}.", soft_wrap=True)
    else:
        ERR.print(
            f"Not in it: {CONFIG_NAME} with the secrets, and the signing key. Keep them elsewhere,"
            " or add --with-secrets.",
            soft_wrap=True,
        )


def _secrets(settings: Settings, config: Path | None) -> dict[str, bytes]:
    """The files with secrets that this installation has."""
    paths = {SIGNING_KEY: settings.data_dir / SIGNING_KEY}
    if path := find_config(config, settings.data_dir):
        paths[CONFIG_NAME] = path
    if settings.signing_key is not None:
        del paths[SIGNING_KEY]
    return {name: path.read_bytes() for name, path in paths.items() if path.exists()}
