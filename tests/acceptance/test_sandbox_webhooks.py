"""The webhooks of the stand-in for the provider, and their faults."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from itertools import count, pairwise

import pytest
from dodopayments import (
    BadRequestError,
)

from service.sandbox.deliveries import RETRY_SECONDS
from service.sandbox.messages import WebhookFaultRequest
from tests.builders import SECRET
from tests.receiver import Receiver, receiver
from tests.sandbox import Sandbox, sandbox

NUMBERS = count(1)
UNLIMITED = ("--requests-per-minute=0", "--requests-per-second=0")


@pytest.fixture
def told() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture(scope="module")
def quiet() -> Iterator[Sandbox]:
    """A sandbox in which only commands let anything happen."""
    with sandbox(*UNLIMITED, customers=0) as made:
        yield made


@pytest.fixture
def telling(quiet: Sandbox, told: Receiver) -> Iterator[Sandbox]:
    """The quiet sandbox with one endpoint, which no other test has."""
    endpoint = quiet.sdk().webhooks.create(url=told.url)
    told.secret = quiet.sdk().webhooks.retrieve_secret(endpoint.id).secret
    yield quiet
    quiet.control.clear_faults()
    for one in quiet.sdk().webhooks.list(limit=100):
        quiet.sdk().webhooks.delete(one.id)


@pytest.fixture
def held(quiet: Sandbox) -> str:
    """A subscription that no other test has, bought before anybody was told."""
    name = f"b{next(NUMBERS)}"
    quiet.control.act("buy", f"cus_{name}", {"product_id": "pdt_basic"})
    quiet.control.settle()
    return f"sub_{name}"


def test_webhooks_are_signed_and_tell_what_happens(telling: Sandbox, told: Receiver) -> None:
    telling.control.act("buy", "cus_ada", {"product_id": "pdt_pro"})
    telling.control.settle()
    [active] = told.of("subscription.active")
    assert active.is_signed(told.secret)
    assert active.event["data"]["customer"]["customer_id"] == "cus_ada"
    assert active.event["business_id"] == telling.control.status().business_id
    # on the sandbox's clock, and not before the event
    assert timedelta(0) <= active.sent_at - active.happened_at <= timedelta(seconds=2)
    assert len({one.webhook_id for one in told.received}) == len(told.received)


def test_a_secret_that_is_rotated_signs_for_a_day_more(telling: Sandbox, told: Receiver) -> None:
    [endpoint] = telling.control.status().endpoints
    new = telling.control.rotate(endpoint.id).secret
    assert telling.sdk().webhooks.retrieve_secret(endpoint.id).secret == new != told.secret
    for days, signs in ((0.5, True), (1, False)):
        told.received.clear()
        telling.control.act("buy", f"cus_rotates_{days}", {"product_id": "pdt_pro"})
        telling.control.settle()
        [active] = told.of("subscription.active")
        assert (active.is_signed(new), active.is_signed(told.secret)) == (True, signs)
        telling.control.move(timedelta(days=1))
    told.secret = new


def test_the_sdk_verifies_webhooks_that_are_stamped_by_the_real_clock(told: Receiver) -> None:
    with sandbox("--real-stamps", customers=1, webhooks_to=told.url, secret=SECRET) as made:
        made.control.act("buy", "cus_ada", {"product_id": "pdt_team"})
        made.control.settle()
        assert told.received
        for one in told.received:
            text = one.body.decode()
            event = made.sdk().webhooks.unwrap(text, headers=one.headers, key=SECRET)
            assert event.type == one.event["type"]


def test_a_webhook_that_is_refused_is_sent_again_when_the_provider_would(
    held: str, telling: Sandbox, told: Receiver
) -> None:
    given_up = telling.control.status().webhooks.get("given up", 0)
    told.status = 500
    telling.control.act("replace-payment-method", held)
    telling.control.settle()
    status = telling.control.move(timedelta(hours=28))
    assert len(told.received) == 8
    assert len({one.webhook_id for one in told.received}) == 1
    stamps = [one.sent_at for one in told.received]
    pauses = [(after - before).total_seconds() for before, after in pairwise(stamps)]
    assert pauses == pytest.approx(RETRY_SECONDS, abs=1.1)
    assert (status.webhooks["given up"], status.waiting) == (given_up + 1, 0)


def test_a_retry_shows_the_resource_as_it_is_then(
    held: str, telling: Sandbox, told: Receiver
) -> None:
    told.status = 503
    telling.control.act("replace-payment-method", held)
    telling.control.settle()
    telling.control.act("pause", held)
    telling.control.settle()
    told.status = 200
    telling.control.move(timedelta(seconds=10))
    replaced = told.of("subscription.update_payment_method")
    assert [one.event["data"]["status"] for one in replaced] == ["active", "paused"]


def test_an_endpoint_gets_the_types_that_it_asked_for(telling: Sandbox, told: Receiver) -> None:
    sdk = telling.sdk()
    [endpoint] = sdk.webhooks.list().data
    sdk.webhooks.update(endpoint.id, filter_types=["payment.succeeded"])
    telling.control.act("buy", "cus_dan", {"product_id": "pdt_pro"})
    telling.control.settle()
    assert {one.event["type"] for one in told.received} == {"payment.succeeded"}
    sdk.webhooks.update(endpoint.id, disabled=True)
    telling.control.act("buy", "cus_bob", {"product_id": "pdt_pro"})
    telling.control.settle()
    assert len(told.received) == 1


def test_an_endpoints_own_headers_are_sent(held: str, telling: Sandbox, told: Receiver) -> None:
    headers = telling.sdk().webhooks.headers
    [endpoint] = telling.sdk().webhooks.list().data
    headers.update(endpoint.id, headers={"x-tenant": "ada"})
    assert headers.retrieve(endpoint.id).headers == {"x-tenant": "ada"}
    telling.control.act("replace-payment-method", held)
    telling.control.settle()
    assert [one.headers["x-tenant"] for one in told.received] == ["ada"]
    with pytest.raises(BadRequestError):
        headers.update(endpoint.id, headers={"x": "a\nb"})


def test_webhooks_are_lost_late_doubled_and_out_of_order(
    held: str, telling: Sandbox, told: Receiver
) -> None:
    control = telling.control
    control.add_webhook_fault(WebhookFaultRequest(kind="lose", next=1))
    control.act("replace-payment-method", held)
    control.settle()
    assert told.of("subscription.update_payment_method") == []
    assert [attempt.outcome for attempt in control.attempts()][-1] == "lost"
    control.clear_faults()

    control.add_webhook_fault(WebhookFaultRequest(kind="duplicate", next=1))
    control.act("replace-payment-method", held)
    control.settle()
    first, second = told.of("subscription.update_payment_method")
    assert (first.webhook_id, first.body) == (second.webhook_id, second.body)
    control.clear_faults()

    control.add_webhook_fault(WebhookFaultRequest(kind="delay", by=timedelta(hours=1), next=1))
    control.act("replace-payment-method", held)
    control.settle()
    assert len(told.of("subscription.update_payment_method")) == 2
    control.move(timedelta(hours=1))
    late = told.of("subscription.update_payment_method")[2]
    assert late.sent_at - late.happened_at >= timedelta(hours=1)
    control.clear_faults()

    told.received.clear()
    control.add_webhook_fault(WebhookFaultRequest(kind="reorder", by=timedelta(minutes=10)))
    for _ in range(8):
        control.act("replace-payment-method", held)
        control.move(timedelta(seconds=1))
    control.move(timedelta(minutes=10))
    happened = [one.happened_at for one in told.of("subscription.update_payment_method")]
    assert len(happened) == 8
    assert happened != sorted(happened)


def test_a_fault_lasts_as_long_as_it_was_told_to(
    held: str, telling: Sandbox, told: Receiver
) -> None:
    control = telling.control
    control.add_webhook_fault(WebhookFaultRequest(kind="lose", lasts=timedelta(days=1)))
    control.act("replace-payment-method", held)
    control.move(timedelta(days=1, minutes=1))
    control.act("replace-payment-method", held)
    control.settle()
    assert len(told.of("subscription.update_payment_method")) == 1
    assert control.status().faults == []


def test_a_receiver_that_hangs_does_not_hold_up_the_rest_api(telling: Sandbox) -> None:
    # accepts connections, and never answers
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sdk = telling.sdk()
        sdk.webhooks.create(url=f"http://127.0.0.1:{silent.getsockname()[1]}/")
        telling.control.act("buy", "cus_cy", {"product_id": "pdt_pro"})
        assert sdk.with_options(timeout=5).subscriptions.list().items
        assert not telling.control.status().settled


def test_it_stops_while_webhooks_are_being_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with sandbox(customers=5, webhooks_to=url, secret=SECRET) as made:
            made.control.act("buy", "cus_ada", {"product_id": "pdt_pro"})
            made.control.advance(timedelta(days=80))
            assert made.sdk().subscriptions.list().items
            assert made.stop() == 0
            assert made.log() == ""
