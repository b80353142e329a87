"""``daybook sandbox lose`` and so on: what goes wrong in the sandbox that runs."""

from datetime import timedelta
from typing import Annotated

import typer

from service.cli import screens
from service.cli.commands.sandbox import sandbox
from service.cli.commands.sandbox_control import SandboxUrl, Span
from service.cli.options import OUT, parse_span
from service.sandbox.client import DEFAULT_URL, SandboxClient
from service.sandbox.messages import AnswerFaultRequest, FaultStatus, WebhookFaultRequest

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
    with SandboxClient(sandbox_url) as client:
        _show_faults(client.add_answer_fault(fault))


@sandbox.command()
def clear_faults(sandbox_url: SandboxUrl = DEFAULT_URL) -> None:
    """End all faults."""
    with SandboxClient(sandbox_url) as client:
        client.clear_faults()
    OUT.print("All faults have ended.")


def _webhooks(url: str, fault: WebhookFaultRequest) -> None:
    with SandboxClient(url) as client:
        _show_faults(client.add_webhook_fault(fault))


def _show_faults(faults: list[FaultStatus]) -> None:
    for fault in faults:
        OUT.print(screens.fault_line(fault))
