"""A book that is filled from a sandbox, and what the two of them hold."""

import math
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec

from domain.policy import Policy
from projections.catalog import MEMOS
from service.database.connections import Connection
from service.provider.backfill import Options, Outcome, backfill
from service.provider.backfill_run import Watch
from service.provider.client import Provider
from service.queries.access import access_of
from service.queries.answers import AccessAnswer
from service.queries.known import known_resources
from service.readmodels.projector import advance
from service.sandbox.catalog import BUSINESS
from service.settings import Book
from service.store.events import append
from tests.builders import SECRET
from tests.deliveries import delivery
from tests.sandbox import Sandbox

KINDS = (
    "subscription", "refund", "dispute", "license_key", "entitlement_grant", "payment", "customer",
    "payout",
)  # fmt: skip
"""The kinds whose resources a sandbox holds as its API shows them."""

READ_BY_ID = ("subscription", "payment", "refund", "dispute")

Resources = dict[str, dict[str, Any]]


def book_of(merchant: Sandbox) -> Book:
    settings = {"api_key": merchant.api_key, "url": merchant.url, "requests_per_minute": 100_000}
    return Book.model_validate({"mode": "test", "secrets": [SECRET], "provider": settings})


def client(merchant: Sandbox) -> Provider:
    return Provider("test", book_of(merchant))


async def fill(
    url: str,
    merchant: Sandbox,
    options: Options | None = None,
    business_id: str | None = None,
    watch: Watch | None = None,
) -> Outcome:
    async with client(merchant) as provider:
        return await backfill(url, provider, "test", business_id, options, watch)


def requests(merchant: Sandbox) -> int:
    """How many requests the sandbox has answered."""
    return merchant.control.status().requests


async def project(conn: Connection) -> None:
    while await advance(conn, "test"):
        pass


async def tell(conn: Connection, at: datetime, *subscriptions: Mapping[str, Any]) -> None:
    """Webhooks of the status of subscriptions, as the sandbox would have sent them."""
    bodies = [
        {
            "type": f"subscription.{subscription['status']}", "timestamp": at.isoformat(),
            "business_id": BUSINESS, "data": {**subscription, "payload_type": "Subscription"},
        }
        for subscription in subscriptions
    ]  # fmt: skip
    sent = [delivery(msgspec.json.encode(body), sent_at=at) for body in bodies]
    await append(conn, "test", sent)
    await project(conn)


def held(merchant: Sandbox, kind: str) -> Resources:
    """The sandbox's resources of a kind, by id, as JSON has them."""
    return merchant.control.resources(kind)


async def differences(conn: Connection, merchant: Sandbox) -> list[str]:
    """What the book says otherwise than the sandbox, field by field."""
    found = []
    for kind in KINDS:
        theirs = held(merchant, kind)
        _, ours = await known_resources(conn, "test", MEMOS[kind], [*theirs])
        for name, fields in theirs.items():
            document = ours[name].document if name in ours else {}
            found += [f"{kind} {name} {f}" for f in _differing(kind, document, fields)]
    balances = held(merchant, "credit_balance")
    _, ours = await known_resources(conn, "test", MEMOS["credit"], [*balances])
    for name, balance in balances.items():
        document = ours[name].document if name in ours else {}
        if float(document.get("balance") or -1) != float(balance["balance"] or -1):
            found.append(f"credit {name} balance")
    return found


def _differing(kind: str, document: Mapping[str, Any], fields: Mapping[str, Any]) -> list[str]:
    if kind == "customer":
        names = {"customer_id", "email", "name"}
        return [n for n in names if document.get(n) != fields[n]]
    # our spelling of a status; a moment is compared where a document has it
    ours = {"status", "dispute_status", "respond_by"}
    return [n for n, v in fields.items() if n not in ours and document.get(n, "none") != v] + [
        n
        for n in ("status", "dispute_status")
        if n in fields and document.get("provider_status") != fields[n]
    ]


async def unknown(conn: Connection, ids: Mapping[str, Collection[str]]) -> list[str]:
    """Those of the ids, by kind, of which the book knows nothing."""
    found = []
    for kind, names in ids.items():
        _, ours = await known_resources(conn, "test", MEMOS[kind], [*names])
        found += [f"{kind} {name}" for name in names if name not in ours]
    return found


async def answers(conn: Connection, merchant: Sandbox) -> dict[str, AccessAnswer]:
    """The access answer for each customer, at the sandbox's time."""
    now = merchant.control.status().now
    found = {}
    for name in held(merchant, "customer"):
        answer = await access_of(conn, "test", name, now, Policy())
        found[name] = msgspec.structs.replace(answer, position="", at=now)
    return found


def fewest_requests(merchant: Sandbox, *, lists_only: bool = False, credit: bool = True) -> int:
    """The fewest requests that fill an empty book.

    One to see whose account it is. A list takes a request for each hundred rows and one for the
    empty page that ends it: of each kind, of the grants of each entitlement, of the balances of
    each credit and of each balance's ledger. By id, one for each resource of which lists leave
    something out.
    """
    sizes = [len(held(merchant, kind)) for kind in KINDS if kind != "entitlement_grant"]
    sizes += _sizes_below(merchant, "entitlement", "entitlement_grant")
    if credit:
        sizes += _sizes_below(merchant, "credit_entitlement", "credit_balance")
        ledgers = Counter(row["customer_id"] for row in held(merchant, "credit").values())
        sizes += [ledgers[b["customer_id"]] for b in held(merchant, "credit_balance").values()]
    lists = sum(math.ceil(size / 100) + 1 for size in sizes)
    by_id = sum(len(held(merchant, kind)) for kind in READ_BY_ID)
    return 1 + lists + (0 if lists_only else by_id)


def _sizes_below(merchant: Sandbox, parents: str, kind: str) -> list[int]:
    """The size of the list of parents, and of the list of each."""
    rows = Counter(row[f"{parents}_id"] for row in held(merchant, kind).values())
    names = held(merchant, parents)
    return [len(names), *(rows[name] for name in names)]


async def events(conn: Connection) -> int:
    row = await (await conn.execute("select count(*) as n from store.event")).fetchone()
    assert row is not None
    return int(row["n"])
