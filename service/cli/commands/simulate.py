"""``daybook simulate``: webhooks of made-up customers, printed or sent."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import httpx
import typer

from service.cli.app import app
from service.cli.options import OUT, progress
from service.cli.sending import RefusedError, send
from service.errors import SettingsError
from service.sandbox.simulation import line
from service.sandbox.simulation import simulate as generate
from service.telemetry.wording import number_of


@app.command()
def simulate(  # noqa: PLR0913 - an option each
    customers: Annotated[int, typer.Option(min=1, help="Number of customers.")] = 10,
    seed: Annotated[
        int, typer.Option(help="The same seed and --until generate the same bytes.")
    ] = 1,
    *,
    until: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], metavar="DAY", help="The year ends when this day begins (UTC).",
            show_default="today",
        ),
    ] = None,
    chaos: Annotated[
        bool,
        typer.Option("--chaos", help="Lose, delay, duplicate and re-render some deliveries."),
    ] = False,
    to: Annotated[str | None, typer.Option(help="Send them to this webhook URL.")] = None,
    secret: Annotated[
        str | None, typer.Option(envvar="DAYBOOK_SECRET", help="The book's secret, with --to.")
    ] = None,
) -> None:  # fmt: skip
    """Generate a year of a merchant's webhooks: print a JSON line per delivery, or send them.

    A line has the `webhook_id`, the time `sent_at` and the `body` as a string. About 20 a customer.
    """
    end = until or datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    deliveries = generate(customers, seed, until=end.replace(tzinfo=UTC), chaos=chaos)
    if to is None:
        for delivery in deliveries:
            sys.stdout.buffer.write(line(delivery) + b"\n")
        return
    if secret is None:
        raise SettingsError("--to needs --secret: webhooks are signed with the book's secret.")
    count = 0
    with httpx.Client(timeout=15) as client, progress() as bars:
        task = bars.add_task("sent", total=None)
        for delivery in deliveries:
            reply = send(client, to, secret, delivery.body, delivery.webhook_id)
            if not reply.accepted:
                raise RefusedError(reply.text)
            count += 1
            bars.update(task, completed=count)
    OUT.print(f"Sent {number_of(count, 'webhook')}; all recorded.")
