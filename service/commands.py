"""The command line: every command, and how its errors are told."""

import signal
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import httpx
import psycopg
import typer

from service import demo as story
from service import event_reads, key_commands, logs, reads, rebuild_commands, screens, serve
from service.answers import History
from service.cli import ERR, OUT, Config, DataDir, SomeBook, ask, progress, the_book
from service.database import database
from service.embedded import EmbeddedError
from service.lease import LeaseTakenError
from service.migrate_command import migrate
from service.migrations import SchemaError
from service.postgres import Connection, UnsupportedServerError
from service.problems import Problem
from service.rebuild import NothingToGoBackToError, StreamsSetAsideError
from service.resources import target_of
from service.roles import RoleError
from service.send import RefusedError, new_webhook_id, send
from service.setting_words import epilog, flag
from service.settings import SettingsError, load
from service.simulate import line, simulate
from service.status_command import status

app = typer.Typer(
    name="daybook",
    help="The book of original entry for a Dodo Payments account.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(key_commands.app, name="keys")
app.add_typer(rebuild_commands.parked, name="parked")
app.command("rebuild")(rebuild_commands.rebuild)
app.command("verify")(rebuild_commands.verify)
app.command("migrate")(migrate)
app.command("status")(status)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - as the library calls it
    if wanted:
        OUT.print(version("daybook"))
        raise typer.Exit


@app.callback()
def options(
    *,
    show: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """The book of original entry for a Dodo Payments account."""


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
    flags = {"data_dir": data_dir, "host": host, "port": port, "workers": workers}
    settings = serve.with_books(load(config, **flags), config, **flags)
    sock = serve.listen(settings.host, settings.port)
    with database(settings, watch=True) as url:
        trial = serve.trial_now(settings, url)
        screens.serving(OUT, screens.origin(settings.host, sock.getsockname()[1]), settings, trial)
        if not serve.run(settings, url, sock, partial(load, config, **flags)):
            raise typer.Exit(1)


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
            OUT.print(f"{sent.status} {file.name} {sent.text}", markup=False, soft_wrap=True)
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
    made = simulate(customers, seed, chaos=chaos)
    if to is None:
        for one in made:
            sys.stdout.buffer.write(line(one) + b"\n")
        return
    if secret is None:
        raise SettingsError("Give --secret: the simulated webhooks must be signed.")
    count = 0
    with httpx.Client(timeout=15) as client, progress() as bars:
        task = bars.add_task("sent", total=None)
        for one in made:
            sent = send(client, to, secret, one.body, one.webhook_id)
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
    reads.category_of(stream)
    chosen = the_book(settings, book)

    async def told(conn: Connection) -> History:
        return await event_reads.history(conn, await target_of(conn, chosen), stream)

    screens.history(OUT, ask(settings, told))


_EXPLAINED = (
    EmbeddedError, LeaseTakenError, NothingToGoBackToError, RoleError, SchemaError,
    StreamsSetAsideError, UnsupportedServerError,
)  # fmt: skip


def main() -> None:
    """Run a command; an error that has an explanation is explained, not traced."""
    logs.set_up()
    # so that a private PostgreSQL is stopped on the way out, whatever the command was doing
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        app()
    except SettingsError as error:
        ERR.print(str(error), style="red", markup=False, soft_wrap=True)
        raise SystemExit(2) from None
    except _EXPLAINED as error:
        ERR.print(str(error), style="red", markup=False, soft_wrap=True)
        raise SystemExit(1) from None
    except RefusedError as refused:
        ERR.print(f"Refused: {refused}", style="red", markup=False, soft_wrap=True)
        raise SystemExit(1) from None
    except Problem as problem:
        ERR.print(problem.detail, style="red", markup=False, soft_wrap=True)
        raise SystemExit(1) from None
    except psycopg.errors.InsufficientPrivilege as error:
        ERR.print(f"{error.diag.message_primary}: run `daybook migrate` with --owner.")
        raise SystemExit(1) from None
    except psycopg.errors.UndefinedTable:
        ERR.print("This database has no schema yet: `daybook migrate`, or `daybook serve`.")
        raise SystemExit(1) from None
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        ERR.print(f"--to: {error}", style="red", markup=False, soft_wrap=True)
        raise SystemExit(2) from None
    except (psycopg.OperationalError, httpx.HTTPError) as error:
        ERR.print(f"Nothing answers: {error}", style="red", markup=False, soft_wrap=True)
        raise SystemExit(1) from None
