"""The command line: every command, and one handler for all of their errors."""

import signal
import sys
from functools import partial
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import httpx
import typer

from service.api.resources import target_of
from service.cli import demo as story
from service.cli import exit_reports, keys, rebuild, screens
from service.cli.migrate import migrate
from service.cli.options import (
    ERR,
    OUT,
    Config,
    DataDir,
    SomeBook,
    ask,
    check_data_dir,
    progress,
    the_book,
)
from service.cli.send import RefusedError, new_webhook_id, send
from service.cli.settings_help import epilog, flag
from service.cli.simulate import line, simulate
from service.cli.status import status
from service.database.connections import Connection
from service.queries import events, resources
from service.queries.answers import History
from service.server import run
from service.server.database import database
from service.server.trial import trial_now, with_books
from service.settings import SettingsError, load
from service.telemetry import logs
from service.telemetry.tracebacks import format_error

app = typer.Typer(
    name="daybook",
    help="The book of original entry for a Dodo Payments account.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(keys.app, name="keys")
app.add_typer(rebuild.parked, name="parked")
app.command("rebuild")(rebuild.rebuild)
app.command("verify")(rebuild.verify)
app.command("migrate")(migrate)
app.command("status")(status)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - as the library calls it
    if wanted:
        OUT.print(version("dodo-daybook"))
        raise typer.Exit


@app.callback()
def options(
    *,
    show: Annotated[  # noqa: ARG001 - its callback acts
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; or DAYBOOK_DEBUG=1.")
    ] = False,
) -> None:
    """The book of original entry for a Dodo Payments account."""
    if debug:
        exit_reports.debug()


@app.command("serve", epilog=epilog())
def serve_command(
    config: Config = None,
    data_dir: DataDir = None,
    host: Annotated[str | None, flag("host")] = None,
    port: Annotated[int | None, flag("port")] = None,
    workers: Annotated[int | None, flag("workers")] = None,
) -> None:
    """Receive webhooks and answer questions, until Ctrl-C.

    Without DAYBOOK_DATABASE_URL a private PostgreSQL is started in the data directory. Without
    any book configured, one called `test` is made, and what is needed to try it is printed.

    SIGHUP reads the configuration again: rotated secrets are taken over without a restart.
    """
    signals = run.Signals()
    signals.catch(signal.SIGHUP)
    run.name_process("serve")
    flags = {"data_dir": data_dir, "host": host, "port": port, "workers": workers}
    settings = load(config, **flags)
    if settings.database_url is None or not settings.books:
        check_data_dir(settings.data_dir)
    settings = with_books(settings, config, **flags)
    sock = run.listen(settings.host, settings.port)
    with database(settings, watch=True) as url, run.serving(settings, url, sock) as supervisor:
        where = screens.origin(settings.host, sock.getsockname()[1])
        screens.serving(OUT, where, settings, trial_now(settings, url))
        code = run.run(supervisor, settings, partial(load, config, **flags), signals)
    if code:
        raise typer.Exit(code)


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="0 takes any free one.")] = 8000,
    *,
    once: Annotated[bool, typer.Option("--once", help="Stop after the story.")] = False,
) -> None:
    """See it work: one customer's story told by signed webhooks, on a scratch database.

    Starts everything, sends a dozen webhooks over HTTP, with a duplicate, a late and an unknown
    event among them, shows the access answer and the history, then keeps serving until Ctrl-C.
    """
    story.run(OUT, port=port, once=once)


@app.command("send")
def send_command(  # noqa: PLR0913, PLR0917 - one parameter a flag
    files: Annotated[
        list[Path],
        typer.Argument(help="Bodies to send, byte for byte.", exists=True, dir_okay=False),
    ],
    to: Annotated[str, typer.Option(help="The webhook URL of a book.")] = (
        "http://127.0.0.1:8000/webhooks/test"
    ),
    secret: Annotated[
        str | None,
        typer.Option(envvar="DAYBOOK_SECRET", help="Else the configured one of the URL's book."),
    ] = None,
    webhook_id: Annotated[
        str | None, typer.Option("--id", help="The webhook-id; else a new one for each body.")
    ] = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Sign bodies from files and send them, as the provider would. Exit 1 if one is refused."""
    if secret is None:
        book = load(config, data_dir=data_dir).books.get(to.rstrip("/").rpartition("/")[2])
        if book is None:
            raise SettingsError("Give --secret: the URL's book is not in the configuration.")
        secret = book.secrets[0].get_secret_value()
    refused = 0
    with httpx.Client(timeout=15) as client:
        for file in files:
            sent = send(client, to, secret, file.read_bytes(), webhook_id or new_webhook_id())
            refused += not sent.accepted
            OUT.print(f"{sent.status} {file.name} {sent.text}", soft_wrap=True)
    if refused:
        ERR.print(f"{refused} of {len(files)} were not accepted.")
        raise typer.Exit(1)


@app.command("simulate")
def simulate_command(
    customers: Annotated[int, typer.Option(min=1, help="How many customers.")] = 10,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    *,
    chaos: Annotated[
        bool, typer.Option("--chaos", help="Late, twice, re-rendered and lost ones among them.")
    ] = False,
    to: Annotated[str | None, typer.Option(help="Send them to this webhook URL.")] = None,
    secret: Annotated[str | None, typer.Option(envvar="DAYBOOK_SECRET")] = None,
) -> None:
    """Make up a merchant's webhooks: a JSON line for each delivery, or sent with --to.

    Each line has the `webhook_id`, when it would be `sent_at`, and the `body` as a string.
    """
    deliveries = simulate(customers, seed, chaos=chaos)
    if to is None:
        for delivery in deliveries:
            sys.stdout.buffer.write(line(delivery) + b"\n")
        return
    if secret is None:
        raise SettingsError("Give --secret: the simulated webhooks must be signed.")
    count = 0
    with httpx.Client(timeout=15) as client, progress() as bars:
        task = bars.add_task("sent", total=None)
        for delivery in deliveries:
            sent = send(client, to, secret, delivery.body, delivery.webhook_id)
            if not sent.accepted:
                raise RefusedError(sent.text)
            count += 1
            bars.update(task, completed=count)
    OUT.print(f"{count} webhooks were sent and recorded.")


@app.command()
def history(
    stream: Annotated[
        str, typer.Argument(help="A resource, as subscription-sub_… or payment-pay_…")
    ],
    book: SomeBook = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """What happened to a resource, in the order of the world, and what we think of it."""
    settings = load(config, data_dir=data_dir)
    resources.category_of(stream)
    chosen = the_book(settings, book)

    async def question(conn: Connection) -> History:
        return await events.history(conn, await target_of(conn, chosen), stream)

    screens.history(OUT, ask(settings, question))


def main() -> None:
    """Run a command; an error that has an explanation is explained, not traced."""
    logs.configure_logging()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # what a terminal's encoding lacks is written out
            stream.reconfigure(errors="backslashreplace")
    # so that a private PostgreSQL is stopped on the way out, whatever the command was doing
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        app()
    except Exception as error:  # noqa: BLE001 - the outermost handler
        if exit_reports.debugging():
            ERR.print(format_error(error), soft_wrap=True)
        report = exit_reports.report(error)
        ERR.print(report.text, style="red", soft_wrap=True)
        raise SystemExit(report.status) from None
