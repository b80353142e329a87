"""``daybook trigger``: send one made-up webhook, by the name of its event."""

from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated

import httpx
import typer

from domain.catalog import AGGREGATES
from service.cli.app import app
from service.cli.options import OUT, Config, DataDir
from service.cli.sending import RefusedError, book_of, new_webhook_id, send, signing_secret
from service.sandbox.deliveries import render
from service.sandbox.world import World

TYPES = tuple(name for aggregate in AGGREGATES for name in aggregate.lifecycle.events)


def _known(name: str) -> str:
    if name in TYPES:
        return name
    near = get_close_matches(name, TYPES, n=4, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(TYPES)}."
    raise typer.BadParameter(f"{name!r} is not an event type of the provider. {hint}")


@app.command()
def trigger(  # noqa: PLR0913, PLR0917 - one parameter a flag
    event: Annotated[
        str,
        typer.Argument(
            metavar="TYPE", parser=_known, help="The event's type, such as subscription.on_hold."
        ),
    ],
    customer: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Whom it concerns.", show_default="somebody new"),
    ] = None,
    to: Annotated[str, typer.Option(help="The webhook URL of a book.")] = (
        "http://127.0.0.1:8000/webhooks/test"
    ),
    secret: Annotated[
        str | None,
        typer.Option(
            envvar="DAYBOOK_SECRET",
            help="The book's secret.",
            show_default="the configured one of the book in the URL",
        ),
    ] = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Send one signed webhook of any type, with a plausible made-up resource.

    Only this one is sent: what led to it is not. Exit status 1 if it is refused. To rehearse whole
    stories, use `daybook sandbox`.
    """
    key = signing_secret(to, secret, config, data_dir)
    world = World(0, 0, begin=datetime.now(UTC))
    happening = world.make(event, customer)
    book = book_of(to, config, data_dir)
    if book is not None and book.business_id is not None:
        # of another business, the book would keep it and not fold it
        world.business_id = book.business_id
    body = render(world, happening)
    with httpx.Client(timeout=15) as client:
        reply = send(client, to, key, body, new_webhook_id())
    if not reply.accepted:
        raise RefusedError(reply.text)
    OUT.print(f"{reply.status} {happening.type} {happening.id} {reply.text}", soft_wrap=True)
