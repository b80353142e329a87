"""The stand-in for the provider: its REST API as the provider's own SDK reads it, its webhooks."""

import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Any

import httpx
import pytest
from dodopayments import (
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    DodoPayments,
    InternalServerError,
    NotFoundError,
    RateLimitError,
)

from service.sandbox.client import SandboxError
from service.sandbox.messages import AnswerFaultRequest
from tests.sandbox import Sandbox, sandbox

UNLIMITED = ("--requests-per-minute=0", "--requests-per-second=0")


@pytest.fixture(scope="module")
def provider() -> Iterator[Sandbox]:
    """A sandbox of many customers that is only read."""
    with sandbox(*UNLIMITED, customers=60, payments_last_page="3") as made:
        yield made


def pages(read: Callable[..., Any], size: int = 100, **filters: Any) -> list[Any]:  # noqa: ANN401
    """All rows of a list, page by page until one is empty."""
    rows: list[Any] = []
    for number in count():
        items = read(page_number=number, page_size=size, **filters).items
        if not items:
            return rows
        rows += items
    raise AssertionError


def everything(sdk: DodoPayments) -> dict[str, tuple[Callable[..., Any], Callable[..., Any], str]]:
    """The reader of a list, the reader by id, and the field with the id."""
    return {
        "subscription": (sdk.subscriptions.list, sdk.subscriptions.retrieve, "subscription_id"),
        "payment": (sdk.payments.list, sdk.payments.retrieve, "payment_id"),
        "refund": (sdk.refunds.list, sdk.refunds.retrieve, "refund_id"),
        "dispute": (sdk.disputes.list, sdk.disputes.retrieve, "dispute_id"),
        "customer": (sdk.customers.list, sdk.customers.retrieve, "customer_id"),
        "license_key": (sdk.license_keys.list, sdk.license_keys.retrieve, "id"),
    }


@pytest.mark.parametrize(
    "kind", ["subscription", "payment", "refund", "dispute", "customer", "license_key"]
)
def test_the_sdk_accepts_every_list_and_every_resource(provider: Sandbox, kind: str) -> None:
    list_rows, retrieve, identity = everything(provider.sdk())[kind]
    with warnings.catch_warnings():
        # the SDK calls licence keys deprecated
        warnings.simplefilter("ignore", DeprecationWarning)
        rows = pages(list_rows)
        assert rows
        for row in rows[:50]:
            name = getattr(row, identity)
            assert getattr(retrieve(name), identity) == name
    assert {getattr(row, identity) for row in rows} == set(provider.control.resources(kind))
    stamps = [row.created_at for row in rows]
    assert stamps == sorted(stamps, reverse=True)


def test_the_sdk_accepts_invoices_and_mails(provider: Sandbox) -> None:
    sdk = provider.sdk()
    latest = sdk.payments.list(page_size=100).items
    payment = next(one for one in latest if one.status == "succeeded")
    assert sdk.invoices.payments.retrieve(payment.payment_id).read().startswith(b"%PDF")
    customer_id = payment.customer.customer_id
    mails = sdk.customers.emails.list(customer_id, page_size=100).items
    assert mails
    assert {mail.recipient for mail in mails} == {payment.customer.email}
    content = sdk.customers.emails.retrieve_body(mails[0].email_log_id, customer_id=customer_id)
    assert content.text
    assert content.text in (content.html or "")


def test_the_sdk_accepts_what_has_no_page_by_id(provider: Sandbox) -> None:
    sdk = provider.sdk()
    assert len(pages(sdk.payouts.list)) == len(provider.control.resources("payout"))
    instances = pages(sdk.license_key_instances.list)
    assert len(instances) == len(provider.control.resources("license_key_instance"))
    by_entitlement = [
        grant
        for entitlement in sdk.entitlements.list().items
        for grant in pages(lambda e=entitlement, **page: sdk.entitlements.grants.list(e.id, **page))
    ]
    by_customer = [
        grant
        for customer in provider.control.resources("customer")
        for grant in sdk.customers.list_entitlement_grants(customer, page_size=100).items
    ]
    names = {grant.id for grant in by_entitlement}
    assert names == {grant.id for grant in by_customer}
    assert names == set(provider.control.resources("entitlement_grant"))


