"""``daybook demo``: one customer's story in signed webhooks."""

import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
import msgspec
import typer
from msgspec import Struct
from pydantic import SecretStr

from service.cli import screens
from service.cli.app import app
from service.cli.options import OUT
from service.cli.sending import new_webhook_id, send
from service.queries.answers import AccessAnswer, History
from service.server import run as serve
from service.server.database import database
from service.server.trial import TRIAL_BOOK, Trial, make_trial_book, trial_now
from service.settings import Book, Settings
from service.store.positions import parse

CUSTOMER = "cus_demo_ada"
SUBSCRIPTION = "sub_demo_1"
PRODUCT = "pdt_demo_pro"

_WAIT_SECONDS = 30


class Chapter(Struct, frozen=True):
    """One webhook of the story: when its event happened, its payload, and a remark."""

    days: float
    type: str
    status: str
    remark: str = ""
    again: bool = False


STORY = (
    Chapter(-40, "subscription.active", "active", "bought"),
    Chapter(-40, "payment.succeeded", "succeeded"),
    Chapter(-40, "subscription.renewed", "active"),
    Chapter(-40, "subscription.renewed", "active", "sent again: a duplicate", again=True),
    Chapter(-10, "payment.failed", "failed", "the renewal fails"),
    Chapter(-10, "subscription.on_hold", "on_hold"),
    Chapter(-7, "subscription.update_payment_method", "on_hold", "a new card"),
    Chapter(-6.9, "payment.succeeded", "succeeded"),
    Chapter(-6, "subscription.updated", "active", "active, and no event says why"),
    Chapter(-6.9, "subscription.active", "active", "the missing event, late"),
    Chapter(-5, "subscription.gifted", "active", "an unknown event type"),
    Chapter(-1, "subscription.cancelled", "cancelled", "paid until the period ends"),
)


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
                    _serve_on(OUT, origin, settings, trial)
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
    now = datetime.now(UTC)
    last = 0
    webhook_id, content = "", b""
    for number, chapter in enumerate(STORY):
        if not chapter.again:
            webhook_id, content = new_webhook_id(), body(chapter, now, number)
        reply = send(client, f"/webhooks/{TRIAL_BOOK}", secret, content, webhook_id)
        position = parse(msgspec.json.decode(reply.text)["position"])
        line = f"{reply.status} {chapter.type:<35} {position!s:<11} {chapter.remark}"
        out.print(line.rstrip(), soft_wrap=True)
        last = max(last, position.number)
    return last


def body(chapter: Chapter, now: datetime, number: int) -> bytes:
    """The body of one webhook in the provider's format; ``number`` names its payment."""
    at = now + timedelta(days=chapter.days)
    data = (
        _payment(chapter, at, number)
        if chapter.type.startswith("payment")
        else _subscription(chapter, now)
    )
    document = {"business_id": "bus_demo", "type": chapter.type, "timestamp": at, "data": data}
    return msgspec.json.encode(document)


_ADA = {"customer_id": CUSTOMER, "email": "ada@example.com", "name": "Ada Lovelace"}


def _subscription(chapter: Chapter, now: datetime) -> dict[str, Any]:
    started = now - timedelta(days=40)
    unpaid = chapter.status == "on_hold" or chapter.days < -7  # noqa: PLR2004
    return {
        "payload_type": "Subscription",
        "subscription_id": SUBSCRIPTION,
        "status": chapter.status,
        "customer": _ADA,
        "product_id": PRODUCT,
        "created_at": started,
        "previous_billing_date": started if unpaid else now - timedelta(days=6.9),
        "next_billing_date": now - timedelta(days=10) if unpaid else now + timedelta(days=23.1),
        "cancel_at_next_billing_date": False,
        "cancelled_at": now - timedelta(days=1) if chapter.status == "cancelled" else None,
        "recurring_pre_tax_amount": 1900,
        "currency": "EUR",
        "quantity": 1,
        "payment_frequency_interval": "Month",
        "payment_frequency_count": 1,
        "trial_period_days": 0,
    }


def _payment(chapter: Chapter, at: datetime, number: int) -> dict[str, Any]:
    return {
        "payload_type": "Payment",
        "payment_id": f"pay_demo_{number}",
        "status": chapter.status,
        "customer": _ADA,
        "subscription_id": SUBSCRIPTION,
        "total_amount": 1900,
        "currency": "EUR",
        "created_at": at,
    }


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


def _serve_on(out: screens.Screen, origin: str, settings: Settings, trial: Trial | None) -> None:
    screens.serving(out, origin, settings, trial)
    out.print("Serving until Ctrl-C. Try:")
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
        signal.pause()


@contextmanager
def _scratch() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="daybook-demo-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
