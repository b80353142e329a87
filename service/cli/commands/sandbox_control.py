"""``daybook sandbox advance`` and so on: commands to the sandbox that runs."""

import sys
from datetime import timedelta
from typing import Annotated

import typer

from service.cli import screens
from service.cli.commands.sandbox import sandbox
from service.cli.options import OUT, parse_span
from service.sandbox.client import DEFAULT_URL, SandboxClient, SandboxError
from service.sandbox.happenings import Happening
from service.telemetry.wording import number_of

SandboxUrl = Annotated[
    str, typer.Option(envvar="DAYBOOK_SANDBOX_URL", help="Where the sandbox runs.")
]
Subscription = Annotated[str, typer.Argument(metavar="SUBSCRIPTION", help="Such as sub_000001.")]
Payment = Annotated[str, typer.Argument(metavar="PAYMENT", help="Such as pay_000001_1.")]
Span = Annotated[timedelta, typer.Argument(metavar="SPAN", parser=parse_span, help="Such as 40d.")]


def _act(url: str, name: str, identity: str, **options: str | int | bool | None) -> None:
    given = {key: value for key, value in options.items() if value is not None}
    with SandboxClient(url) as client:
        _show(client.act(name, identity, given))


def _show(happenings: list[Happening]) -> None:
    for happening in happenings:
        OUT.print(f"{happening.at:%Y-%m-%d %H:%M:%S} {happening.type} {happening.id}")
    if not happenings:
        OUT.print("Done. The provider sends no webhook of it now.")


@sandbox.command()
def status(sandbox_url: SandboxUrl = DEFAULT_URL) -> None:
    """Show its clock, endpoints, webhooks and faults."""
    with SandboxClient(sandbox_url) as client:
        screens.sandbox_status(OUT, client.status())


@sandbox.command()
def advance(span: Span, sandbox_url: SandboxUrl = DEFAULT_URL) -> None:
    """Move its clock forward, and wait until what falls due has happened and was sent."""
    with SandboxClient(sandbox_url) as client:
        before = client.status().webhooks
        after = client.move(span)
    sent = after.webhooks.get("delivered", 0) - before.get("delivered", 0)
    OUT.print(
        f"The clock shows {after.now:%d %b %Y %H:%M} UTC; {number_of(sent, 'webhook')} delivered."
    )


@sandbox.command()
def clock(sandbox_url: SandboxUrl = DEFAULT_URL) -> None:
    """Print the time of its clock alone, to the microsecond, as `as_of` takes it."""
    with SandboxClient(sandbox_url) as client:
        sys.stdout.write(f"{client.status().now:%Y-%m-%dT%H:%M:%S.%fZ}\n")


@sandbox.command()
def buy(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="New, or known.")],
    product: Annotated[str, typer.Argument(metavar="PRODUCT", help="Such as pdt_pro.")],
    trial_days: Annotated[int, typer.Option(min=0, max=365, help="Days of a free trial.")] = 0,
    sandbox_url: SandboxUrl = DEFAULT_URL,
) -> None:
    """Let a customer subscribe to a product, or buy what is sold once."""
    _act(sandbox_url, "buy", customer, product_id=product, trial_days=trial_days)


@sandbox.command()
def fail_next_renewal(
    subscription: Subscription,
    *,
    grace: Annotated[
        bool, typer.Option("--grace", help="Past due, with access kept, before it is on hold.")
    ] = False,
    sandbox_url: SandboxUrl = DEFAULT_URL,
) -> None:
    """Let the next renewal of a subscription fail, whenever that is due."""
    _act(sandbox_url, "fail-next-renewal", subscription, grace=grace)


@sandbox.command()
def renew(subscription: Subscription, sandbox_url: SandboxUrl = DEFAULT_URL) -> None:
    """End the period of a subscription now: its renewal succeeds, or fails as was commanded."""
    _act(sandbox_url, "renew", subscription)


@sandbox.command()
def recover(subscription: Subscription, sandbox_url: SandboxUrl = DEFAULT_URL) -> None:
    """Let the customer pay what is owed, with a new card."""
    _act(sandbox_url, "recover", subscription)


@sandbox.command()
def pause(subscription: Subscription, sandbox_url: SandboxUrl = DEFAULT_URL) -> None:
    """Pause a subscription."""
    _act(sandbox_url, "pause", subscription)


@sandbox.command()
def unpause(subscription: Subscription, sandbox_url: SandboxUrl = DEFAULT_URL) -> None:
    """Resume a paused subscription."""
    _act(sandbox_url, "unpause", subscription)


@sandbox.command()
def cancel(
    subscription: Subscription,
    *,
    at_period_end: Annotated[
        bool, typer.Option("--at-period-end", help="Not now, but when the period ends.")
    ] = False,
    sandbox_url: SandboxUrl = DEFAULT_URL,
) -> None:
    """Cancel a subscription."""
    _act(sandbox_url, "cancel", subscription, at_period_end=at_period_end)


@sandbox.command()
def expire(subscription: Subscription, sandbox_url: SandboxUrl = DEFAULT_URL) -> None:
    """End the term of a subscription."""
    _act(sandbox_url, "expire", subscription)


@sandbox.command()
def change_plan(
    subscription: Subscription,
    product: Annotated[str, typer.Argument(help="Such as pdt_team.")],
    sandbox_url: SandboxUrl = DEFAULT_URL,
) -> None:
    """Change the product of a subscription."""
    _act(sandbox_url, "change-plan", subscription, product_id=product)


@sandbox.command()
def open_dispute(payment: Payment, sandbox_url: SandboxUrl = DEFAULT_URL) -> None:
    """Let the customer dispute a payment."""
    _act(sandbox_url, "open-dispute", payment)


@sandbox.command()
def refund(
    payment: Payment,
    amount: Annotated[
        int | None, typer.Option(min=1, help="In cents.", show_default="all that is left")
    ] = None,
    sandbox_url: SandboxUrl = DEFAULT_URL,
) -> None:
    """Refund a payment."""
    _act(sandbox_url, "refund", payment, amount=amount)


@sandbox.command()
def disable_license_key(
    license_key: Annotated[str, typer.Argument(metavar="LICENSE_KEY")],
    sandbox_url: SandboxUrl = DEFAULT_URL,
) -> None:
    """Disable a licence key, of which the provider sends no webhook."""
    _act(sandbox_url, "disable-license-key", license_key)


@sandbox.command()
def happen(
    event: Annotated[str, typer.Argument(help="The event's type, such as payment.failed.")],
    customer: Annotated[str | None, typer.Option(metavar="ID", show_default="a new one")] = None,
    sandbox_url: SandboxUrl = DEFAULT_URL,
) -> None:
    """Let an event of any type happen, with all that leads to it."""
    _act(sandbox_url, "enact", event, customer_id=customer)


@sandbox.command()
def rotate_secret(
    endpoint: Annotated[
        str | None, typer.Argument(metavar="ENDPOINT", show_default="the only one")
    ] = None,
    sandbox_url: SandboxUrl = DEFAULT_URL,
) -> None:
    """Rotate the secret of a webhook endpoint, as in the provider's dashboard.

    For a day, by its clock, webhooks are signed with the old secret too.
    """
    with SandboxClient(sandbox_url) as client:
        names = [endpoint] if endpoint else [one.id for one in client.status().endpoints]
        if len(names) != 1:
            listed = ", ".join(names) or "none"
            raise SandboxError(f"Name the endpoint. The sandbox has: {listed}.")
        client.rotate(names[0])
    OUT.print(f"Endpoint {names[0]} has a new secret. `daybook connect` fetches it.")
