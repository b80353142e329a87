"""A merchant at the stand-in for the provider, whose webhooks a test passes on or loses."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from service.database.connections import Connection, connect
from service.provider.reconciliation.options import Options
from service.provider.reconciliation.run import reconcile
from service.queries import reconcile as kept
from service.queries.paging import order
from service.queries.reconcile import Difference, Run
from service.readmodels.projector import advance
from service.settings import Book
from service.store.events import append
from tests.builders import SECRET
from tests.conftest import fresh_database, name_of
from tests.deliveries import delivery
from tests.receiver import Received, Receiver, receiver
from tests.sandbox import Sandbox, sandbox

UNLIMITED = ("--requests-per-minute=0", "--requests-per-second=0")


class Merchant:
    """A sandbox, what it sent, and the book ``test`` that is compared with it."""

    def __init__(self, running: Sandbox, told: Receiver) -> None:
        self.sandbox = running
        self.control = running.control
        self._told = told

    def book(self, **settings: Any) -> Book:  # noqa: ANN401 - as settings are
        """The settings of the book."""
        provider = {
            "api_key": self.sandbox.api_key, "url": self.sandbox.url,
            "requests_per_minute": 100_000, **settings.pop("provider", {}),
        }  # fmt: skip
        return Book.model_validate(
            {"mode": "test", "secrets": [SECRET], "provider": provider, **settings}
        )

    def sent(self) -> list[Received]:
        """What was sent since the last call."""
        self.control.settle()
        sent, self._told.received = self._told.received, []
        return sent

    async def reconcile(self, url: str, *, book: Book | None = None, **options: Any) -> Run:  # noqa: ANN401 - as options are
        """A run that waits for nothing."""
        given = {"settle": timedelta(0), "since": timedelta(days=3650), **options}
        return await reconcile(url, "test", book or self.book(), Options(**given))


@contextmanager
def merchant(customers: int = 8, seed: int = 1, behind: str = "60d") -> Iterator[Merchant]:
    """A merchant for the duration of the block."""
    with (
        receiver() as told,
        sandbox(
            *UNLIMITED, customers=customers, seed=seed, behind=behind, webhooks_to=told.url,
            secret=SECRET,
        ) as running,
    ):  # fmt: skip
        yield Merchant(running, told)


async def project(conn: Connection) -> None:
    """Bring the read models up to date."""
    while await advance(conn, "test"):
        pass


async def deliver(conn: Connection, sent: Iterable[Received]) -> None:
    """Record webhooks, and project them."""
    new = [delivery(one.body, one.webhook_id, one.sent_at) for one in sent]
    if new:
        await append(conn, "test", new)
    await project(conn)


async def found(conn: Connection, run: Run, **filters: str) -> list[Difference]:
    """The differences of a run."""
    path = f"/v1/reconcile/runs/{run.run_id}/differences"
    wanted = {"kind": None, "cause": None, "effect": None, **filters}
    page = await kept.differences(
        conn, "test", run.run_id, wanted, 10_000, order({}, ("number",), int, path)
    )
    return page.data


async def fill(conn: Connection, url: str, shop: Merchant) -> None:
    """Fill the book with what the provider has."""
    shop.sent()
    await shop.reconcile(url, apply=True, accept_losses=True)
    await project(conn)


def filled(postgres: str, template: str, shop: Merchant) -> str:
    """The name of a database with what the provider has now, for others to be copies of."""
    url = fresh_database(postgres, template)

    async def made() -> None:
        async with await connect(url) as conn:
            await fill(conn, url, shop)

    asyncio.run(made())
    return name_of(url)


async def event_count(conn: Connection) -> int:
    """How many events the store has."""
    row = await (await conn.execute("select count(*) as n from store.event")).fetchone()
    return int(row["n"]) if row else 0


def active(shop: Merchant, count: int = 1) -> list[str]:
    """The ids of active subscriptions."""
    held = shop.control.resources("subscription")
    found = [name for name, one in sorted(held.items()) if one["status"] == "active"]
    assert len(found) >= count
    return found[:count]


def customer_of(shop: Merchant, subscription_id: str) -> str:
    """Whose subscription it is."""
    customer = shop.control.resources("subscription")[subscription_id]["customer"]
    return str(customer["customer_id"])
