"""``daybook evidence``: one ZIP that proves what happened, and its check."""

import re
import subprocess
import sys
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from service.cli.app import FAILED, app
from service.cli.options import ERR, OUT, Config, DataDir, Keys, SomeBook, ask, the_book
from service.database.connections import Connection
from service.evidence.case import Kind, Question
from service.evidence.making import Evidence
from service.evidence.signing import Signing, make_signed_evidence
from service.proof.anchors import open_anchors
from service.proof.keys import load_signer, write_durably
from service.provider.client import COMMAND
from service.provider.documents import fetch_documents
from service.provider.errors import ProviderError
from service.settings import Book, load
from service.telemetry.wording import number_of

evidence = typer.Typer(
    help="Evidence: one ZIP about a dispute, a payment, a subscription or a customer. A person"
    " reads and prints its page; a stranger checks it offline, without Daybook.",
    no_args_is_help=True,
)
app.add_typer(evidence, name="evidence")

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="The ZIP to write. [default: the id, with .zip]"),
]


@evidence.command()
def dispute(
    dispute_id: Annotated[str, typer.Argument(help="The dispute, such as dp_1.")],
    output: Output = None,
    book: SomeBook = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Make the bundle about a dispute: its payment, what was delivered, earlier payments.

    It prints a digest. Tell it to the reader by another way than the ZIP: with it, any byte that
    was changed is found. Your public key (daybook books list) must have been known before.

    Events that no checkpoint covers yet are signed first, and stamped by the authorities that are
    configured. Exit status 0: every event is proved; 1: nothing is recorded of it; 2: the ZIP was
    written, but it names events that no checkpoint covers.
    """
    _make("dispute", dispute_id, output, book, config, data_dir)


@evidence.command()
def payment(
    payment_id: Annotated[str, typer.Argument(help="The payment, such as pay_1.")],
    output: Output = None,
    book: SomeBook = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Make the bundle about a payment, with its refunds and disputes. As for a dispute."""
    _make("payment", payment_id, output, book, config, data_dir)


@evidence.command()
def subscription(
    subscription_id: Annotated[str, typer.Argument(help="The subscription, such as sub_1.")],
    output: Output = None,
    book: SomeBook = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Make the bundle about a subscription and all its payments. As for a dispute."""
    _make("subscription", subscription_id, output, book, config, data_dir)


@evidence.command()
def customer(
    customer_id: Annotated[str, typer.Argument(help="The customer, such as cus_1.")],
    output: Output = None,
    book: SomeBook = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Make the bundle of everything that concerns a customer. As for a dispute."""
    _make("customer", customer_id, output, book, config, data_dir)


def _make(  # noqa: PLR0913, PLR0917 - what was typed
    kind: Kind,
    identity: str,
    output: Path | None,
    book: str | None,
    config: Path | None,
    data_dir: Path | None,
) -> None:
    settings = load(config, data_dir=data_dir)
    name = the_book(settings, book)
    days = settings.books[name].dispute_response_days
    signing = Signing(partial(load_signer, settings), open_anchors(settings.anchors), stamp=True)

    async def made(conn: Connection) -> tuple[Evidence, str | None]:
        if kind == "dispute" and settings.books[name].provider.api_key is not None:
            await _fetch(conn, name, settings.books[name], identity)
        return await make_signed_evidence(conn, name, Question(kind, identity), days, signing)

    bundle, reason = ask(settings, made)
    # an id may be any text
    path = output or Path(re.sub(r"[^\w.-]", "_", identity)[:100] + ".zip")
    # only this account reads it: it is about a person
    write_durably(path.resolve(), bundle.archive)
    OUT.print(
        f"{path}: {number_of(bundle.events, 'event')} of book {name} at position {bundle.position},"
        f" {len(bundle.archive):,} bytes.",
        soft_wrap=True,
    )
    OUT.print("Its digest, to be told by another way than the file:", soft_wrap=True)
    OUT.print(f"  {bundle.digest}", soft_wrap=True)
    if bundle.behind:
        ERR.print(
            f"The read models lack {number_of(bundle.behind, 'event')} of the book: whatever of"
            f" them concerns {identity} is not in it. Run the command again in a moment.",
            style="yellow",
            soft_wrap=True,
        )
    if bundle.uncovered:
        listed = ", ".join(map(str, bundle.uncovered[:20]))
        more = "" if len(bundle.uncovered) <= 20 else f" and {len(bundle.uncovered) - 20} more"  # noqa: PLR2004
        ERR.print(
            f"NOT PROVED: no checkpoint covers positions {listed}{more} yet. {reason or ''}",
            style="red",
            soft_wrap=True,
        )
        raise typer.Exit(FAILED)


async def _fetch(conn: Connection, name: str, book: Book, dispute_id: str) -> None:
    """Fetch the invoice and the mails of a dispute, if they were not when it was opened."""
    try:
        await fetch_documents(conn, name, book, dispute_id, COMMAND)
    except ProviderError as error:
        ERR.print(f"Without the invoice and the mails: {error}", style="yellow", soft_wrap=True)


@evidence.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE-OR-DIR", help="The ZIP, or its files.")],
    key: Keys = None,
    digest: Annotated[
        str | None, typer.Option(help="Of its SHA256SUMS, as the command printed it.")
    ] = None,
) -> None:
    """Check a bundle with this installation's own copy of the script that lies in it.

    Needs no database and no configuration. Without --key it shows only that the bundle agrees with
    itself. Exit status 0: all of it holds; 1: something is broken; 2: something could not be
    checked.
    """
    arguments = [str(file), *(f"--key={one}" for one in key or ())]
    arguments += [f"--digest={digest}"] if digest else []
    with as_file(files("service.evidence").joinpath("verify.py")) as script:
        command = [sys.executable, "-I", "-S", str(script), *arguments]
        raise typer.Exit(subprocess.run(command, check=False).returncode)  # noqa: S603 - our own