def test_the_sdk_accepts_credits_and_their_ledgers(provider: Sandbox) -> None:
    sdk = provider.sdk()
    [kind] = sdk.credit_entitlements.list().items
    balances = sdk.credit_entitlements.balances
    held = pages(lambda **page: balances.list(kind.id, **page))
    assert held
    for one in held:
        assert balances.retrieve(one.customer_id, credit_entitlement_id=kind.id) == one
        entries = pages(
            lambda c=one.customer_id, **page: balances.list_ledger(
                c, credit_entitlement_id=kind.id, **page
            )
        )
        assert entries[0].balance_after == one.balance
        [shown] = sdk.customers.list_credit_entitlements(one.customer_id).items
        assert shown.balance == one.balance


def test_rows_of_lists_are_lighter(provider: Sandbox) -> None:
    subscription = provider.sdk().subscriptions.list().items[0].to_dict()
    payment = provider.sdk().payments.list().items[0].to_dict()
    full = provider.sdk().subscriptions.retrieve(str(subscription["subscription_id"])).to_dict()
    assert set(full) - set(subscription) == {
        "addons", "brand_id", "cancellation_comment", "cancellation_feedback",
        "credit_entitlement_cart", "custom_field_responses", "expires_at",
        "meter_credit_entitlement_cart", "meters",
    }  # fmt: skip
    assert set(subscription) - set(full) == {"product_name"}
    assert not {"business_id", "billing", "refunds", "disputes", "updated_at"} & set(payment)
    assert {"has_license_key", "dispute_status", "refund_status"} <= set(payment)


