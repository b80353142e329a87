"""The client reads all that the sandbox has, and asks for little more than it must."""

import math
from collections import defaultdict
from collections.abc import Iterator

import msgspec
import pytest
from dodopayments import types
from pydantic import BaseModel

from service.provider.client import Provider
from service.provider.kinds import (
    CREDIT,
    CREDIT_BALANCES,
    CREDIT_ENTITLEMENTS,
    ENTITLEMENT_GRANT,
    KINDS,
    Kind,
)
from service.provider.lists import rows
from service.settings import Book
from tests.builders import SECRET
from tests.sandbox import Sandbox, sandbox

WHOLE = [kind for kind in KINDS.values() if "{" not in kind.list_path]


@pytest.fixture(scope="module")
def merchant() -> Iterator[Sandbox]:
    flags = ("--requests-per-minute=0", "--requests-per-second=0", "--payments-last-page=2")
    with sandbox(*flags, customers=60) as running:
        yield running


def client(merchant: Sandbox) -> Provider:
    provider = {"api_key": merchant.api_key, "url": merchant.url, "requests_per_minute": 100_000}
    book = Book.model_validate({"mode": "test", "secrets": [SECRET], "provider": provider})
    return Provider("test", book)


def held(merchant: Sandbox, kind: str) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = merchant.control.resources(kind)
    return found


async def listed(provider: Provider, kind: Kind, **filters: str) -> dict[str, dict[str, object]]:
    return {
        row.id: msgspec.json.decode(row.body)
        async for page in rows(provider, kind, page_size=20, filters=filters)
        for row in page.rows
    }


@pytest.mark.parametrize("kind", WHOLE, ids=lambda kind: kind.category)
async def test_every_resource_is_listed(kind: Kind, merchant: Sandbox) -> None:
    expected = held(merchant, kind.category)
    async with client(merchant) as provider:
        found = await listed(provider, kind)
        if kind.category != "payment":
            assert provider.calls <= math.ceil(len(expected) / 20) + 3
    assert expected.keys() == found.keys() != set()
    lacking: defaultdict[str, set[str]] = defaultdict(set)
    for name, row in found.items():
        lacking[kind.category] |= expected[name].keys() - row.keys()
    assert lacking[kind.category] <= kind.lacks


async def test_every_grant_and_every_movement_of_credits_is_listed(merchant: Sandbox) -> None:
    grants: set[str] = set()
    movements: set[str] = set()
    async with client(merchant) as provider:
        for customer in held(merchant, "customer"):
            grants |= (await listed(provider, ENTITLEMENT_GRANT, customer_id=customer)).keys()
        for credit in await listed(provider, CREDIT_ENTITLEMENTS):
            balances = await listed(provider, CREDIT_BALANCES, credit_entitlement_id=credit)
            for balance in balances.values():
                of = {"credit_entitlement_id": credit, "customer_id": str(balance["customer_id"])}
                movements |= (await listed(provider, CREDIT, **of)).keys()
    assert grants == held(merchant, "entitlement_grant").keys() != set()
    assert movements == held(merchant, "credit").keys() != set()


@pytest.mark.parametrize(
    ("category", "full", "row"),
    [
        ("subscription", types.Subscription, types.SubscriptionListResponse),
        ("payment", types.Payment, types.PaymentListResponse),
        ("refund", types.Refund, types.RefundListItem),
        ("dispute", types.GetDispute, types.DisputeListResponse),
        ("payout", types.PayoutListResponse, types.PayoutListResponse),
    ],
)
def test_what_a_row_lacks_is_what_the_sdk_says(
    category: str, full: type[BaseModel], row: type[BaseModel]
) -> None:
    assert full.model_fields.keys() - row.model_fields.keys() == KINDS[category].lacks


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS.values() if kind.read_path], ids=lambda kind: kind.category
)
async def test_a_resource_is_read_by_its_id(kind: Kind, merchant: Sandbox) -> None:
    name, expected = next(iter(held(merchant, kind.category).items()))
    async with client(merchant) as provider:
        reply = await provider.get(kind.path_of(name))
    assert msgspec.json.decode(reply.body) == expected
