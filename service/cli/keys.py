"""``daybook keys``: API keys, each of one book."""

import sys
from typing import Annotated, get_args

import typer

from service.cli import screens
from service.cli.options import ERR, OUT, BookName, Config, DataDir, SomeBook, ask, the_book
from service.database.connections import Connection
from service.settings import SettingsError, load
from service.store import api_keys
from service.store.api_keys import Scope
from service.store.migrations import migrate

_ID_LENGTH = 8

SCOPES: tuple[Scope, ...] = get_args(Scope)

app = typer.Typer(help="API keys: each opens one book, for some scopes.", no_args_is_help=True)


@app.command("create")
def create(
    book: BookName,
    scope: Annotated[
        str, typer.Option(help=f"Some of {', '.join(SCOPES)}, separated by commas.")
    ] = "read",
    label: Annotated[str | None, typer.Option(help="Whose it is, or what it is for.")] = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Make an API key of a book and print it, alone on its line. It is not shown again.

    To rotate a key make another one, put it in place, and revoke the old one when `keys list` shows
    that it is used no more.
    """
    settings = load(config, data_dir=data_dir)
    the_book(settings, book)
    scopes = _scopes(scope)

    async def made(conn: Connection) -> str:
        await migrate(conn)
        return await api_keys.create(conn, book, scopes, label)

    sys.stdout.write(ask(settings, made) + "\n")


@app.command("list")
def listed(book: SomeBook = None, config: Config = None, data_dir: DataDir = None) -> None:
    """All keys, open and revoked; never the keys themselves."""
    screens.keys(OUT, ask(load(config, data_dir=data_dir), lambda c: api_keys.list_keys(c, book)))


@app.command("revoke")
def revoke(
    key: Annotated[
        str, typer.Argument(metavar="ID", help="The id, as `keys list` shows it; or the key.")
    ],
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Close a key for ever, within seconds. Exit 1 if no open key has this id."""
    identity = api_keys.id_of(key) or key
    # what is not an id may be the better part of a key: it is not repeated
    shown = identity if len(identity) <= _ID_LENGTH else "that was given"
    if not ask(load(config, data_dir=data_dir), lambda c: api_keys.revoke(c, identity)):
        ERR.print(f"No open key has the id {shown}.")
        raise typer.Exit(1)
    OUT.print(f"Revoked {shown}.")


def _scopes(given: str) -> list[Scope]:
    names = {name.strip() for name in given.split(",")}
    if unknown := sorted(names - set(SCOPES)):
        raise SettingsError(
            f"--scope: {unknown[0]!r} is not a scope. Use some of {', '.join(SCOPES)}."
        )
    return [scope for scope in SCOPES if scope in names]