def test_lists_are_filtered(provider: Sandbox) -> None:
    sdk = provider.sdk()
    held = provider.control.resources("subscription")
    for status in ("active", "cancelled", "on_hold"):
        rows = pages(sdk.subscriptions.list, status=status)
        assert {row.subscription_id for row in rows} == {
            name for name, one in held.items() if one["status"] == status
        }
    payments = provider.control.resources("payment")
    middle = sorted(row["created_at"] for row in payments.values())[len(payments) // 2]
    older = pages(sdk.payments.list, created_at_lte=middle, size=100)
    newer = pages(sdk.payments.list, created_at_gte=middle, size=100)
    both = {row.payment_id for row in older} & {row.payment_id for row in newer}
    assert both == {name for name, row in payments.items() if row["created_at"] == middle}
    customer = next(iter(held.values()))["customer"]["customer_id"]
    rows = pages(sdk.payments.list, customer_id=customer)
    assert {row.customer.customer_id for row in rows} == {customer}


def test_a_page_beyond_the_last_of_payments_is_the_last_one(provider: Sandbox) -> None:
    payments = provider.sdk().payments
    last = payments.list(page_number=3, page_size=2).items
    assert last
    assert payments.list(page_number=100, page_size=2).items == last
    assert provider.sdk().subscriptions.list(page_number=100).items == []


def test_errors_are_the_providers(provider: Sandbox) -> None:
    with pytest.raises(NotFoundError) as missing:
        provider.sdk().subscriptions.retrieve("sub_nobody")
    body = {"code": "NOT_FOUND", "message": "Subscription 'sub_nobody' does not exist."}
    assert missing.value.body == body
    with pytest.raises(AuthenticationError):
        provider.sdk(api_key="wrong").subscriptions.list()
    with pytest.raises(BadRequestError):
        provider.sdk().subscriptions.list(page_size=101)
    with pytest.raises(BadRequestError):
        provider.sdk().subscriptions.list(status="happy")  # type: ignore[arg-type]
    assert httpx.get(f"{provider.url}/nothing", headers=provider.headers).status_code == 404
    assert httpx.put(f"{provider.url}/payments", headers=provider.headers).status_code == 405


def test_the_date_of_an_answer_is_that_of_the_sandbox(provider: Sandbox) -> None:
    answer = provider.sdk().payments.with_raw_response.list()
    off = parsedate_to_datetime(answer.headers["date"]) - provider.control.status().now
    assert abs(off) < timedelta(minutes=1)
    assert datetime.now(UTC) - provider.control.status().now > timedelta(days=89)


def test_requests_beyond_the_rate_limit_are_told_when_to_come_back() -> None:
    with sandbox(customers=1, requests_per_minute="5") as made:
        sdk = made.sdk()
        left = [
            int(sdk.payments.with_raw_response.list().headers["x-ratelimit-remaining"])
            for _ in range(5)
        ]
        assert left == [4, 3, 2, 1, 0]
        with pytest.raises(RateLimitError) as refused:
            sdk.payments.list()
        headers = refused.value.response.headers
        assert 0 < int(headers["retry-after"]) <= 60
        assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == ("5", "0")
        assert made.control.status().requests == 6


def test_an_endpoint_is_made_found_changed_and_deleted(provider: Sandbox) -> None:
    webhooks = provider.sdk().webhooks
    names = [
        webhooks.create(url=f"https://example.com/{n}", description=f"{n}").id for n in range(3)
    ]
    assert [one.id for one in webhooks.list(limit=2)] == names
    first = webhooks.list(limit=2)
    assert (len(first.data), first.done, first.iterator) == (2, False, names[1])
    changed = webhooks.update(names[0], disabled=True, filter_types=["payment.succeeded"])
    assert (changed.disabled, changed.filter_types) == (True, ["payment.succeeded"])
    assert webhooks.retrieve(names[0]) == changed
    assert webhooks.retrieve_secret(names[0]).secret.startswith("whsec_")
    assert webhooks.retrieve_secret(names[0]) != webhooks.retrieve_secret(names[1])
    for name in names:
        webhooks.delete(name)
    with pytest.raises(NotFoundError):
        webhooks.retrieve(names[0])
    with pytest.raises(BadRequestError):
        webhooks.create(url="ftp://example.com")


def test_answers_fail_as_told(provider: Sandbox) -> None:
    control, sdk = provider.control, provider.sdk()
    control.add_answer_fault(AnswerFaultRequest(status=500, next=1))
    with pytest.raises(InternalServerError):
        sdk.payments.list()
    assert sdk.payments.list().items
    control.add_answer_fault(AnswerFaultRequest(status=404, path="/payments/"))
    assert sdk.payments.list().items
    with pytest.raises(NotFoundError):
        sdk.payments.retrieve(sdk.payments.list().items[0].payment_id)
    control.clear_faults()
    control.add_answer_fault(AnswerFaultRequest(by=timedelta(minutes=1), next=1))
    with pytest.raises(APITimeoutError):
        sdk.with_options(timeout=0.1).payments.list()
    assert sdk.payments.list().items
    control.clear_faults()


def test_the_clock_does_not_pass_the_present() -> None:
    with sandbox(customers=1, behind="2d") as made:
        with pytest.raises(SandboxError, match="behind the present"):
            made.control.advance(timedelta(days=3))
        with pytest.raises(SandboxError, match="cannot be moved back"):
            made.control.advance(timedelta(days=-1))
        status = made.control.move(timedelta(days=2))
        assert abs(datetime.now(UTC) - status.now) < timedelta(minutes=1)


def test_a_command_that_makes_no_sense_says_what_would(provider: Sandbox) -> None:
    with pytest.raises(SandboxError, match="There is no subscription 'sub_x'"):
        provider.control.act("pause", "sub_x")
    with pytest.raises(SandboxError, match="There is no action 'explode'"):
        provider.control.act("explode", "sub_x")
    with pytest.raises(SandboxError, match="does not take these options"):
        provider.control.act("pause", "sub_x", {"loudly": True})
    answer = httpx.post(f"{provider.url}/sandbox/advance", content=b'{"by":"P1D"}')
    assert answer.status_code == 415
