"""``daybook send``: sign bodies and send them as the provider does."""

from pathlib import Path
from typing import Annotated

import httpx
import typer

from service.cli.app import app
from service.cli.options import ERR, OUT, Config, DataDir
from service.cli.sending import new_webhook_id, send, signing_secret
from service.telemetry.wording import number_of


@app.command("send")
def send_files(  # noqa: PLR0913, PLR0917 - one parameter a flag
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Files to send as they are, byte for byte.", exists=True, dir_okay=False
        ),
    ],
    to: Annotated[str, typer.Option(help="The webhook URL of a book.")] = (
        "http://127.0.0.1:8000/webhooks/test"
    ),
    secret: Annotated[
        str | None,
        typer.Option(
            envvar="DAYBOOK_SECRET",
            help="The book's secret. [default: the configured one of the book in the URL]",
        ),
    ] = None,
    webhook_id: Annotated[
        str | None,
        typer.Option("--id", help="The webhook-id. [default: a new one for each file]"),
    ] = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Sign files and send them as webhooks. Exit status 1 if one is refused."""
    secret = signing_secret(to, secret, config, data_dir)
    refused = 0
    with httpx.Client(timeout=15) as client:
        for file in files:
            reply = send(client, to, secret, file.read_bytes(), webhook_id or new_webhook_id())
            refused += not reply.accepted
            OUT.print(f"{reply.status} {file.name} {reply.text}", soft_wrap=True)
    if refused:
        ERR.print(f"Refused: {refused} of {number_of(len(files), 'webhook')}.")
        raise typer.Exit(1)
