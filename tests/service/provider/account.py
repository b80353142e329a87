"""A provider whose every answer a test decides: resources by kind, and answers by path."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import msgspec

from domain.policy import Policy
from service.database.connections import Connection
from service.provider.client import Patience
from service.provider.reconciliation.options import Options
from service.provider.reconciliation.run import reconcile
from service.queries.access import access_of
from service.queries.reconcile import Difference, Run
from service.settings import Book
from tests.builders import SECRET
from tests.service.provider.merchant import found, project
from tests.service.provider.stand_in import KEY, Answer, Request, answering, document

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
BRIEF = Patience(30.0, failing=0.2)
_ID = {
    "subscriptions": "subscription_id", "payments": "payment_id", "refunds": "refund_id",
    "disputes": "dispute_id", "customers": "customer_id", "payouts": "payout_id",
}  # fmt: skip


class Account:
    """What the provider has: ``held`` by the path of its list, and ``said`` by path instead.

    ``pages`` has the rows of lists that belong to a resource; ``unlisted`` are in no list.
    """

    def __init__(self) -> None:
        self.held: dict[str, list[dict[str, Any]]] = {}
        self.pages: dict[str, list[dict[str, Any]]] = {}
        self.said: dict[str, Answer] = {}
        self.unlisted: set[str] = set()
        self.asked: list[str] = []
        self.url = ""

    def add(self, path: str, identity: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """A resource that was created two days ago."""
        one = {_ID.get(path, "id"): identity, "created_at": NOW - 2 * DAY, **fields}
        self.held.setdefault(path, []).append(one)
        return one

    def subscribe(self, identity: str, status: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """A subscription that is paid until the day after tomorrow."""
        customer = fields.pop("customer", f"cus_{identity}")
        return self.add(
            "subscriptions", identity, status=status, product_id="pdt_1",
            customer={"customer_id": customer, "email": f"{customer}@x.example", "name": customer},
            previous_billing_date=NOW - 2 * DAY, next_billing_date=NOW + 2 * DAY,
            payment_frequency_interval="Month", payment_frequency_count=1,
            recurring_pre_tax_amount=900, currency="EUR", **fields,
        )  # fmt: skip

    def answer(self, request: Request) -> Answer:
        """What is said, or else what is held."""
        self.asked.append(request.path)
        if request.path in self.said:
            return self.said[request.path]
        if request.path in self.pages:
            first = int(request.query.get("page_number", "0")) == 0
            rows = self.pages[request.path] if first else []
            return Answer(200, msgspec.json.encode({"items": rows}))
        kind, _, identity = request.path.strip("/").partition("/")
        held = self.held.get(kind, [])
        if identity:
            id_field = _ID.get(kind, "id")
            for one in held:
                if one[id_field] == unquote(identity):
                    return Answer(200, msgspec.json.encode(one))
            return Answer(404, b'{"message":"no such thing"}')
        if kind == "webhooks":
            return document({"data": [], "iterator": None, "done": True})
        status, page = request.query.get("status"), int(request.query.get("page_number", "0"))
        size = int(request.query.get("page_size", "10"))
        found = [
            one for one in held
            if status in {None, one.get("status")} and one[_ID.get(kind, "id")] not in self.unlisted
        ]  # fmt: skip
        return Answer(200, msgspec.json.encode({"items": found[page * size : (page + 1) * size]}))

    def book(self, **settings: Any) -> Book:  # noqa: ANN401 - as settings are
        """The settings of the book."""
        provider = {
            "api_key": KEY, "url": self.url, "requests_per_minute": 100_000,
            **settings.pop("provider", {}),
        }  # fmt: skip
        return Book.model_validate(
            {"mode": "test", "secrets": [SECRET], "provider": provider, **settings}
        )

    async def reconcile(self, url: str, *, book: Book | None = None, **options: Any) -> Run:  # noqa: ANN401 - as options are
        """A run that waits for nothing."""
        given = {"settle": timedelta(0), "since": timedelta(days=3650), **options}
        return await reconcile(url, "test", book or self.book(), Options(**given))


@contextmanager
def account() -> Iterator[Account]:
    """An account for the duration of the block."""
    made = Account()
    with answering(made.answer) as url:
        made.url = url
        yield made


def said(value: object, status: int = 200) -> Answer:
    """An answer in JSON."""
    return Answer(status, json.dumps(value).encode())


@contextmanager
def small_account() -> Iterator[Account]:
    """An account with three subscriptions, one payment and a licence key."""
    with account() as made:
        for name in ("sub_a", "sub_b", "sub_c"):
            made.subscribe(name, "active")
        made.add("payments", "pay_1", status="succeeded", customer={"customer_id": "cus_sub_a"})
        made.add("license_keys", "lic_1", status="active", customer_id="cus_sub_a")
        yield made


async def fill(conn: Connection, url: str, shop: Account) -> None:
    run = await shop.reconcile(url, apply=True)
    assert run.state == "in_sync"
    await project(conn)


async def differing(conn: Connection, run: Run) -> dict[str, Difference]:
    return {one.id: one for one in await found(conn, run)}


def why(run: Run, what: str) -> str:
    """Why something was not looked at."""
    return next(one.why for one in run.skipped if one.what == what)


async def is_entitled(conn: Connection, customer_id: str) -> bool:
    answer = await access_of(conn, "test", customer_id, datetime.now(UTC), Policy())
    return answer.entitled
