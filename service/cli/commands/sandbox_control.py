"""``daybook sandbox advance`` and so on: commands to the sandbox that runs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated

import typer

from service.cli import screens
from service.cli.commands.sandbox import sandbox
from service.cli.options import OUT, parse_span
from service.sandbox.client import DEFAULT_URL, SandboxClient
from service.sandbox.happenings import Happening
from service.sandbox.messages import AnswerFaultRequest, FaultStatus, WebhookFaultRequest

SandboxUrl = Annotated[
    str, typer.Option(envvar="DAYBOOK_SANDBOX_URL", help="Where the sandbox runs.")
]
Subscription = Annotated[str, typer.Argument(metavar="SUBSCRIPTION", help="Such as sub_000001.")]
Payment = Annotated[str, typer.Argument(metavar="PAYMENT", help="Such as pay_000001_1.")]
Share = Annotated[
    float, typer.Option(min=0.0001, max=1, help="The share of webhooks that it hits.")
]
Next = Annotated[int | None, typer.Option("--next", metavar="N", min=1, help="End after N hits.")]
For = Annotated[
    timedelta | None,
    typer.Option(
        "--for", metavar="SPAN", parser=parse_span, help="End after this time of the sandbox."
    ),
]
Span = Annotated[timedelta, typer.Argument(metavar="SPAN", parser=parse_span, help="Such as 40d.")]


@contextmanager
def _sandbox(url: str) -> Iterator[SandboxClient]:
    with SandboxClient(url) as client:
        yield client


def _act(url: str, name: str, identity: str, **options: str | int | bool | None) -> None:
    given = {key: value for key, value in options.items() if value is not None}
    with _sandbox(url) as client:
        _show(client.act(name, identity, given))


def _show(happenings: list[Happening]) -> None:
    for happening in happenings:
        OUT.print(f"{happening.at:%Y-%m-%d %H:%M:%S} {happening.type} {happening.id}")
    if not happenings:
        OUT.print("Done. The provider sends no webhook of it now.")


@sandbox.command()
def status(sandbox_url: SandboxUrl = DEFAULT_URL) -> None:
    """Show its clock, endpoints, webhooks and faults."""
    with _sandbox(sandbox_url) as client:
        screens.sandbox_status(OUT, client.status())


@sandbox.command()
def advance(span: Span, sandbox_url: SandboxUrl = DEFAULT_URL) -> None:
    """Move its clock forward, and wait until what falls due has happened and was sent."""
    with _sandbox(sandbox_url) as client:
        before = client.status().webhooks
        after = client.move(span)
    sent = after.webhooks.get("delivered", 0) - before.get("delivered", 0)
    OUT.print(f"The clock shows {after.now:%d %b %Y %H:%M} UTC; {sent} webhooks were delivered.")


@sandbox.command()
def clock(sandbox_url: SandboxUrl = DEFAULT_URL) -> None:
    """Print the time of its clock alone, as `as_of` takes it."""
    with _sandbox(sandbox_url) as client:
        sys.stdout.write(f"{client.status().now:%Y-%m-%dT%H:%M:%SZ}\n")


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
def lose(
    share: Share = 1, next_: Next = None, for_: For = None, sandbox_url: SandboxUrl = DEFAULT_URL
) -> None:
    """Lose webhooks: they are never sent."""
    _webhooks(sandbox_url, WebhookFaultRequest(kind="lose", share=share, next=next_, lasts=for_))


@sandbox.command()
def delay(
    span: Span,
    share: Share = 1,
    next_: Next = None,
    for_: For = None,
    sandbox_url: SandboxUrl = DEFAULT_URL,
) -> None:
    """Send webhooks later; what they show is rendered then."""
    fault = WebhookFaultRequest(kind="delay", by=span, share=share, next=next_, lasts=for_)
    _webhooks(sandbox_url, fault)


@sandbox.command()
def duplicate(
    share: Share = 1, next_: Next = None, for_: For = None, sandbox_url: SandboxUrl = DEFAULT_URL
) -> None:
    """Send webhooks twice, under one webhook-id."""
    fault = WebhookFaultRequest(kind="duplicate", share=share, next=next_, lasts=for_)
    _webhooks(sandbox_url, fault)


@sandbox.command()
def reorder(
    within: Annotated[
        timedelta, typer.Option(metavar="SPAN", parser=parse_span, help="The span of the disorder.")
    ] = "1m",  # type: ignore[assignment]  # parsed
    share: Share = 1,
    next_: Next = None,
    for_: For = None,
    sandbox_url: SandboxUrl = DEFAULT_URL,
) -> None:
    """Send webhooks out of order."""
    fault = WebhookFaultRequest(kind="reorder", by=within, share=share, next=next_, lasts=for_)
    _webhooks(sandbox_url, fault)


@sandbox.command()
def answer(  # noqa: PLR0913, PLR0917 - one parameter a flag
    how: Annotated[str, typer.Argument(metavar="STATUS|slowly", help="429, 500, 404, slowly …")],
    by: Annotated[
        timedelta, typer.Option(metavar="SPAN", parser=parse_span, help="How slowly.")
    ] = "5s",  # type: ignore[assignment]  # parsed
    path: Annotated[str, typer.Option(help="Only for paths that start so.")] = "/",
    share: Share = 1,
    next_: Next = None,
    for_: For = None,
    sandbox_url: SandboxUrl = DEFAULT_URL,
) -> None:
    """Let the REST API answer with an error, or slowly."""
    slowly = how == "slowly"
    if not slowly and not (how.isascii() and how.isdecimal() and 400 <= int(how) <= 599):  # noqa: PLR2004
        raise typer.BadParameter(f"{how!r} is neither slowly nor a status from 400 to 599.")
    fault = AnswerFaultRequest(
        status=None if slowly else int(how),
        by=by if slowly else timedelta(0),
        path=path,
        share=share,
        next=next_,
        lasts=for_,
    )
    with _sandbox(sandbox_url) as client:
        _show_faults(client.add_answer_fault(fault))


@sandbox.command()
def clear_faults(sandbox_url: SandboxUrl = DEFAULT_URL) -> None:
    """End all faults."""
    with _sandbox(sandbox_url) as client:
        client.clear_faults()
    OUT.print("All faults have ended.")


def _webhooks(url: str, fault: WebhookFaultRequest) -> None:
    with _sandbox(url) as client:
        _show_faults(client.add_webhook_fault(fault))


def _show_faults(faults: list[FaultStatus]) -> None:
    for fault in faults:
        OUT.print(screens.fault_line(fault))
