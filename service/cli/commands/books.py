"""``daybook books``: the origins of books, under which they are signed."""

from functools import partial

import typer

from service.cli import proof_screens
from service.cli.app import app
from service.cli.options import ERR, OUT, BookName, Config, DataDir, ask, the_book
from service.database.connections import Connection
from service.proof import published
from service.proof.anchors import latest_everywhere, open_anchors
from service.proof.checkpoints import Origin, RefusedError, continue_book
from service.proof.keys import load_signer
from service.proof.published import OriginRow
from service.settings import load
from service.telemetry.wording import number_of

books = typer.Typer(help="Books: the names under which they are signed.", no_args_is_help=True)
app.add_typer(books, name="books")


@books.command("list")
def list_books(config: Config = None, data_dir: DataDir = None) -> None:
    """List the origins of each book with their public keys. Keep the keys elsewhere."""
    settings = load(config, data_dir=data_dir)

    async def origins(conn: Connection) -> dict[str, list[OriginRow]]:
        return {book: await published.origins(conn, book) for book in settings.books}

    for book, rows in ask(settings, origins).items():
        proof_screens.origins(OUT, book, rows)


@books.command("continue")
def continue_(book: BookName, config: Config = None, data_dir: DataDir = None) -> None:
    """Go on signing a book under a new origin, after a restore or the loss of its key.

    The new origin names the old one and the size up to which both have one history. Checkpoints of
    the old one stay valid. Exit status 1 if nothing keeps the current origin from being signed.
    """
    settings = load(config, data_dir=data_dir)
    name = the_book(settings, book)
    signer = load_signer(settings, create=True)
    assert signer is not None, "it was created"  # noqa: S101
    elsewhere = partial(latest_everywhere, open_anchors(settings.anchors))

    async def continued(conn: Connection) -> tuple[Origin, Origin]:
        return await continue_book(conn, name, signer, elsewhere)

    try:
        old, new = ask(settings, continued)
    except RefusedError as error:
        ERR.print(str(error), style="red", soft_wrap=True)
        raise typer.Exit(1) from None
    OUT.print(
        f"{name}: {new.name} continues {old.name}, which has the same history up to"
        f" {number_of(new.parted_at or 0, 'event')}.",
        soft_wrap=True,
    )
    OUT.print(f"Its public key, to be kept elsewhere: {new.key}", soft_wrap=True)
