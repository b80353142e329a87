"""Figures as they were known, whatever is recorded while they are asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest

from projections.movements import MOVEMENTS
from service.database.connections import Connection, connect
from service.queries import metric_known, metrics, resources
from service.queries.metric_known import Known, MetricQuestion
from service.queries.metric_parts import Wanted, parts_of_mrr, parts_of_sum
from service.queries.metric_rows import PAID
from service.queries.paging import Order
from service.queries.periods import span
from service.readmodels.folding import fold_aside
from service.readmodels.projector import advance
from service.readmodels.rebuild import rebuild
from service.store.events import append
from service.store.positions import Position
from tests.builders import NOON, at, body
from tests.deliveries import delivery

Figure = Callable[[Connection, MetricQuestion], Awaitable[int]]
Do = Callable[[Connection], Awaitable[None]]

LATEST = Wanted("USD", 9, Order(b"", "-at", None), Position(2))


async def tell(conn: Connection, *contents: bytes) -> None:
    await append(conn, "test", [delivery(content) for content in contents])
    while await advance(conn, "test"):
        pass


def paid(kind: str, second: float) -> bytes:
    return body(
        f"payment.{kind}", kind, at(second), "pay_1", created_at=at(0), total_amount=500,
        currency="USD",
    )  # fmt: skip


def subscribed(kind: str, second: float) -> bytes:
    return body(
        f"subscription.{kind}", "active", at(second), "sub_1", created_at=at(0), currency="USD",
        recurring_pre_tax_amount=900, payment_frequency_interval="Month", payment_frequency_count=1,
    )  # fmt: skip


async def revenue(conn: Connection, question: MetricQuestion) -> int:
    return sum(one.amount for one in await metrics.revenue(conn, question))


async def payments(conn: Connection, question: MetricQuestion) -> int:
    found = await parts_of_sum(conn, PAID, question, LATEST)
    return sum(one.amount or 0 for one in found.data)


async def recurring(conn: Connection, question: MetricQuestion) -> int:
    return sum(one.mrr for one in await metrics.mrr(conn, question))


async def subscribers(conn: Connection, question: MetricQuestion) -> int:
    found = await parts_of_mrr(conn, "mrr", question, LATEST)
    return sum(one.amount or 0 for one in found.data)


async def somebody_waits(conn: Connection) -> bool:
    """Whether somebody waits for a lock on a view of the read models."""
    found = await conn.execute(
        "select from pg_locks where not granted and relation::regclass::text like 'read.%'"
    )
    return bool(await found.fetchall())


CASES: list[tuple[Figure, int, bytes]] = [
    (revenue, 500, paid("succeeded", 60)),
    (payments, 500, paid("succeeded", 60)),
    (recurring, 900, subscribed("renewed", -60)),
    (subscribers, 900, subscribed("renewed", -60)),
]


@pytest.fixture
async def closed(conn: Connection) -> MetricQuestion:
    """A question about a month as it was known after two events."""
    await tell(conn, paid("succeeded", 0), subscribed("active", 0))
    month = span("month", date(2026, 5, 1), date(2026, 5, 31), NOON)
    target = await resources.target_of(conn, "test")
    return MetricQuestion(target=target, span=month, known=Known(2, NOON))


@pytest.fixture
def meanwhile(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[Do], None]:
    """Let something be done by others each time that a question has found what to fold again."""

    def let(do: Do) -> None:
        async def fold_meanwhile(count: int, work: Callable[[], Any]) -> Any:  # noqa: ANN401
            async with await connect(database_url) as other:
                await do(other)
            return await fold_aside(count, work)

        monkeypatch.setattr(metric_known, "fold_aside", fold_meanwhile)

    return let


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
async def test_what_is_recorded_meanwhile_changes_no_closed_month(
    conn: Connection,
    closed: MetricQuestion,
    meanwhile: Callable[[Do], None],
    case: tuple[Figure, int, bytes],
) -> None:
    figure, worth, later = case
    assert await figure(conn, closed) == worth
    meanwhile(lambda other: tell(other, later))
    assert await figure(conn, closed) == worth


async def test_a_rebuild_meanwhile_empties_no_closed_month(
    conn: Connection, closed: MetricQuestion, meanwhile: Callable[[Do], None], database_url: str
) -> None:
    rebuilding: list[asyncio.Task[Any]] = []

    async def build() -> None:
        async with await connect(database_url) as own:
            await rebuild(own, [MOVEMENTS])

    async def begin(other: Connection) -> None:
        rebuilding.append(asyncio.create_task(build()))
        async with asyncio.timeout(60):
            # until it has switched, or waits to
            while not rebuilding[0].done() and not await somebody_waits(other):  # noqa: ASYNC110 - of the database
                await asyncio.sleep(0.01)

    meanwhile(begin)
    assert await recurring(conn, closed) == 900
    await rebuilding[0]
