"""Figures against a count of the rows in Python, whatever the provider leaves out."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime
from random import Random
from typing import Any

import msgspec
import pytest
from msgspec.structs import asdict, replace
from psycopg.sql import SQL

from domain.fold import decode
from domain.recurring import COUNTED, is_on_trial, monthly
from projections.subscriptions import SUBSCRIPTIONS
from service.database.connections import Connection
from service.database.statements import relation
from service.queries import metrics, resources
from service.queries.clocks import known_by
from service.queries.metric_known import Booking, MetricQuestion
from service.queries.metric_parts import Wanted, parts_of_mrr, parts_of_sum
from service.queries.metric_rows import DISPUTED, PAID, PAID_OUT, REFUNDED, Counted
from service.queries.paging import Order
from service.queries.periods import Span, span
from service.readmodels.projector import advance
from service.readmodels.rebuild import rebuild
from service.sandbox.simulation import simulate
from service.store.events import append
from service.store.positions import Position
from tests.builders import NOON
from tests.deliveries import delivery

EVERYTHING = Wanted(None, 100_000, Order(b"", "-at", None), Position(0))
SUMS: Mapping[str, tuple[Any, Counted, str]] = {
    "revenue": (metrics.revenue, PAID, "payments"),
    "refunds": (metrics.refunds, REFUNDED, "refunds"),
    "disputes": (metrics.disputes, DISPUTED, "disputes"),
    "payouts": (metrics.payouts, PAID_OUT, "payouts"),
}
COUNTING = {"revenue": ("succeeded",), "refunds": ("succeeded",), "payouts": ("success",)}
BOOKINGS: tuple[Booking, ...] = ("created_at", "status_since")
PRODUCTS = (None, "pdt_pro")

SPANS = [
    # a day of 23 hours, and days that do not begin with those of UTC
    span("day", date(2026, 3, 20), date(2026, 4, 10), NOON, "Europe/London"),
    span("month", date(2025, 6, 1), date(2026, 5, 31), NOON, "Asia/Kathmandu"),
    span("quarter", date(2025, 1, 1), date(2026, 5, 31), NOON, "UTC"),
]

Sums = Counter[tuple[datetime, str | None, str]]


def sparse(content: bytes, chance: Random) -> bytes:
    """A body of the simulated provider, in which some fields may be missing or odd."""
    document = msgspec.json.decode(content)
    data, drawn = document["data"], chance.random()
    if document["type"] == "subscription.active" and drawn < 0.5:
        del data["product_id"]
    elif drawn < 0.1:
        data.pop(chance.choice(("currency", "product_id", "total_amount", "amount")), None)
    elif drawn < 0.2:
        data["currency"] = chance.choice(("SEK", "none"))
    elif drawn < 0.25 and "recurring_pre_tax_amount" in data:
        data["recurring_pre_tax_amount"] = chance.choice((None, 0, 2**53))
    elif drawn < 0.3 and "payment_frequency_interval" in data:
        data["payment_frequency_interval"] = chance.choice(("Day", "Week", "Year", None))
    return msgspec.json.encode(document)


async def tell(conn: Connection, contents: list[Any]) -> None:
    for start in range(0, len(contents), 60):
        await append(conn, "test", contents[start : start + 60])
        while await advance(conn, "test"):
            pass


async def figures(conn: Connection, question: MetricQuestion) -> dict[str, list[Any]]:
    found = {name: await read(conn, question) for name, (read, _, _) in SUMS.items()}
    found["mrr"], found["churn"] = await metrics.mrr_and_churn(conn, question)
    # what had not come yet has no row, and what was taken back has one of zeros
    return {name: [one for one in rows if any([*asdict(one).values()][2:])]
            for name, rows in found.items()}  # fmt: skip


async def counted(conn: Connection, name: str, asked: Span, date_of: Booking) -> Sums:
    """What a metric must say, from all rows of its read model."""
    _, one, count = SUMS[name]
    rows = await conn.execute(SQL("select * from {}").format(relation(one.projection.view)))
    sums = Sums()
    for row in await rows.fetchall():
        at, statuses = row[date_of], COUNTING.get(name)
        if (statuses and row["status"] not in statuses) or row.get("is_update_payment_method"):
            continue
        if not asked.periods[0] <= at < asked.until:
            continue
        currency = None if row["currency"] == "none" else row["currency"]
        key = (asked.periods[bisect_right(asked.periods, at) - 1].astimezone(UTC), currency)
        sums[*key, count] += 1
        sums[*key, "amount"] += row.get("total_amount", row.get("amount")) or 0
    return sums


async def recurring(conn: Connection, product: str | None) -> Counter[str | None]:
    """What recurs by currency, from the folds of all subscriptions."""
    rows = await conn.execute(SQL("select memo from {}").format(relation(SUBSCRIPTIONS.view)))
    sums = Counter[str | None]()
    for row in await rows.fetchall():
        folded = decode("subscription", row["memo"])
        state = folded.state
        stands = folded.status in COUNTED and not (state.on_demand or is_on_trial(state))
        if stands and product in {None, state.product_id} and monthly(state):
            sums[None if state.currency == "none" else state.currency] += monthly(state)
    return sums


async def hold_against_rows(conn: Connection, question: MetricQuestion) -> None:
    found = await figures(conn, question)
    for name, (_, one, count) in SUMS.items():
        said = Sums({
            (row.period.astimezone(UTC), row.currency, field): getattr(row, field)
            for row in found[name] for field in (count, "amount")
        })  # fmt: skip
        if question.product_id is None:
            expected = await counted(conn, name, question.span, question.booked_by)
            assert said == expected, name
        parts = (await parts_of_sum(conn, one, question, EVERYTHING)).data
        assert parts or question.product_id or question.span.interval == "day", name
        assert len(parts) == sum(getattr(row, count) for row in found[name])
        assert sum(p.amount or 0 for p in parts) == sum(row.amount for row in found[name])
    if question.span.until > NOON:
        await hold_against_folds(conn, question, found["mrr"])


async def hold_against_folds(conn: Connection, question: MetricQuestion, said: list[Any]) -> None:
    end = question.span.periods[-1]
    last = {row.currency: row for row in said if row.period == end}
    worth = await recurring(conn, question.product_id)
    assert {c: row.mrr for c, row in last.items() if row.mrr} == {
        c: n for c, n in worth.items() if n
    }
    parts = (await parts_of_mrr(conn, "mrr", question, EVERYTHING)).data
    standing = Counter[str | None]()
    for part in parts:
        standing[None if part.currency == "none" else part.currency] += part.amount or 0
    assert +standing == +worth


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
async def test_each_figure_is_the_sum_of_what_there_is(conn: Connection, seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - the same each time
    told = [
        delivery(sparse(one.body, chance), one.webhook_id)
        for one in simulate(25, seed, until=NOON, chaos=True)
    ]
    for _ in range(60):
        told.insert(chance.randrange(len(told)), told.pop(chance.randrange(len(told))))
    await tell(conn, told[: len(told) // 2])
    target = await resources.target_of(conn, "test")
    questions = [
        MetricQuestion(target=target, span=one, product_id=product, booked_by=booking)
        for one in SPANS for product in PRODUCTS for booking in BOOKINGS
    ]  # fmt: skip
    before = [await figures(conn, question) for question in questions]
    rows = await conn.execute("select max(position) as last from store.event")
    closed = Position((await rows.fetchall())[0]["last"])
    await tell(conn, told[len(told) // 2 :])
    for question in questions:
        await hold_against_rows(conn, question)
    known = await known_by(conn, "test", closed, datetime.now(UTC))
    for question, then in zip(questions, before, strict=True):
        assert await figures(conn, replace(question, known=known)) == then
    after = [await figures(conn, question) for question in questions]
    await rebuild(conn)
    assert [await figures(conn, question) for question in questions] == after
