"""``daybook demo``: one customer's story in signed webhooks."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import httpx
import msgspec
import typer
from msgspec import Struct
from msgspec.structs import replace
from pydantic import SecretStr

from service.cli import screens
from service.cli.app import app
from service.cli.options import OUT
from service.cli.sending import new_webhook_id, send
from service.console.sessions import make_link
from service.database.connections import connect
from service.queries.answers import AccessAnswer, History
from service.sandbox.simulation import body
from service.sandbox.world import Happening, World
from service.server import run as serve
from service.server.database import database
from service.server.trial import TRIAL_BOOK, Trial, make_trial_book, trial_now
from service.settings import Book, Settings
from service.store.api_keys import digest, find_caller
from service.store.positions import parse

CUSTOMER, PRODUCT = "cus_demo_ada", "pdt_pro"
SUBSCRIPTION = "sub_demo_ada"

_WAIT_SECONDS = 30


class Chapter(Struct, frozen=True):
    """One webhook of the story, and a remark; ``again`` is one that was sent before."""

    type: str
    body: bytes
    remark: str = ""
    again: bool = False


def story(now: datetime) -> list[Chapter]:
    """Forty days of one subscriber, among them a failed renewal and a cancellation."""
    world = World(0, 1, begin=now - timedelta(days=40))

    def told(happened: list[Happening], event: str, remark: str = "") -> Chapter:
        happening = next(one for one in happened if one.type == event)
        return Chapter(event, body(world, happening), remark)

    bought = world.buy(CUSTOMER, PRODUCT)
    renewed = told(bought, "subscription.renewed")
    chapters = [
        told(bought, "subscription.active", "bought"),
        told(bought, "payment.succeeded"),
        renewed,
        replace(renewed, remark="sent again: a duplicate", again=True),
    ]
    world.fail_next_renewal(SUBSCRIPTION)
    failed = world.advance(now - timedelta(days=8))
    chapters += [
        told(failed, "payment.failed", "the renewal fails"),
        told(failed, "subscription.on_hold"),
    ]
    world.advance(now - timedelta(days=7))
    method = world.replace_payment_method(SUBSCRIPTION)
    chapters.append(told(method, "subscription.update_payment_method", "a new card"))
    world.advance(now - timedelta(days=6.9))
    paid = world.recover(SUBSCRIPTION, new_method=False)
    chapters.append(told(paid, "payment.succeeded"))
    missing = told(paid, "subscription.active", "the missing event, late")
    world.advance(now - timedelta(days=6))
    updated = world.enact("subscription.updated", CUSTOMER)
    chapters += [told(updated, "subscription.updated", "active, and no event says why"), missing]
    unknown = [replace(updated[-1], type="subscription.gifted", at=now - timedelta(days=5))]
    chapters.append(told(unknown, "subscription.gifted", "an unknown event type"))
    world.advance(now - timedelta(days=1))
    cancelled = world.cancel(SUBSCRIPTION)
    chapters.append(told(cancelled, "subscription.cancelled", "paid until the period ends"))
    return chapters


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="0 for any free one.")] = 8000,
    *,
    once: Annotated[bool, typer.Option("--once", help="Exit after the story.")] = False,
) -> None:
    """Show one customer's story, told by signed webhooks on a scratch database.

    Starts everything and sends a dozen webhooks over HTTP, among them a duplicate, a late event and
    an unknown one. Shows the access answer and the history, then serves until Ctrl-C.
    """
    serve.name_process("demo")
    with _scratch() as data_dir:
        settings = _settings(data_dir, port)
        sock = serve.listen(settings.host, settings.port)
        origin = screens.origin(settings.host, sock.getsockname()[1])
        with database(settings, watch=True) as url, serve.serving(settings, url, sock):
            trial = trial_now(settings, url)
            try:
                _tell(OUT, origin, trial)
                if not once:
                    _serve_on(OUT, origin, url, settings, trial)
            except KeyboardInterrupt:
                OUT.print("Stopping, and deleting the scratch database.")


def _settings(data_dir: Path, port: int) -> Settings:
    """Settings of the demo's own: its story must never get into a configured book."""
    secret = make_trial_book(data_dir)
    book = Book(mode="test", secrets=[SecretStr(secret)])
    return Settings.model_construct(
        data_dir=data_dir, port=port, database_url=None, books={TRIAL_BOOK: book}
    )


def _tell(out: screens.Screen, origin: str, trial: Trial | None) -> None:
    assert trial is not None  # noqa: S101 - the trial book is the only one
    with httpx.Client(base_url=origin, timeout=15) as client:
        _await_ready(client)
        out.print("Sending a dozen webhooks about the last 40 days:")
        last = _send_story(out, client, trial.secret)
        client.headers["authorization"] = f"Bearer {trial.api_key}"
        _await_position(client, last)
        response = client.get(f"/v1/customers/{CUSTOMER}/access")
        screens.access(out, msgspec.json.decode(response.content, type=AccessAnswer))
        response = client.get(f"/v1/subscriptions/{SUBSCRIPTION}/history")
        screens.history(out, msgspec.json.decode(response.content, type=History))


def _send_story(out: screens.Screen, client: httpx.Client, secret: str) -> int:
    last = 0
    webhook_id = ""
    for chapter in story(datetime.now(UTC)):
        if not chapter.again:
            webhook_id = new_webhook_id()
        reply = send(client, f"/webhooks/{TRIAL_BOOK}", secret, chapter.body, webhook_id)
        position = parse(msgspec.json.decode(reply.text)["position"])
        line = f"{reply.status} {chapter.type:<35} {position!s:<11} {chapter.remark}"
        out.print(line.rstrip(), soft_wrap=True)
        last = max(last, position.number)
    return last


def _await_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            if client.get("/readyz").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise httpx.ConnectError("the service did not become ready")


def _await_position(client: httpx.Client, position: int) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        reflected = client.get(f"/v1/customers/{CUSTOMER}/access").json()["position"]
        if parse(reflected).number >= position:
            return
        time.sleep(0.02)


def _serve_on(
    out: screens.Screen, origin: str, url: str, settings: Settings, trial: Trial | None
) -> None:
    screens.serving(out, origin, settings, trial)
    if trial and (token := asyncio.run(_sign_in_token(url, trial))):
        out.print("Open the console in a browser. This link signs in once, within the hour:")
        out.print(f"  {origin}/console/-/link/{token}", soft_wrap=True)
    out.print("Serving until Ctrl-C. Or ask the API:")
    auth = f"-H 'Authorization: Bearer {trial.api_key}'" if trial else ""
    for path in (
        f"customers/{CUSTOMER}/access",
        f"subscriptions/{SUBSCRIPTION}",
        f"subscriptions/{SUBSCRIPTION}/history",
        "payments?status=failed",
        "events/1/body",
    ):
        out.print(f"  curl {auth} '{origin}/v1/{path}'", soft_wrap=True)
    while True:
        # a signal that reaches another thread is handled when this one wakes
        time.sleep(1)


async def _sign_in_token(url: str, trial: Trial) -> str | None:
    """A token that opens the console once, by the trial key; None if that was revoked."""
    async with await connect(url) as conn:
        caller = await find_caller(conn, digest(trial.api_key))
        return await make_link(conn, caller) if caller else None


@contextmanager
def _scratch() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="daybook-demo-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
