"""``daybook sandbox``: a stand-in for the provider, to rehearse with."""

import secrets
from datetime import timedelta
from typing import Annotated

import typer

from service.cli import screens
from service.cli.app import app
from service.cli.options import ERR, OUT, Config, DataDir, parse_span
from service.sandbox.client import DEFAULT_PORT
from service.telemetry.wording import number_of

sandbox = typer.Typer(invoke_without_command=True)
app.add_typer(sandbox, name="sandbox")

_HOST = "127.0.0.1"
_MANY = 1_000


@sandbox.callback()
def start(  # noqa: PLR0913, PLR0917 - one parameter a flag
    context: typer.Context,
    customers: Annotated[int, typer.Option(min=0, max=100_000, help="Number of customers.")] = 20,
    seed: Annotated[int, typer.Option(help="The same seed makes the same world.")] = 1,
    behind: Annotated[
        timedelta,
        typer.Option(
            parser=parse_span,
            metavar="SPAN",
            help="How far its clock is behind the present: as far can it be moved.",
        ),
    ] = "90d",  # type: ignore[assignment]  # parsed
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 for any free one.")] = (
        DEFAULT_PORT
    ),
    webhooks_to: Annotated[
        str | None, typer.Option(metavar="URL", help="Make an endpoint for webhooks to this URL.")
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option(
            envvar="DAYBOOK_SECRET",
            help="Its signing secret.",
            show_default="the configured one of the book in the URL",
        ),
    ] = None,
    api_key: Annotated[
        str | None, typer.Option(help="The key of the REST API.", show_default="a new one")
    ] = None,
    requests_per_minute: Annotated[int, typer.Option(min=0, help="0 for no limit.")] = 240,
    requests_per_second: Annotated[int, typer.Option(min=0, help="0 for no limit.")] = 40,
    payments_last_page: Annotated[
        int, typer.Option(min=0, help="The highest page number of the list of payments.")
    ] = 100,
    *,
    real_stamps: Annotated[
        bool,
        typer.Option(
            "--real-stamps",
            help="Stamp webhooks by the real clock, for receivers that refuse old ones.",
        ),
    ] = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Run a stand-in for the provider on this machine, until Ctrl-C.

    It has a merchant's made-up customers, answers as the provider's REST API does, and sends signed
    webhooks with the provider's retries. Its clock starts in the past and can be moved up to the
    present; what falls due on the way happens, and webhooks are sent.

    The commands below talk to it while it runs.
    """
    if context.invoked_subcommand is not None:
        return
    if webhooks_to is not None:
        from service.cli.sending import signing_secret  # noqa: PLC0415

        secret = signing_secret(webhooks_to, secret, config, data_dir)
    # not at the top: they import the HTTP server, which the other commands do not need
    from service.sandbox.app import Options, build  # noqa: PLC0415
    from service.sandbox.process import serve  # noqa: PLC0415
    from service.server import run  # noqa: PLC0415

    run.name_process("sandbox")
    options = Options(
        api_key=api_key or f"sandbox_{secrets.token_urlsafe(24)}",
        customers=customers,
        seed=seed,
        behind=behind,
        webhooks_to=webhooks_to,
        secret=secret,
        per_minute=requests_per_minute,
        per_second=requests_per_second,
        payments_last_page=payments_last_page,
        real_stamps=real_stamps,
    )
    with run.listen(_HOST, port) as sock:
        if customers > _MANY:
            ERR.print(f"Making {number_of(customers, 'customer')} and their history …")
        made = build(options)
        url = screens.origin(_HOST, sock.getsockname()[1])
        now = made.timeline.now
        OUT.print(
            f"Sandbox of {number_of(customers, 'customer')}; its clock shows"
            f" {now:%d %b %Y %H:%M} UTC."
        )
        OUT.print(f"  URL={url}", soft_wrap=True)
        OUT.print(f"  API_KEY={options.api_key}", soft_wrap=True)
        if webhooks_to is not None:
            OUT.print(f"Webhooks go to {webhooks_to}", soft_wrap=True)
        subscriptions = made.timeline.world.resources["subscription"].items()
        live = (name for name, held in subscriptions if held["status"] == "active")
        subscription = next(live, "sub_…")
        where = "" if port == DEFAULT_PORT else f" --sandbox-url {url}"
        OUT.print("To let a book of Daybook read it, in the book's table in daybook.toml:")
        OUT.print(
            f'  provider = {{ url = "{url}", api_key = "{options.api_key}" }}', soft_wrap=True
        )
        OUT.print("In another terminal:")
        OUT.print(f"  daybook sandbox status{where}", soft_wrap=True)
        OUT.print(f"  daybook sandbox fail-next-renewal {subscription}{where}", soft_wrap=True)
        OUT.print(f"  daybook sandbox advance 31d{where}", soft_wrap=True)
        serve(made, sock)
