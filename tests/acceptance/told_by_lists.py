"""A provider whose lists and resources a test names, and what a book says once it is filled."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import msgspec

from domain.policy import Policy
from service.database.connections import Connection
from service.provider.backfill import Options, Outcome, backfill
from service.queries.access import access_of
from service.queries.answers import AccessAnswer
from service.store.events import append
from tests.acceptance.filling import project
from tests.deliveries import delivery
from tests.service.provider.stand_in import Answer, Request, answering, client_of

IDS = {"subscriptions": "subscription_id", "payments": "payment_id", "license_keys": "id"}
"""What can be listed and read by id, and what names it."""


class Shop:
    """What the provider has.

    Attributes:
        lists: the rows of each list, by its path.
        whole: resources as they are read by id, by their path; those of the lists otherwise.
        dates: what ``Date`` the next answers have; the last one stays, none is the time.
        asked: the paths that were asked for.
    """

    def __init__(self, lists: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        self.lists = dict(lists)
        self.whole: dict[str, Mapping[str, Any]] = {}
        self.date: datetime | None = None
        self.asked: list[str] = []

    def answer(self, request: Request) -> Answer:
        self.asked.append(request.path)
        headers = {"date": format_datetime(self.date, usegmt=True)} if self.date else {}
        name, _, identity = request.path.strip("/").partition("/")
        if not identity or request.path in self.lists:
            first = request.query.get("page_number") == "0"
            content: Any = {"items": self.lists.get(request.path, ()) if first else ()}
        else:
            found = [r for r in self.lists.get(f"/{name}", ()) if r[IDS[name]] == identity]
            if not found:
                return Answer(404, headers=headers)
            content = self.whole.get(request.path, found[0])
        return Answer(200, msgspec.json.encode(content), headers)

    async def fill(self, url: str, options: Options | None = None) -> Outcome:
        with answering(self.answer) as here:
            async with client_of(here, requests_per_minute=100_000) as provider:
                return await backfill(url, provider, "test", None, options)


async def tell(conn: Connection, *told: tuple[str, datetime, Mapping[str, Any]]) -> None:
    """Record webhooks: their type, their moment, their data."""
    bodies = [
        msgspec.json.encode({"business_id": "bus_1", "type": t, "timestamp": at, "data": data})
        for t, at, data in told
    ]
    await append(conn, "test", [delivery(content) for content in bodies])
    await project(conn)


async def answer(conn: Connection, at: datetime | None = None) -> AccessAnswer:
    """The access of ``cus_1``."""
    await project(conn)
    return await access_of(conn, "test", "cus_1", at or datetime.now(UTC), Policy())
