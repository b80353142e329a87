"""``daybook keys``: API keys, each of one book."""

import sys
from typing import Annotated

import typer

from service import keys, screens
from service.cli import ERR, OUT, BookName, Config, DataDir, SomeBook, ask, the_book
from service.migrations import migrate
from service.postgres import Connection
from service.settings import load

app = typer.Typer(help="API keys: each opens one book.", no_args_is_help=True)


@app.command("create")
def create(book: BookName, config: Config = None, data_dir: DataDir = None) -> None:
    """Make an API key of a book and print it, alone on its line. It is not shown again."""
    settings = load(config, data_dir=data_dir)
    the_book(settings, book)

    async def made(conn: Connection) -> str:
        await migrate(conn)
        return await keys.create(conn, book)

    sys.stdout.write(ask(settings, made) + "\n")


@app.command("list")
def listed(book: SomeBook = None, config: Config = None, data_dir: DataDir = None) -> None:
    """All keys, open and revoked; never the keys themselves."""
    screens.keys(OUT, ask(load(config, data_dir=data_dir), lambda c: keys.listed(c, book)))


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The id, as `daybook keys list` shows it.")],
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Close a key for ever. Exit 1 if no open key has this id."""
    if not ask(load(config, data_dir=data_dir), lambda c: keys.revoke(c, key_id)):
        ERR.print(f"No open key has the id {key_id}.")
        raise typer.Exit(1)
    OUT.print(f"Revoked {key_id}.")
