"""``daybook proof`` and ``daybook books``: proofs, checked offline; the origins of books."""

from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from service.cli import proof_screens
from service.cli.app import app
from service.cli.options import ERR, OUT, BookName, Config, DataDir, Keys, ask, the_book
from service.database.connections import Connection
from service.proof import published
from service.proof.anchors import latest_everywhere, open_anchors
from service.proof.checkpoints import Origin, RefusedError, continue_book
from service.proof.keys import load_signer
from service.proof.notes import NoteError, parse_key
from service.proof.published import OriginRow
from service.proof.tlog_proof import ProofError, check_proof
from service.settings import SettingsError, load
from service.telemetry.wording import number_of

proof = typer.Typer(
    help="The proof of an event: check it without the service.", no_args_is_help=True
)
app.add_typer(proof, name="proof")

books = typer.Typer(help="Books: the names under which they are signed.", no_args_is_help=True)
app.add_typer(books, name="books")


@proof.command()
def check(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What /v1/events/{position}/proof answered.")
    ],
    key: Keys = None,
    body: Annotated[
        Path | None, typer.Option(help="The event's body, whose hash the proof has.")
    ] = None,
) -> None:
    """Check a proof offline: with the file and a public key, and nothing else.

    The key must not come with the file: `daybook books list` printed it when the book began. Exit
    status 1 if the proof does not hold, 2 if it could not be read.
    """
    if not key:
        raise SettingsError(
            "Give --key: without a public key that was kept elsewhere, a proof proves nothing."
        )
    try:
        keys = [parse_key(one) for one in key]
    except NoteError as error:
        raise SettingsError(f"--key: {error}") from None
    try:
        # a terminal may have added a line break at the end
        proved = check_proof(file.read_text("utf-8").rstrip("\n") + "\n", keys)
    except UnicodeDecodeError:
        raise SettingsError(f"{file}: this is not a proof.") from None
    except ProofError as error:
        ERR.print(f"The proof does not hold: {error}", style="red", soft_wrap=True)
        raise typer.Exit(1) from None
    content = b"" if body is None else body.read_bytes()
    if body is not None and sha256(content).digest() != proved.body_sha256:
        text = f"The proof holds, but {body} is not the body of this event."
        if sha256(content.removesuffix(b"\n")).digest() == proved.body_sha256:
            text = (
                f"The proof holds, but {body} ends with a line break that the body does not have."
            )
        ERR.print(text, style="red", soft_wrap=True)
        raise typer.Exit(1)
    proof_screens.proved(OUT, proved, body)


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
