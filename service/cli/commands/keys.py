"""``daybook keys``: API keys, each for one book."""

import sys
from typing import Annotated, get_args

import typer

from service.cli import screens
from service.cli.app import app
from service.cli.options import (
    ERR,
    OUT,
    BookName,
    Config,
    DataDir,
    Reason,
    SomeBook,
    act_of,
    ask,
    the_book,
)
from service.database.connections import Connection
from service.settings import SettingsError, load
from service.store import api_keys
from service.store.api_keys import Scope
from service.store.migrations import migrate

_ID_LENGTH = 8

SCOPES: tuple[Scope, ...] = get_args(Scope)

keys = typer.Typer(help="API keys: each for one book, with some scopes.", no_args_is_help=True)
app.add_typer(keys, name="keys")


@keys.command()
def create(  # noqa: PLR0913, PLR0917 - one parameter a flag
    book: BookName,
    scope: Annotated[
        str, typer.Option(help=f"Any of {', '.join(SCOPES)}, separated by commas.")
    ] = "read",
    label: Annotated[str | None, typer.Option(help="Its owner, or its purpose.")] = None,
    reason: Reason = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Create an API key of a book and print it on a line of its own. It is never shown again.

    To rotate a key, create another one, deploy it, and revoke the old one when `keys list` shows
    that it is no longer used.
    """
    settings = load(config, data_dir=data_dir)
    the_book(settings, book)
    scopes = _scopes(scope)

    async def create_key(conn: Connection) -> str:
        await migrate(conn)
        return await api_keys.create(conn, book, scopes, label, act_of(reason))

    sys.stdout.write(ask(settings, create_key) + "\n")


@keys.command("list")
def list_keys(book: SomeBook = None, config: Config = None, data_dir: DataDir = None) -> None:
    """List all keys, valid and revoked, without their secrets."""
    rows = ask(load(config, data_dir=data_dir), lambda conn: api_keys.list_keys(conn, book))
    screens.keys(OUT, rows)


@keys.command()
def revoke(
    key: Annotated[
        str, typer.Argument(metavar="ID", help="The id, as `keys list` shows it; or the key.")
    ],
    reason: Reason = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Revoke a key for good; it takes a few seconds. Exit status 1 if no valid key has this id."""
    identity = api_keys.id_of(key) or key
    # anything longer than an id may be most of a key: it is not repeated
    shown = identity if len(identity) <= _ID_LENGTH else "that was given"
    act = act_of(reason)
    if not ask(load(config, data_dir=data_dir), lambda conn: api_keys.revoke(conn, identity, act)):
        ERR.print(f"No open key has the id {shown}.")
        raise typer.Exit(1)
    OUT.print(f"Revoked {shown}.")


def _scopes(option: str) -> list[Scope]:
    names = {name.strip() for name in option.split(",")}
    if unknown := sorted(names - set(SCOPES)):
        raise SettingsError(
            f"--scope: {unknown[0]!r} is not a scope. Use any of {', '.join(SCOPES)}."
        )
    return [scope for scope in SCOPES if scope in names]
