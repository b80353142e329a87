"""``daybook serve``: receive webhooks and answer questions."""

import signal
from functools import partial
from typing import Annotated

import typer

from service.cli import screens
from service.cli.app import app
from service.cli.options import OUT, Config, DataDir, check_data_dir
from service.cli.settings_help import epilog, flag
from service.server import run
from service.server.database import database
from service.server.trial import trial_now, with_books
from service.settings import load


@app.command(epilog=epilog())
def serve(
    config: Config = None,
    data_dir: DataDir = None,
    host: Annotated[str | None, flag("host")] = None,
    port: Annotated[int | None, flag("port")] = None,
    workers: Annotated[int | None, flag("workers")] = None,
) -> None:
    """Receive webhooks and answer questions, until Ctrl-C.

    Without DAYBOOK_DATABASE_URL, start a private PostgreSQL in the data directory. Without a
    configuration, create a book `test` and print what is needed to try it.

    SIGHUP reloads the configuration: rotated secrets and changed policies need no restart.
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
        origin = screens.origin(settings.host, sock.getsockname()[1])
        screens.serving(OUT, origin, settings, trial_now(settings, url))
        code = run.run(supervisor, sock, settings, partial(load, config, **flags), signals)
    if code:
        raise typer.Exit(code)
