"""``daybook parked``: streams that could not be folded."""

from typing import Annotated

import typer

from service.cli import screens
from service.cli.app import app
from service.cli.options import ERR, OUT, Config, DataDir, Reason, SomeBook, act_of, ask, the_book
from service.database.connections import Connection
from service.queries import resources
from service.readmodels.projector import retry as retry_stream
from service.settings import load

parked = typer.Typer(help="Streams that could not be folded.", no_args_is_help=True)
app.add_typer(parked, name="parked")


@parked.command("list")
def list_streams(book: SomeBook = None, config: Config = None, data_dir: DataDir = None) -> None:
    """List the parked streams, each with the last line of its error."""
    rows = ask(load(config, data_dir=data_dir), lambda conn: resources.parked(conn, book))
    screens.parked(OUT, rows)


@parked.command()
def show(
    stream: str, book: SomeBook = None, config: Config = None, data_dir: DataDir = None
) -> None:
    """Show the error of a parked stream with its traceback. Exit status 1 if it is not parked."""
    settings = load(config, data_dir=data_dir)
    name = the_book(settings, book)
    rows = ask(settings, lambda conn: resources.parked(conn, name))
    for row in rows:
        if row["stream"] == stream:
            title = f"{stream} at position {row['position']}, since {row['parked_at']:%c}"
            OUT.print(f"{title}\n{row['error']}", soft_wrap=True)
            return
    ERR.print(f"{stream} is not parked.")
    raise typer.Exit(1)


@parked.command()
def retry(
    streams: Annotated[
        list[str] | None, typer.Argument(help="Streams to fold. [default: all parked ones]")
    ] = None,
    book: SomeBook = None,
    reason: Reason = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Fold parked streams again, once the cause is fixed. Exit status 1 if one fails again.

    A stream that succeeds is up to date in the live read models at once.
    """
    settings = load(config, data_dir=data_dir)
    name, act = the_book(settings, book), act_of(reason)

    async def fold(conn: Connection) -> dict[str, str | None]:
        chosen = streams or [row["stream"] for row in await resources.parked(conn, name)]
        return {stream: await retry_stream(conn, name, stream, act) for stream in chosen}

    failed = 0
    for stream, error in ask(settings, fold).items():
        outcome = "is up to date" if error is None else f"failed again: {error.splitlines()[-1]}"
        failed += error is not None
        OUT.print(f"{stream} {outcome}", soft_wrap=True)
    if failed:
        raise typer.Exit(1)
