"""One customer's story, told by signed webhooks: what Daybook is for, in a minute."""

import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
from msgspec import Struct
from pydantic import SecretStr

from service.cli import screens
from service.cli.send import new_webhook_id, send
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


class Telling(Struct, frozen=True):
    """One webhook of the story: when it happened, what it says, and what is odd about it."""

    days: float
    type: str
    status: str
    remark: str = ""
    again: bool = False


STORY = (
    Telling(-40, "subscription.active", "active", "bought"),
    Telling(-40, "payment.succeeded", "succeeded"),
    Telling(-40, "subscription.renewed", "active"),
    Telling(-40, "subscription.renewed", "active", "the same delivery again", again=True),
    Telling(-10, "payment.failed", "failed", "the renewal fails"),
    Telling(-10, "subscription.on_hold", "on_hold"),
    Telling(-7, "subscription.update_payment_method", "on_hold", "a new card"),
    Telling(-6.9, "payment.succeeded", "succeeded"),
    Telling(-6, "subscription.updated", "active", "active, though nothing told of a recovery"),
    Telling(-6.9, "subscription.active", "active", "there it is: the late event"),
    Telling(-5, "subscription.gifted", "active", "a type that nobody knows yet"),
    Telling(-1, "subscription.cancelled", "cancelled", "cancelled, paid until the period ends"),
)


def run(out: screens.Screen, *, port: int, once: bool) -> None:
    """Serve from a scratch data directory, tell the story, show the answers; then serve on."""
    serve.name_process("demo")
    with _scratch() as data_dir:
        settings = _settings(data_dir, port)
        sock = serve.listen(settings.host, settings.port)
        where = screens.origin(settings.host, sock.getsockname()[1])
        with database(settings, watch=True) as url, serve.serving(settings, url, sock):
            trial = trial_now(settings, url)
            try:
                _tell(out, where, trial)
                if not once:
                    _serve_on(out, where, settings, trial)
            except KeyboardInterrupt:
                out.print("Stopping; the scratch database is thrown away.")


def _settings(data_dir: Path, port: int) -> Settings:
    """Made here and not read: whatever is configured, the story must not get into a real book."""
    secret = make_trial_book(data_dir)
    book = Book(mode="test", secrets=[SecretStr(secret)])
    return Settings.model_construct(
        data_dir=data_dir, port=port, database_url=None, books={TRIAL_BOOK: book}
    )


def _tell(out: screens.Screen, where: str, trial: Trial | None) -> None:
    assert trial is not None  # noqa: S101 - the demo's configuration is one that serve made
    with httpx.Client(base_url=where, timeout=15) as client:
        _await_ready(client)
        last = _send_story(out, client, trial.secret)
        client.headers["authorization"] = f"Bearer {trial.api_key}"
        _await_position(client, last)
        said = client.get(f"/v1/customers/{CUSTOMER}/access")
        screens.access(out, msgspec.json.decode(said.content, type=AccessAnswer))
        said = client.get(f"/v1/subscriptions/{SUBSCRIPTION}/history")
        screens.history(out, msgspec.json.decode(said.content, type=History))


def _send_story(out: screens.Screen, client: httpx.Client, secret: str) -> int:
    now = datetime.now(UTC)
    last = 0
    webhook_id, content = "", b""
    for number, telling in enumerate(STORY):
        if not telling.again:
            webhook_id, content = new_webhook_id(), body(telling, now, number)
        sent = send(client, f"/webhooks/{TRIAL_BOOK}", secret, content, webhook_id)
        out.print(
            f"{sent.status} {telling.type:<36}{sent.text:<40}{telling.remark}",
            soft_wrap=True,
        )
        position = parse(msgspec.json.decode(sent.text)["position"])
        last = max(last, position.number)
    return last


def body(telling: Telling, now: datetime, number: int) -> bytes:
    """The body of one webhook, in the provider's shape; ``number`` names its payment."""
    at = now + timedelta(days=telling.days)
    data = (
        _payment(telling, at, number)
        if telling.type.startswith("payment")
        else _subscription(telling, now)
    )
    document = {"business_id": "bus_demo", "type": telling.type, "timestamp": at, "data": data}
    return msgspec.json.encode(document)


_ADA = {"customer_id": CUSTOMER, "email": "ada@example.com", "name": "Ada Lovelace"}


def _subscription(telling: Telling, now: datetime) -> dict[str, Any]:
    started = now - timedelta(days=40)
    unpaid = telling.status == "on_hold" or telling.days < -7  # noqa: PLR2004
    return {
        "payload_type": "Subscription",
        "subscription_id": SUBSCRIPTION,
        "status": telling.status,
        "customer": _ADA,
        "product_id": PRODUCT,
        "created_at": started,
        "previous_billing_date": started if unpaid else now - timedelta(days=6.9),
        "next_billing_date": now - timedelta(days=10) if unpaid else now + timedelta(days=23.1),
        "cancel_at_next_billing_date": False,
        "cancelled_at": now - timedelta(days=1) if telling.status == "cancelled" else None,
        "recurring_pre_tax_amount": 1900,
        "currency": "EUR",
        "quantity": 1,
        "payment_frequency_interval": "Month",
        "payment_frequency_count": 1,
        "trial_period_days": 0,
    }


def _payment(telling: Telling, at: datetime, number: int) -> dict[str, Any]:
    return {
        "payload_type": "Payment",
        "payment_id": f"pay_demo_{number}",
        "status": telling.status,
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


def _serve_on(out: screens.Screen, where: str, settings: Settings, trial: Trial | None) -> None:
    screens.serving(out, where, settings, trial)
    out.print("Serving until Ctrl-C. Try:")
    auth = f"-H 'Authorization: Bearer {trial.api_key}'" if trial else ""
    for path in (
        f"customers/{CUSTOMER}/access",
        f"subscriptions/{SUBSCRIPTION}",
        f"subscriptions/{SUBSCRIPTION}/history",
        "payments?status=failed",
        "events/1/body",
    ):
        out.print(f"  curl {auth} '{where}/v1/{path}'", soft_wrap=True)
    while True:
        signal.pause()


@contextmanager
def _scratch() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="daybook-demo-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
