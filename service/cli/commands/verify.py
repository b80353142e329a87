"""``daybook verify``: the chain of events, the read models, and checkpoints kept elsewhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from projections.catalog import PROJECTIONS
from service.cli import proof_screens, screens
from service.cli.app import FAILED, REFUSED, app
from service.cli.building import (
    Names,
    Processes,
    ask_or_exit,
    bars,
    chosen_projections,
    preview_rebuild,
)
from service.cli.options import OUT, Config, DataDir, Keys, the_book
from service.database.connections import Connection
from service.ingest.signature import secret_of
from service.proof.against import Compared, UnreadableError, compare, read_kept, sizes
from service.proof.notes import Key, NoteError, parse_key
from service.proof.published import Anchored, anchors_of, origins, signed_roots
from service.proof.verify import Report, verify_chain
from service.settings import Settings, SettingsError, load

verify = typer.Typer(
    help="Verify the chain of events and the read models. Exit status 0: all holds; 1: something is"
    " broken; 2: it could not be checked, or no book has events."
)
app.add_typer(verify, name="verify")


@verify.callback(invoke_without_command=True)
def verify_all(
    context: typer.Context,
    processes: Processes = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Verify the chain, then the read models. Changes nothing.

    The parts can be asked for alone, with the commands below.
    """
    if context.invoked_subcommand is not None:
        return
    settings = load(config, data_dir=data_dir)
    status = _verify_chain(settings, list(settings.books), processes)
    differences = preview_rebuild(settings, PROJECTIONS, processes)
    screens.differences(OUT, differences, "differ from what the events say")
    if any(difference.rows for difference in differences):
        status = REFUSED
    raise typer.Exit(status)


@verify.command("chain")
def chain(
    book: Annotated[
        str | None, typer.Option(help="The book. [default: every configured one]")
    ] = None,
    processes: Processes = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Recompute every event and every link, and check every signature whose secret is held.

    The secrets are those in `secrets` and `retired_secrets` of the book. The report names the first
    broken position and what about it is broken. A book without events is named; the exit status is
    2 if none has any, or if it is the one of --book.
    """
    settings = load(config, data_dir=data_dir)
    names = [the_book(settings, book)] if book else list(settings.books)
    raise typer.Exit(_verify_chain(settings, names, processes))


@verify.command("read-models")
def read_models(
    projections: Names = None,
    processes: Processes = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Fold all events again and compare the result with the live read models, row by row."""
    settings, chosen = load(config, data_dir=data_dir), chosen_projections(projections)
    differences = preview_rebuild(settings, chosen, processes)
    screens.differences(OUT, differences, "differ from what the events say")
    if any(difference.rows for difference in differences):
        raise typer.Exit(REFUSED)


@verify.command("against")
def against(
    path: Annotated[
        Path,
        typer.Argument(metavar="FILE-OR-DIR", help="Checkpoints that were kept elsewhere."),
    ],
    key: Keys = None,
    processes: Processes = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Compare the store with checkpoints that were kept elsewhere.

    Recomputes the chain, and sees that it has the history of each checkpoint: nothing was cut off
    at its end and nothing rewritten. Without --key the keys are those of the database; an owner
    of the database can alter them too. Of a book that was continued under a new origin, give the
    keys of all origins.
    """
    settings = load(config, data_dir=data_dir)
    given = _keys(key or ())

    async def work(conn: Connection) -> tuple[list[Report], list[Compared]]:
        rows = {book: await origins(conn, book) for book in settings.books}
        known = [Key(one.name, one.public_key) for some in rows.values() for one in some]
        kept = read_kept(path, given or known)
        names = [name for name in sizes(kept) if name in settings.books]
        with bars() as show:
            reports = await verify_chain(
                conn, names, held_secrets(settings), sizes(kept), show, processes
            ) if names else []  # fmt: skip
        # with its tables alone, an owner of the database could pretend that a book was continued
        believed = given or known
        return reports, compare(
            kept,
            reports,
            {
                book: [one for one in some if Key(one.name, one.public_key) in believed]
                for book, some in rows.items()
            },
        )

    try:
        reports, compared = ask_or_exit(settings, work)
    except UnreadableError as error:
        raise SettingsError(str(error)) from None
    for report in reports:
        proof_screens.chain(OUT, report)
    proof_screens.compared(OUT, compared)
    if any(report.fault for report in reports) or any(
        one.state in {"ahead", "differs"} for one in compared
    ):
        raise typer.Exit(REFUSED)
    raise typer.Exit(0 if any(one.state == "agrees" for one in compared) else FAILED)


def _keys(texts: Sequence[str]) -> list[Key]:
    try:
        return [parse_key(text) for text in texts]
    except NoteError as error:
        raise SettingsError(f"--key: {error}") from None


def held_secrets(settings: Settings) -> Mapping[str, Sequence[tuple[str, bytes]]]:
    """The secrets of each book, current, rotated and retired, as fingerprint and key."""
    return {
        name: [secret_of(s.get_secret_value()) for s in (*book.secrets, *book.retired_secrets)]
        for name, book in settings.books.items()
    }


def _verify_chain(settings: Settings, names: Sequence[str], processes: int | None) -> int:
    """Verify the chains of some books and print what they show; the exit status."""

    async def work(conn: Connection) -> tuple[list[Report], dict[str, list[Anchored]]]:
        kept = {name: await signed_roots(conn, name) for name in names}
        wanted = {name: [one.size for one in some] for name, some in kept.items()}
        with bars() as show:
            reports = await verify_chain(
                conn, names, held_secrets(settings), wanted, show, processes
            )
        for report in reports:
            report.compare(kept.get(report.book, ()))
        return reports, {name: await anchors_of(conn, name) for name in names}

    reports, anchors = ask_or_exit(settings, work)
    for report in reports:
        proof_screens.chain(OUT, report)
        proof_screens.anchored(OUT, report.events, anchors[report.book])
    if any(report.fault for report in reports):
        return REFUSED
    known = {report.book for report in reports}
    for name in names:
        if name not in known:
            OUT.print(f"book {name}: it has not been opened yet. Nothing was verified.")
    # a book that nothing was sent to yet says nothing of the others; all of them empty is not green
    filled = [report for report in reports if report.events]
    return 0 if filled and all(report.holds for report in filled) else FAILED
