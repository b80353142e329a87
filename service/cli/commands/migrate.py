"""``daybook migrate``: the event store's schema and its two roles."""

import asyncio
from typing import Annotated

import typer
from psycopg.conninfo import conninfo_to_dict

from service.cli.app import app
from service.cli.options import OUT, Config, DataDir, ask
from service.setting_checks import database_url_fault
from service.settings import Settings, SettingsError, load
from service.store import roles


@app.command()
def migrate(
    owner: Annotated[
        str | None,
        typer.Option(
            envvar="DAYBOOK_OWNER_URL",
            show_default=False,
            help="The database's URL as the role that owns and migrates the schema; it needs"
            " CREATE on the database. The role of DAYBOOK_DATABASE_URL may then append events but"
            " never alter one. It is created if it does not exist; the owner then needs"
            " CREATEROLE.",
        ),
    ] = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Migrate the event store's schema; `serve` does this too where it has the rights.

    Without --owner, the role of DAYBOOK_DATABASE_URL both migrates and serves. It needs CREATE on
    the database, and only a trigger keeps it from altering events. `daybook status` shows which
    role is connected and what it lacks.
    """
    settings = load(config, data_dir=data_dir)
    if owner is None:
        migrated = ask(settings, roles.migrate_as_owner)
    else:
        if fault := database_url_fault(owner):
            raise SettingsError(f"--owner: {fault}")
        role, password = service_role(settings)
        try:
            migrated = asyncio.run(roles.set_up_role(owner, role, password))
        except roles.UnsuitableRoleError as error:
            raise SettingsError(str(error)) from None
        OUT.print(f"{role} may append events, and alter none.")
    done = [f"applied {name}" for name in migrated.applied]
    done += [f"distributed {name}" for name in migrated.distributed]
    OUT.print("\n".join(done) or "The schema is up to date.")


def service_role(settings: Settings) -> tuple[str, str | None]:
    """The role in ``DAYBOOK_DATABASE_URL``, and its password.

    Raises:
        SettingsError: if it names none.
    """
    url = settings.database_url.get_secret_value() if settings.database_url else ""
    parts = conninfo_to_dict(url)
    if not parts.get("user"):
        raise SettingsError(
            "--owner: DAYBOOK_DATABASE_URL names no role. Put the service's role into it."
        )
    password = parts.get("password")
    return str(parts["user"]), None if password is None else str(password)
